//! What an account may use.

pub mod graphql;
pub mod plan;
pub mod usage;
