//! Billing on the wire.

pub mod account; // what an account's billing shows
pub mod change; // of a subscription
pub mod checkout; // pages to pay on
pub mod credits;
pub mod delivery; // what staff see of Stripe's deliveries
pub mod live;
pub mod payment;
pub mod plan;
pub mod plan_mutation;
pub mod staff; // what staff do and see of an account's billing
pub mod subscription;
