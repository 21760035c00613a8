//! The sandbox's own endpoints: what the dashboard's buttons post, and what programs and tests may send as JSON.
//!
//! | | |
//! |---|---|
//! | `POST /sandbox/actions` | an action: `{"do": "advance", "seconds": 86400}` |
//! | `POST /sandbox/faults` | a fault for the next requests: `{"fault": "reset_after", "path": "/v1/checkout", "times": 1}` |
//! | `POST /sandbox/deliveries` | how webhooks are delivered: `{"lose": 1, "extra_copies": 1, "reorder": true}` |
//! | `POST /sandbox/events/{id}/resend` | an event is sent again |
//! | `POST /sandbox/version` | the account's API version: `{"version": "2020-08-27"}` |
//! | `GET /sandbox/state` | time, objects, events, attempts, requests |
//!
//! A form is answered with the way back to the page it came from; JSON with JSON.

use std::sync::Arc;

use axum::Json as Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::actions::Action;
use super::error::ApiError;
use super::faults::{Deliver, Planned};
use super::json::Json;
use super::pages;
use super::shared::{Inner, Shared};
use super::versions::{Version, bare};

const FORM: &str = "application/x-www-form-urlencoded";
/// Fields that are numbers or truths although a form sends text.
const NUMBERS: [&str; 5] = ["amount", "extra_copies", "lose", "seconds", "times"];
const TRUTHS: [&str; 5] = ["at_once", "hold", "reorder", "success", "won"];

pub async fn act(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    answer(&headers, &body, |action: Action| shared.enter(|inner| inner.act(&action)).map(bare))
}

pub async fn plan_fault(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    answer(&headers, &body, |planned: Planned| {
        shared.enter(|inner| inner.faults.plan(planned));
        Ok(json!({}))
    })
}

pub async fn deliver(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    let answer = answer(&headers, &body, |deliver: Deliver| {
        shared.enter(|inner| inner.faults.deliver = deliver);
        Ok(json!({}))
    });
    shared.wake.notify_one();
    answer
}

pub async fn resend(State(shared): State<Arc<Shared>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let answer = answer(&headers, "", |_: Value| shared.enter(|inner| send_again(inner, &id)));
    shared.wake.notify_one();
    answer
}

fn send_again(inner: &mut Inner, id: &str) -> Result<Value, ApiError> {
    super::events::find(&inner.world, id).ok_or_else(|| ApiError::missing("event", id))?;
    inner.deliveries.again(id);
    Ok(json!({ "id": id }))
}

pub async fn version(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    answer(&headers, &body, |wanted: Value| {
        let version = Version::parse(wanted.text("version"))?;
        shared.enter(|inner| inner.faults.version = version);
        Ok(json!({}))
    })
}

pub async fn state(State(shared): State<Arc<Shared>>) -> Response {
    Body(shared.enter(|inner| snapshot(inner))).into_response()
}

fn snapshot(inner: &Inner) -> Value {
    let world = &inner.world;
    let events =
        world.events.iter().map(|event| json!({ "id": event.id, "type": event.kind, "created": event.created, "about": event.about() }));
    json!({
        "now": world.now,
        "next_due": world.next_due(),
        "version": inner.faults.version.name(),
        "deliver": inner.faults.deliver,
        "faults": inner.faults.requests,
        "objects": world.objects().map(|object| bare(object.clone())).collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "deliveries": pages::attempts(inner),
        "requests": pages::requests(inner),
    })
}

/// Reads JSON or a form, does it, and answers in kind.
fn answer<T: DeserializeOwned>(headers: &HeaderMap, body: &str, perform: impl FnOnce(T) -> Result<Value, ApiError>) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = header("content-type").starts_with(FORM);
    let given = if is_form {
        from_form(body)
    } else if body.is_empty() {
        json!({})
    } else {
        serde_json::from_str(body).unwrap_or_default()
    };
    let done = serde_json::from_value(given).map_err(|error| ApiError::invalid(error.to_string())).and_then(perform);
    match done {
        Ok(_) if is_form => {
            // Only to a page of our own: the path of where the form stood.
            let back = url::Url::parse(header("referer")).map(|url| url.path().to_owned()).unwrap_or_else(|_| "/sandbox".to_owned());
            Redirect::to(&back).into_response()
        }
        Ok(told) => Body(told).into_response(),
        Err(error) if is_form => pages::problem(&error),
        Err(error) => (StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST), Body(error.body())).into_response(),
    }
}

fn from_form(body: &str) -> Value {
    let mut fields = Map::new();
    for (name, text) in form_urlencoded::parse(body.as_bytes()) {
        let value = if NUMBERS.contains(&&*name) {
            text.parse::<i64>().map_or(Value::Null, Value::from)
        } else if TRUTHS.contains(&&*name) {
            Value::Bool(text == "true")
        } else {
            Value::String(text.into_owned())
        };
        if !value.is_null() {
            fields.insert(name.into_owned(), value);
        }
    }
    Value::Object(fields)
}
