//! Where events are sent, as somebody has set it up. Our own deliveries go by `deliver_to`.

use serde_json::Value;

use crate::stripe::sandbox::error::Answer;
use crate::stripe::sandbox::params::{Kind, Param, TEXTS, param, required};
use crate::stripe::sandbox::state::World;

use super::given;

pub const CREATE: &[Param] = &[required("url", Kind::Text), required("enabled_events", TEXTS), param("description", Kind::Text)];

pub fn create(world: &mut World, params: &Value) -> Answer {
    let id = world.create("webhook_endpoint", given(params, &["url", "enabled_events", "description"]));
    Ok(world.object(&id).clone())
}
