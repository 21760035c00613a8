//! Prices: only per unit, licensed. What a price costs never changes.

use serde_json::{Value, json};
use stripe_types::Currency;

use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, TEXTS, param, required};
use crate::stripe::sandbox::state::{World, blank};

use super::{first_metadata, given, metadata, without_nulls};

const RECURRING: &[Param] = &[
    required("interval", Kind::OneOf(&["day", "week", "month", "year"])),
    param("interval_count", Kind::Int),
    param("usage_type", Kind::OneOf(&["licensed"])),
    param("trial_period_days", Kind::Int),
];

pub const CREATE: &[Param] = &[
    required("currency", Kind::Text),
    param("unit_amount", Kind::Int),
    param("unit_amount_decimal", Kind::Text),
    param("product", Kind::Text),
    param("product_data", Kind::Hash(PRODUCT_DATA)),
    param("recurring", Kind::Hash(RECURRING)),
    param("active", Kind::Bool),
    param("lookup_key", Kind::Text),
    param("transfer_lookup_key", Kind::Bool),
    param("nickname", Kind::Text),
    param("metadata", Kind::Metadata),
    param("billing_scheme", Kind::OneOf(&["per_unit"])),
    param("tax_behavior", Kind::OneOf(&["exclusive", "inclusive", "unspecified"])),
];

const PRODUCT_DATA: &[Param] = &[
    required("name", Kind::Text),
    param("description", Kind::Text),
    param("images", TEXTS),
    param("metadata", Kind::Metadata),
    param("tax_code", Kind::Text),
    param("unit_label", Kind::Text),
    param("statement_descriptor", Kind::Text),
    param("active", Kind::Bool),
    param("id", Kind::Text),
];

pub const OF_PRODUCT: &[Param] = &[
    required("currency", Kind::Text),
    param("unit_amount", Kind::Int),
    param("recurring", Kind::Hash(RECURRING)),
    param("metadata", Kind::Metadata),
    param("tax_behavior", Kind::OneOf(&["exclusive", "inclusive", "unspecified"])),
];

/// A price made on the spot, for one checkout.
pub const INLINE: &[Param] = &[
    required("currency", Kind::Text),
    param("unit_amount", Kind::Int),
    param("product", Kind::Text),
    param("product_data", Kind::Hash(PRODUCT_DATA)),
    param("recurring", Kind::Hash(RECURRING)),
    param("tax_behavior", Kind::OneOf(&["exclusive", "inclusive", "unspecified"])),
];

pub const UPDATE: &[Param] = &[
    param("active", Kind::Bool),
    param("lookup_key", Kind::Text),
    param("transfer_lookup_key", Kind::Bool),
    param("nickname", Kind::Text),
    param("metadata", Kind::Metadata),
    param("tax_behavior", Kind::OneOf(&["exclusive", "inclusive", "unspecified"])),
];

pub const FILTERS: &[Param] = &[
    param("active", Kind::Bool),
    param("currency", Kind::Text),
    param("product", Kind::Text),
    param("type", Kind::OneOf(&["one_time", "recurring"])),
    param("lookup_keys", TEXTS),
];

pub fn create(world: &mut World, params: &Value) -> Answer {
    let amount = match (params.maybe_int("unit_amount"), params.maybe_text("unit_amount_decimal")) {
        (Some(amount), _) => amount,
        (None, Some(decimal)) => {
            decimal.parse().map_err(|_| ApiError::param("unit_amount_decimal", None, "The sandbox only knows whole amounts.".to_owned()))?
        }
        (None, None) => return Err(ApiError::param("unit_amount", Some("parameter_missing"), "Missing required param: unit_amount.")),
    };
    if !(0..=99_999_999).contains(&amount) {
        return Err(ApiError::param("unit_amount", None, "Invalid non-negative integer"));
    }
    let currency = params.text("currency").to_lowercase();
    if !is_currency(&currency) {
        let message = format!("Invalid currency: {currency}. Stripe currently supports these currencies: usd, aed, afn, all, …");
        return Err(ApiError::param("currency", None, message));
    }
    take_lookup_key(world, params, "")?;
    let product = match params.maybe_text("product") {
        Some(product) => {
            world.referred("product", "product", product)?;
            product.to_owned()
        }
        None if params.has("product_data") => super::products::create(world, params.at("product_data"))?.text("id").to_owned(),
        None => return Err(ApiError::param("product", Some("parameter_missing"), "Missing required param: product.")),
    };
    let recurring = params.at("recurring");
    let mut fields = without_nulls(given(params, &["active", "nickname", "lookup_key", "tax_behavior"]), &["active", "tax_behavior"]);
    fields.patch(json!({
        "currency": currency,
        "product": product,
        "unit_amount": amount,
        "unit_amount_decimal": amount.to_string(),
        "type": if recurring.is_object() { "recurring" } else { "one_time" },
        "metadata": first_metadata(params),
    }));
    if recurring.is_object() {
        fields.set(
            "recurring",
            json!({
                "interval": recurring.text("interval"),
                "interval_count": recurring.maybe_int("interval_count").unwrap_or(1),
                "meter": null,
                "trial_period_days": recurring.at("trial_period_days"),
                "usage_type": "licensed",
            }),
        );
    }
    let id = world.create("price", fields);
    world.emit("price.created", &id);
    Ok(world.object(&id).clone())
}

/// Those of the library, and some that it does not know.
fn is_currency(code: &str) -> bool {
    let listed = code.parse().is_ok_and(|currency| !matches!(currency, Currency::Unknown(_)));
    listed || ["bhd", "jod", "kwd", "omr", "sle", "tnd", "xcg"].contains(&code)
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let old = world.find("price", id)?;
    let mut fields = without_nulls(given(params, &["active", "nickname", "lookup_key", "tax_behavior"]), &["active", "tax_behavior"]);
    fields.set("metadata", metadata(old.at("metadata"), params));
    take_lookup_key(world, params, id)?;
    world.change(id, "price.updated", fields);
    Ok(world.object(id).clone())
}

/// A lookup key belongs to one price; it can be taken away from another.
fn take_lookup_key(world: &mut World, params: &Value, own: &str) -> Result<(), ApiError> {
    let Some(key) = params.maybe_text("lookup_key") else { return Ok(()) };
    for other in world.ids_where("price", "lookup_key", key).into_iter().filter(|other| other != own) {
        if !params.flag("transfer_lookup_key") {
            let message = format!("A price (`{other}`) already uses that lookup key.");
            return Err(ApiError::param("lookup_key", None, message));
        }
        world.change(&other, "price.updated", json!({ "lookup_key": null }));
    }
    Ok(())
}

/// Whether it can be asked for: neither the price nor its product is archived.
pub fn for_sale(world: &World, param: &str, price: &Value) -> Result<(), ApiError> {
    let (id, product) = (price.text("id"), price.text("product"));
    if !price.flag("active") {
        let message = format!("The price specified is inactive. This field only accepts active prices: {id}.");
        return Err(ApiError::param(param, None, message));
    }
    if !world.object(product).flag("active") {
        let message = format!("The product {product} is marked as inactive: nothing new can begin at its price {id}.");
        return Err(ApiError::param(param, None, message));
    }
    Ok(())
}

/// The price as the plan that older clients know.
pub fn plan(price: &Value) -> Value {
    let mut plan = blank("plan");
    for field in ["active", "created", "currency", "id", "livemode", "metadata", "nickname", "product"] {
        plan.set(field, price.at(field).clone());
    }
    plan.patch(json!({
        "amount": price.at("unit_amount"),
        "amount_decimal": price.at("unit_amount_decimal"),
        "interval": price.at("recurring/interval"),
        "interval_count": price.at("recurring/interval_count"),
        "trial_period_days": price.at("recurring/trial_period_days"),
    }));
    plan
}
