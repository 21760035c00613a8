//! What arrives over HTTP.

pub mod graphiql;
