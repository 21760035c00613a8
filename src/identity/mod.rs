//! People, the accounts they work for, and how they prove who they are.
//!
//! A *user* is a person. An *account* is what people work for and what pays; a *membership* joins the two and holds the role. A
//! *sign-in* is one device of one person: it speaks for one account at a time, and lives on through refresh tokens, each of which is
//! used once. An *access token* is what a request shows: it names the sign-in, lasts 15 minutes, and counts only as long as the
//! sign-in, the person and the membership do. An *invitation* is a membership to be, held by whoever reads a mailbox. An
//! *identity* is who somebody is elsewhere, at a *provider*. An address is *verified* once somebody has shown that they read its mail;
//! another one that a person asks for is *pending* until then, and not theirs.
//!
//! Everybody belongs to at least one account: whoever is removed from their last one gets one of their own. Who changes who belongs
//! to an account locks its row first, then people, then sign-ins.

pub mod accept_invitation;
pub mod account;
pub mod actor;
pub mod audit;
pub mod change_email;
pub mod change_member_role;
pub mod change_password;
pub mod cookie;
pub mod deactivate_user;
pub mod delete_account;
pub mod email_change;
pub mod email_token;
pub mod erase_account;
pub mod grant;
pub mod graphql;
pub mod identity;
pub mod invitation;
pub mod invite_member;
pub mod jobs;
pub mod mail_count;
pub mod membership;
pub mod opaque_token;
pub mod password;
pub mod pending_email;
pub mod provider; // Google, GitHub
pub mod reactivate_user;
pub mod refresh_token;
pub mod refresh_tokens;
pub mod remove_member;
pub mod request_email_verification;
pub mod request_mail;
pub mod request_password_reset;
pub mod request_sign_in_code;
pub mod requesters;
pub mod reset_password;
pub mod restore_account;
pub mod revoke_invitation;
pub mod revoke_sign_in;
pub mod rules;
pub mod sign_in;
pub mod sign_in_code;
pub mod sign_in_with_code;
pub mod sign_in_with_password;
pub mod sign_in_with_provider;
pub mod sign_out;
pub mod sign_up;
pub mod switch_account;
pub mod token;
pub mod transfer_ownership;
pub mod update_account;
pub mod update_profile;
pub mod user;
pub mod verify_email;
