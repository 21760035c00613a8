//! `expand[]`: ids in an answer become the objects that they name, and parts that are left out by default come in.

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::Json;
use super::state::World;
use super::versions::{Version, bare, render};

/// The answer in that version, expanded, without our notes.
pub fn finish(world: &World, answer: &Value, paths: &[String], version: &Version) -> Result<Value, ApiError> {
    let mut shown = render(world, answer, version);
    for path in paths {
        let keys: Vec<&str> = path.split('.').collect();
        if keys.iter().filter(|key| **key != "data").count() > 4 {
            return Err(ApiError::param("expand", None, "You cannot expand more than 4 levels of a property."));
        }
        if !expand(world, &mut shown, &keys, version) {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(ApiError::param("expand", None, message));
        }
    }
    Ok(bare(shown))
}

/// False if there is no such property.
fn expand(world: &World, place: &mut Value, keys: &[&str], version: &Version) -> bool {
    let [key, rest @ ..] = keys else { return true };
    match place {
        Value::Array(items) => items.iter_mut().all(|item| expand(world, item, keys, version)),
        Value::Object(fields) => {
            if !fields.contains_key(*key) {
                let Some(part) = left_out(world, place, key) else { return false };
                place.set(key, render(world, &part, version));
            }
            let Some(inner) = place.get_mut(*key) else { return false };
            if let Some(id) = inner.as_str() {
                let object = world.object(id);
                if object.is_null() {
                    return false;
                }
                *inner = render(world, object, version);
            } else if let Value::Array(items) = inner {
                for item in items.iter_mut() {
                    let object = world.object(item.as_str().unwrap_or_default());
                    if !object.is_null() {
                        *item = render(world, object, version);
                    }
                }
            }
            expand(world, inner, rest, version)
        }
        // Nothing is there to expand.
        _ => true,
    }
}

/// What an object has and does not show unless it is asked.
fn left_out(world: &World, object: &Value, key: &str) -> Option<Value> {
    let id = object.text("id");
    let list = |data: Vec<Value>, url: String| Some(json!({ "object": "list", "data": data, "has_more": false, "url": url }));
    let of = |kind: &str, field: &str| world.all(kind).rev().filter(|one| one.text(field) == id).cloned().collect::<Vec<_>>();
    match (object.text("object"), key) {
        ("checkout.session", "line_items") => list(object.list("_line_items").to_vec(), format!("/v1/checkout/sessions/{id}/line_items")),
        ("invoice", "payments") => list(of("invoice_payment", "invoice"), "/v1/invoice_payments".to_owned()),
        ("invoice", "confirmation_secret") => {
            let intent = world.object(object.text("_payment_intent"));
            Some(json!({ "client_secret": intent.at("client_secret"), "type": "payment_intent" }))
        }
        ("charge", "refunds") => list(of("refund", "charge"), format!("/v1/charges/{id}/refunds")),
        ("customer", "subscriptions") => list(of("subscription", "customer"), format!("/v1/customers/{id}/subscriptions")),
        _ => None,
    }
}
