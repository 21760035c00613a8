//! Subscription items by themselves: what is done to one is a change of its subscription.

use serde_json::{Value, json};

use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param, required};
use crate::stripe::sandbox::state::World;

use super::change::{BEHAVIOUR, PRORATION};
use super::subscriptions;

pub const CREATE: &[Param] = &[
    required("subscription", Kind::Text),
    required("price", Kind::Text),
    param("quantity", Kind::Int),
    param("metadata", Kind::Metadata),
    param("payment_behavior", BEHAVIOUR),
    param("proration_behavior", PRORATION),
    param("proration_date", Kind::Time(&[])),
];
pub const UPDATE: &[Param] = &[
    param("price", Kind::Text),
    param("quantity", Kind::Int),
    param("metadata", Kind::Metadata),
    param("payment_behavior", BEHAVIOUR),
    param("proration_behavior", PRORATION),
    param("proration_date", Kind::Time(&[])),
    param("off_session", Kind::Bool),
];
pub const DELETE: &[Param] =
    &[param("proration_behavior", PRORATION), param("proration_date", Kind::Time(&[])), param("payment_behavior", BEHAVIOUR)];
pub const FILTERS: &[Param] = &[required("subscription", Kind::Text)];

/// The item, and its subscription's id.
fn find(world: &World, id: &str) -> Result<(Value, String), ApiError> {
    for subscription in world.all("subscription") {
        if let Some(item) = subscription.list("items/data").iter().find(|item| item.text("id") == id) {
            return Ok((item.clone(), subscription.text("id").to_owned()));
        }
    }
    Err(ApiError::missing("subscription_item", id))
}

pub fn retrieve(world: &World, id: &str) -> Answer {
    Ok(find(world, id)?.0)
}

pub fn listed(world: &World, params: &Value) -> Result<Vec<Value>, ApiError> {
    let subscription = world.referred("subscription", "subscription", params.text("subscription"))?;
    Ok(subscription.list("items/data").to_vec())
}

/// The update of the subscription that an item's parameters come to.
fn as_update(params: &Value, mut item: Value) -> Value {
    let mut update = super::given(params, &["payment_behavior", "proration_behavior", "proration_date", "off_session"]);
    item.also(super::given(params, &["price", "quantity", "metadata"]));
    update.also(json!({ "items": [item] }));
    update
}

pub fn create(world: &mut World, params: &Value) -> Answer {
    let subscription = params.text("subscription");
    world.referred("subscription", "subscription", subscription)?;
    let updated = subscriptions::update(world, subscription, &as_update(params, json!({})))?;
    let price = params.text("price");
    let made = updated.list("items/data").iter().find(|item| item.text("price/id") == price);
    made.cloned().ok_or_else(|| ApiError::invalid("The item waits for its payment."))
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let (_, subscription) = find(world, id)?;
    subscriptions::update(world, &subscription, &as_update(params, json!({ "id": id })))?;
    retrieve(world, id)
}

pub fn delete(world: &mut World, id: &str, params: &Value) -> Answer {
    let (_, subscription) = find(world, id)?;
    subscriptions::update(world, &subscription, &as_update(params, json!({ "id": id, "deleted": true })))?;
    Ok(json!({ "id": id, "object": "subscription_item", "deleted": true }))
}
