//! Customers. A deleted one stays as a tombstone, and its subscriptions end at once.

use serde_json::{Value, json};

use crate::stripe::sandbox::error::Answer;
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, TEXTS, param};
use crate::stripe::sandbox::state::World;

use super::{first_metadata, given, lifecycle, metadata, without_nulls};

const ADDRESS: Kind = Kind::Hash(&[
    param("city", Kind::Text),
    param("country", Kind::Text),
    param("line1", Kind::Text),
    param("line2", Kind::Text),
    param("postal_code", Kind::Text),
    param("state", Kind::Text),
]);
const INVOICE_SETTINGS: Kind = Kind::Hash(&[param("default_payment_method", Kind::Text), param("footer", Kind::Text)]);

pub const CREATE: &[Param] = &[
    param("email", Kind::Text),
    param("name", Kind::Text),
    param("phone", Kind::Text),
    param("description", Kind::Text),
    param("metadata", Kind::Metadata),
    param("address", ADDRESS),
    param("balance", Kind::Int),
    param("invoice_prefix", Kind::Text),
    param("invoice_settings", INVOICE_SETTINGS),
    param("payment_method", Kind::Text),
    param("preferred_locales", TEXTS),
    param("tax_exempt", Kind::OneOf(&["none", "exempt", "reverse"])),
];
pub const UPDATE: &[Param] = CREATE;
pub const FILTERS: &[Param] = &[param("email", Kind::Text)];

const FIELDS: [&str; 9] =
    ["email", "name", "phone", "description", "address", "balance", "invoice_prefix", "preferred_locales", "tax_exempt"];
const NEVER_NULL: [&str; 4] = ["balance", "invoice_prefix", "preferred_locales", "tax_exempt"];

pub fn create(world: &mut World, params: &Value) -> Answer {
    let mut fields = json!({ "invoice_prefix": world.letters(8).to_uppercase() });
    fields.patch(without_nulls(given(params, &FIELDS), &NEVER_NULL));
    fields.set("metadata", first_metadata(params));
    let id = world.create("customer", fields);
    take_payment_method(world, &id, params)?;
    world.emit("customer.created", &id);
    Ok(world.object(&id).clone())
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let old = world.referred("id", "customer", id)?.clone();
    if let Some(email) = params.maybe_text("email").filter(|email| !email.rsplit('@').next().unwrap_or_default().contains('.')) {
        return Err(super::super::error::ApiError::param("email", Some("email_invalid"), format!("Invalid email address: {email}")));
    }
    let mut fields = without_nulls(given(params, &FIELDS), &NEVER_NULL);
    fields.set("metadata", metadata(old.at("metadata"), params));
    take_payment_method(world, id, params)?;
    world.edit(id, fields);
    world.emit_change("customer.updated", old);
    Ok(world.object(id).clone())
}

fn take_payment_method(world: &mut World, id: &str, params: &Value) -> Result<(), super::super::error::ApiError> {
    for (param, path) in
        [("payment_method", "payment_method"), ("invoice_settings[default_payment_method]", "invoice_settings/default_payment_method")]
    {
        let Some(method) = params.maybe_text(path) else { continue };
        let method = super::payments::named(world, param, method, id)?;
        world.edit(id, json!({ "invoice_settings/default_payment_method": method }));
    }
    Ok(())
}

pub fn delete(world: &mut World, id: &str) -> Answer {
    world.referred("id", "customer", id).map_err(|_| super::super::error::ApiError::missing("customer", id))?;
    for subscription in world.ids_where("subscription", "customer", id) {
        if world.object(&subscription).text("status") == "incomplete" {
            lifecycle::expire(world, &subscription, json!({}));
        } else if lifecycle::alive(world.object(&subscription)) {
            lifecycle::end(world, &subscription, Some("cancellation_requested"));
        }
    }
    Ok(world.bury(id, "customer.deleted"))
}
