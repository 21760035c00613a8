//! All tests are one binary: every further one links the whole stack again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod authorization;
mod embedded;
mod endpoint;
mod graphiql;
mod guard;
mod health;
mod identity_deactivate;
mod identity_password;
mod identity_profile;
mod identity_refresh;
mod identity_requesters;
mod identity_sign_in;
mod identity_sign_out;
mod identity_sign_up;
mod identity_switch;
mod identity_tokens;
mod limits;
mod live;
mod session_report;
mod session_state;
mod sessions;
mod shutdown;
mod support;
mod telemetry;
mod tour;
mod tree_create;
mod tree_diff;
mod tree_expression;
mod tree_formats;
mod tree_list;
mod tree_publish;
mod tree_search;
mod tree_templates;
mod tree_validate;
mod trees;
