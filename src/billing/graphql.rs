//! Limits on the wire.

use async_graphql::SimpleObject;

use super::plan::LimitKey;

pub mod change; // of a subscription
pub mod checkout; // pages to pay on
pub mod delivery; // what staff see of Stripe's deliveries
pub mod live; // billing as it happens
pub mod money;
pub mod plan;
pub mod subscription;

/// A number that the plan limits.
#[derive(Clone, SimpleObject)]
pub struct Limit {
    /// Which one.
    pub key: LimitKey,
    /// Null: unlimited.
    pub max: Option<i32>,
    /// How much of it is used.
    pub used: i32,
}

impl From<super::plan::Limit> for Limit {
    fn from(super::plan::Limit { key, max, used }: super::plan::Limit) -> Self {
        Self { key, max, used }
    }
}
