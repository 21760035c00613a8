//! One file a resource: its parameters, and what can be done with it. Operations take checked parameters and the world, and
//! answer with an object in the newest shape.

pub mod account;
pub mod change;
pub mod checkout;
pub mod customers;
pub mod discounts;
pub mod disputes;
pub mod invoices;
pub mod lifecycle;
pub mod payments;
pub mod portal;
pub mod preview;
pub mod prices;
pub mod products;
pub mod refunds;
pub mod schedules;
pub mod subscription_items;
pub mod subscriptions;
pub mod webhook_endpoints;

use serde_json::{Map, Value};

use super::json::Json;

/// Metadata after an update: names sent empty go, null clears everything.
fn metadata(old: &Value, params: &Value) -> Value {
    let mut merged = old.as_object().cloned().unwrap_or_default();
    match params.get("metadata") {
        None => {}
        Some(Value::Object(given)) => {
            for (name, value) in given {
                if value.as_str() == Some("") {
                    merged.shift_remove(name);
                } else {
                    merged.insert(name.clone(), value.clone());
                }
            }
        }
        Some(_) => merged = Map::new(),
    }
    Value::Object(merged)
}

/// Those of the parameters that were given, under their own names.
fn given(params: &Value, names: &[&str]) -> Value {
    let fields = names.iter().filter_map(|name| params.get(*name).map(|value| ((*name).to_owned(), value.clone())));
    Value::Object(fields.collect())
}

/// A field that was sent empty has no value; these have one always.
fn without_nulls(mut fields: Value, names: &[&str]) -> Value {
    if let Value::Object(map) = &mut fields {
        map.retain(|name, value| !(value.is_null() && names.contains(&name.as_str())));
    }
    fields
}

/// What a `metadata` parameter makes of a new object.
fn first_metadata(params: &Value) -> Value {
    metadata(&Value::Null, params)
}

/// The texts of a list.
pub fn texts(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn is_one_of(object: &Value, field: &str, values: &[&str]) -> bool {
    values.contains(&object.text(field))
}
