//! Products.

use serde_json::{Value, json};

use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, TEXTS, param, required};
use crate::stripe::sandbox::state::World;

use super::{first_metadata, given, metadata, prices, without_nulls};

pub const CREATE: &[Param] = &[
    required("name", Kind::Text),
    param("id", Kind::Text),
    param("active", Kind::Bool),
    param("description", Kind::Text),
    param("metadata", Kind::Metadata),
    param("images", TEXTS),
    param("marketing_features", Kind::List(&Kind::Hash(&[required("name", Kind::Text)]))),
    param("statement_descriptor", Kind::Text),
    param("tax_code", Kind::Text),
    param("unit_label", Kind::Text),
    param("url", Kind::Text),
    param("shippable", Kind::Bool),
    param("default_price_data", Kind::Hash(prices::OF_PRODUCT)),
];

pub const UPDATE: &[Param] = &[
    param("name", Kind::Text),
    param("active", Kind::Bool),
    param("description", Kind::Text),
    param("metadata", Kind::Metadata),
    param("images", TEXTS),
    param("marketing_features", Kind::List(&Kind::Hash(&[required("name", Kind::Text)]))),
    param("statement_descriptor", Kind::Text),
    param("tax_code", Kind::Text),
    param("unit_label", Kind::Text),
    param("url", Kind::Text),
    param("shippable", Kind::Bool),
    param("default_price", Kind::Text),
];

pub const FILTERS: &[Param] = &[param("active", Kind::Bool), param("ids", TEXTS)];

const FIELDS: [&str; 10] =
    ["name", "active", "description", "images", "marketing_features", "statement_descriptor", "tax_code", "unit_label", "url", "shippable"];
const NEVER_NULL: [&str; 4] = ["name", "active", "images", "marketing_features"];

pub fn create(world: &mut World, params: &Value) -> Answer {
    if let Some(id) = params.maybe_text("id")
        && world.referred("id", "product", id).is_ok()
    {
        return Err(ApiError::state("resource_already_exists", format!("Product already exists: {id}")));
    }
    let mut fields = without_nulls(given(params, &FIELDS), &NEVER_NULL);
    fields.patch(json!({ "metadata": first_metadata(params), "updated": world.now }));
    if let Some(id) = params.maybe_text("id") {
        fields.set("id", id);
    }
    let id = world.create("product", fields);
    if params.has("default_price_data") {
        let mut price = params.at("default_price_data").clone();
        price.set("product", id.as_str());
        let price = prices::create(world, &price)?;
        world.edit(&id, json!({ "default_price": price.text("id") }));
    }
    world.emit("product.created", &id);
    Ok(world.object(&id).clone())
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let old = world.find("product", id)?;
    let mut fields = without_nulls(given(params, &FIELDS), &NEVER_NULL);
    fields.set("metadata", metadata(old.at("metadata"), params));
    if let Some(price) = params.maybe_text("default_price") {
        world.referred("default_price", "price", price)?;
        fields.set("default_price", price);
    }
    fields.set("updated", world.now);
    world.change(id, "product.updated", fields);
    Ok(world.object(id).clone())
}

pub fn delete(world: &mut World, id: &str) -> Answer {
    world.find("product", id)?;
    if !world.ids_where("price", "product", id).is_empty() {
        return Err(ApiError::invalid("This product cannot be deleted because it has one or more user-created prices."));
    }
    Ok(world.bury(id, "product.deleted"))
}
