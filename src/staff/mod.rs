//! Operations for the platform's own people.

pub mod demo;
