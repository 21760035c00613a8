//! People, the accounts they work for, and how they prove who they are.
//!
//! A *user* is a person. An *account* is what people work for and what pays; a *membership* joins the two and holds the role. A
//! *sign-in* is one device of one person: it speaks for one account at a time, and lives on through refresh tokens, each of which is
//! used once. An *access token* is what a request shows: it names the sign-in, lasts 15 minutes, and counts only as long as the
//! sign-in, the person and the membership do. An *identity* is who somebody is elsewhere, at a *provider*.

pub mod account;
pub mod actor;
pub mod change_password;
pub mod cookie;
pub mod deactivate_user;
pub mod grant;
pub mod graphql;
pub mod identity;
pub mod membership;
pub mod password;
pub mod provider; // Google, GitHub
pub mod refresh_token;
pub mod refresh_tokens;
pub mod requesters;
pub mod rules;
pub mod sign_in;
pub mod sign_in_with_password;
pub mod sign_in_with_provider;
pub mod sign_out;
pub mod sign_up;
pub mod switch_account;
pub mod token;
pub mod update_profile;
pub mod user;
