//! What an account may use.

pub mod plan;
