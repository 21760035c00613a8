//! Whether this process lives, and whether it can work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::metrics;
use crate::app::App;
use crate::db::migrate;

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
            Ok(Ok(false)) => "the database waits for migrations: run `fixpath migrate`",
            Ok(Err(cause)) => {
                tracing::warn!(?cause, "not ready");
                "the database does not answer"
            }
            Err(_) => "the database does not answer",
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready", "reason": reason }))).into_response()
}

pub async fn prometheus(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render(&app.db).await).into_response()
}
