//! Events: what changed, as it was then. They are kept in the newest shape and rendered in the version of whoever asks, with
//! `previous_attributes` computed in that version too.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{Answer, ApiError};
use super::json::{Json, difference};
use super::list;
use super::state::{World, blank};
use super::versions::{Version, bare, render};

/// The API request that made something happen; empty when it was the world's doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cause {
    pub request: Option<String>,
    pub idempotency_key: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub created: i64,
    pub object: Value,
    pub before: Option<Value>,
    pub cause: Cause,
}

impl Event {
    pub fn render(&self, world: &World, version: &Version) -> Value {
        let object = bare(render(world, &self.object, version));
        let mut event = blank("event");
        event.patch(json!({
            "id": self.id,
            "api_version": version.name(),
            "created": self.created,
            "type": self.kind,
            "request": { "id": self.cause.request, "idempotency_key": self.cause.idempotency_key },
        }));
        if let Some(before) = &self.before {
            let before = bare(render(world, before, version));
            event.set("data/previous_attributes", difference(&before, &object).unwrap_or_else(|| json!({})));
        }
        event.set("data/object", object);
        event
    }

    /// The id of the object it tells of.
    pub fn about(&self) -> &str {
        self.object.text("id")
    }
}

pub fn find<'a>(world: &'a World, id: &str) -> Option<&'a Event> {
    world.events.iter().rev().find(|event| event.id == id)
}

pub fn retrieve(world: &World, id: &str, version: &Version) -> Answer {
    let event = find(world, id).ok_or_else(|| ApiError::missing("event", id))?;
    Ok(event.render(world, version))
}

/// Newest first.
pub fn listed(world: &World, params: &Value, version: &Version) -> Answer {
    let types: Vec<&str> = params.list("types").iter().filter_map(Value::as_str).collect();
    let wanted = |event: &&Event| {
        params.maybe_text("type").is_none_or(|kind| fits(&event.kind, kind))
            && (types.is_empty() || types.iter().any(|kind| fits(&event.kind, kind)))
            && list::matches(&json!({ "created": event.created }), params, &[])
    };
    let all: Vec<&Event> = world.events.iter().rev().filter(wanted).collect();
    let ids = all.iter().map(|event| json!({ "id": event.id })).collect();
    let mut page = list::page(ids, params, "/v1/events")?;
    let shown: Vec<Value> =
        page.list("data").iter().filter_map(|row| find(world, row.text("id"))).map(|event| event.render(world, version)).collect();
    page.set("data", shown);
    Ok(page)
}

/// `customer.*` stands for every type that begins so.
fn fits(kind: &str, wanted: &str) -> bool {
    wanted.strip_suffix('*').map_or(kind == wanted, |start| kind.starts_with(start))
}
