//! What an account may do, and why.

use async_graphql::SimpleObject;

use super::plan::PlanObject;
use crate::billing::entitlement;
use crate::billing::plan::Feature;
use crate::graphql::scalars::DateTime;

/// Which features the current plan opens, and until when.
#[derive(SimpleObject)]
pub struct Entitlements {
    /// The one that counts now.
    plan: PlanObject,
    /// What it opens.
    features: Vec<Feature>,
    /// Why access stands as it does, for people.
    reason: String,
    /// When access ends unless something changes.
    until: Option<DateTime>,
}

impl From<entitlement::Entitlements> for Entitlements {
    fn from(entitled: entitlement::Entitlements) -> Self {
        Self {
            features: entitled.plan.features.clone(),
            plan: PlanObject(entitled.plan),
            reason: entitled.reason,
            until: entitled.until.map(DateTime),
        }
    }
}
