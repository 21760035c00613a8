//! What Stripe sends. The signature is checked over the bytes as they came; nothing parses them before.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::arrival::Arrival;
use super::body::{TOO_SLOW, in_time};
use crate::app::App;
use crate::billing::receive::{Receipt, receive};

/// Many times the largest event.
const LARGEST: usize = 1024 * 1024;

pub async fn post(State(app): State<App>, Extension(arrival): Extension<Arrival>, headers: HeaderMap, body: Body) -> Response {
    let Some(read) = in_time(&app, to_bytes(body, LARGEST)).await else {
        return refused(StatusCode::REQUEST_TIMEOUT, TOO_SLOW);
    };
    let Ok(body) = read else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "a delivery has at most 1 MiB");
    };
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    match receive(&app, signature, &body).await {
        Receipt::Decided { applied, reason } => Json(json!({ "applied": applied, "reason": reason })).into_response(),
        Receipt::Forged(forged) => refused(StatusCode::BAD_REQUEST, forged.sentence()),
        Receipt::Unreadable => refused(StatusCode::BAD_REQUEST, "this is no event"),
        Receipt::Busy => refused(StatusCode::SERVICE_UNAVAILABLE, "busy: send it again"),
        Receipt::Failed => {
            let sentence = format!("it could not be applied; the request id is {}", arrival.id);
            refused(StatusCode::INTERNAL_SERVER_ERROR, &sentence)
        }
    }
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "applied": false, "reason": sentence }))).into_response()
}
