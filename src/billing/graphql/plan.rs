//! Plans on the wire.

use async_graphql::{ID, SimpleObject};

/// What can be subscribed to.
#[derive(SimpleObject)]
#[graphql(name = "Plan")]
pub struct PlanObject {
    /// `plan_…`
    pub id: ID,
    /// Its name in programs.
    pub key: String,
    /// Its name for people.
    pub name: String,
}
