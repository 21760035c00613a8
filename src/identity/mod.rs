//! People, the accounts they work for, and how they prove who they are.

pub mod actor;
pub mod requesters;
