//! Fixpath: a GraphQL API server for guided troubleshooting.

pub mod tree;
