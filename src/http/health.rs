//! Whether this process lives, and whether it can work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::answer::{Refused, UNAUTHENTICATED};
use super::requester::bearer;
use crate::app::App;
use crate::db::migrate;
use crate::metrics;

const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
pub async fn alive() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

/// The database answers, it has this binary's migrations, and the process is not about to stop.
pub async fn ready(State(app): State<App>) -> Response {
    let reason = if app.stop.is_cancelled() {
        "the server is shutting down"
    } else {
        match tokio::time::timeout(PATIENCE, migrate::is_current(&app.db)).await {
            Ok(Ok(true)) => return Json(json!({ "status": "ready" })).into_response(),
            Ok(Ok(false)) => migrate::WAITS,
            Ok(Err(cause)) => {
                tracing::warn!(?cause, "not ready");
                "the database does not answer"
            }
            Err(_) => "the database does not answer",
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "reason": reason }))).into_response()
}

/// For whoever shows `METRICS_TOKEN`; operation names and loads are nobody else's business. A development server without one is open.
pub async fn prometheus(State(app): State<App>, headers: HeaderMap) -> Response {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer).unwrap_or_default();
    let allowed = match &app.config.http.metrics_token {
        Some(token) => token.expose_secret().as_bytes().ct_eq(shown.as_bytes()).into(),
        None => app.config.development(),
    };
    if !allowed {
        let header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        let sentence = "metrics are for whoever shows METRICS_TOKEN as a bearer token";
        return Refused { header, ..Refused::new(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, sentence) }.into_response();
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render(&app.db).await).into_response()
}
