//! The customer portal: sessions and how it is set up. Its page is in `pages`.

use serde_json::{Value, json};

use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param, required};
use crate::stripe::sandbox::state::World;

use super::{first_metadata, given, metadata};

pub const CREATE: &[Param] = &[
    required("customer", Kind::Text),
    param("return_url", Kind::Text),
    param("configuration", Kind::Text),
    param("flow_data", Kind::Any),
    param("locale", Kind::Text),
];
pub const CREATE_CONFIGURATION: &[Param] = &[
    required("features", Kind::Any),
    param("business_profile", Kind::Any),
    param("default_return_url", Kind::Text),
    param("metadata", Kind::Metadata),
    param("name", Kind::Text),
];
pub const UPDATE_CONFIGURATION: &[Param] = &[
    param("active", Kind::Bool),
    param("features", Kind::Any),
    param("business_profile", Kind::Any),
    param("default_return_url", Kind::Text),
    param("metadata", Kind::Metadata),
    param("name", Kind::Text),
];
pub const CONFIGURATION_FILTERS: &[Param] = &[param("active", Kind::Bool), param("is_default", Kind::Bool)];

pub fn create(world: &mut World, params: &Value) -> Answer {
    world.referred("customer", "customer", params.text("customer"))?;
    if let Some(configuration) = params.maybe_text("configuration") {
        world.referred("configuration", "billing_portal.configuration", configuration)?;
    } else if !world.settings.portal_saved && world.all("billing_portal.configuration").next().is_none() {
        return Err(ApiError::invalid(
            "No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your \
             default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.",
        ));
    }
    let mut fields = given(params, &["customer", "return_url", "configuration", "locale"]);
    if params.has("flow_data") {
        fields.also(json!({ "flow": params.at("flow_data") }));
    }
    let id = world.create("billing_portal.session", fields);
    let url = format!("{}/p/session/{id}", world.settings.base_url);
    world.edit(&id, json!({ "url": url }));
    Ok(world.object(&id).clone())
}

pub fn create_configuration(world: &mut World, params: &Value) -> Answer {
    let mut fields = given(params, &["business_profile", "default_return_url", "features", "name"]);
    let first = world.all("billing_portal.configuration").next().is_none();
    fields.also(json!({ "metadata": first_metadata(params), "is_default": first, "updated": world.now }));
    let id = world.create("billing_portal.configuration", fields);
    world.emit("billing_portal.configuration.created", &id);
    Ok(world.object(&id).clone())
}

pub fn update_configuration(world: &mut World, id: &str, params: &Value) -> Answer {
    let old = world.find("billing_portal.configuration", id)?;
    let mut fields = given(params, &["active", "business_profile", "default_return_url", "features", "name"]);
    fields.also(json!({ "metadata": metadata(old.at("metadata"), params), "updated": world.now }));
    world.change(id, "billing_portal.configuration.updated", fields);
    Ok(world.object(id).clone())
}
