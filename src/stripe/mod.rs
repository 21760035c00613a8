//! Stripe, as the outside world: its HTTP, its signatures, its objects. Nothing here knows of accounts.

pub mod client; // calls of its API
pub mod development; // without a key, the sandbox plays Stripe
pub mod object; // what it tells, in the shapes of every API version
pub mod sandbox; // a simulation of Stripe, for development and tests
pub mod signature; // was it Stripe who sent this?
