//! Limits on the wire.

use async_graphql::SimpleObject;

use super::plan::{self, LimitKey};

pub mod delivery; // what staff see of Stripe's deliveries

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

impl From<plan::Limit> for Limit {
    fn from(plan::Limit { key, max, used }: plan::Limit) -> Self {
        Self { key, max, used }
    }
}
