//! All tests are one binary: every further one links the whole stack again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod endpoint;
mod graphiql;
mod guard;
mod health;
mod limits;
mod live;
mod session_report;
mod session_state;
mod shutdown;
mod support;
mod telemetry;
mod tree_diff;
mod tree_expression;
mod tree_formats;
mod tree_templates;
mod tree_validate;
