//! Stripe: speaking its HTTP, reading its objects. Nothing here knows accounts or plans.

pub mod sandbox; // a simulation of Stripe, for development and tests
