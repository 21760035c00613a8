//! The dashboard: what there is, what has happened, and buttons for what the world can do.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::json::Json;
use super::pages::{attempts, cards, page, problem, requests, summary};
use super::shared::{Inner, Shared};
use super::versions::{KNOWN, bare};

/// How many rows of each kind are shown.
const ROWS: usize = 50;
const FAULTS: [&str; 11] = [
    "rate_limited",
    "busy",
    "forbidden",
    "server_error",
    "server_error_kept",
    "server_error_after",
    "timeout",
    "timeout_after",
    "reset",
    "reset_after",
    "slow",
];

pub async fn dashboard(State(shared): State<Arc<Shared>>) -> Response {
    page("dashboard.html", shared.enter(|inner| content(inner)))
}

fn content(inner: &Inner) -> Value {
    let world = &inner.world;
    let newest = |kind: &str| -> Vec<Value> {
        world.all(kind).rev().filter(|object| !object.flag("deleted")).take(ROWS).map(|object| bare(object.clone())).collect()
    };
    let attempts = attempts(inner);
    let events = world.events.iter().rev().take(200).map(|event| {
        let told = attempts.iter().filter(|attempt| attempt.text("event") == event.id).map(|attempt| attempt.text("outcome"));
        let mut told: Vec<&str> = told.collect();
        if inner.deliveries.waits_for(&event.id) {
            told.push("waiting");
        }
        json!({ "id": event.id, "created": event.created, "type": event.kind, "about": event.about(), "deliveries": told.join(", ") })
    });
    let mut requests = requests(inner);
    requests.reverse();
    requests.truncate(200);
    json!({
        "now": world.now,
        "next_due": world.next_due(),
        "customers": newest("customer"),
        "sessions": newest("checkout.session"),
        "subscriptions": world.all("subscription").rev().take(ROWS).map(|object| summary(world, object)).collect::<Vec<_>>(),
        "invoices": newest("invoice"),
        "intents": newest("payment_intent"),
        "refunds": newest("refund"),
        "disputes": newest("dispute"),
        "cards": cards(),
        "deliver": inner.faults.deliver,
        "faults": FAULTS,
        "versions": KNOWN,
        "version": inner.faults.version.name(),
        "events": events.collect::<Vec<_>>(),
        "requests": requests,
    })
}

pub async fn event(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let shown = shared.enter(|inner| super::events::retrieve(&inner.world, &id, &inner.faults.version));
    match shown {
        Ok(event) => {
            let text = serde_json::to_string_pretty(&event).unwrap_or_default();
            page("event.html", json!({ "title": event.text("type"), "text": text }))
        }
        Err(error) => problem(&error),
    }
}
