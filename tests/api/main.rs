//! All tests are one binary: every further one links the whole stack again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod graphiql;
