//! Signed links to sessions written down. Whoever holds one sees the text, until it expires.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::answer::{BAD_REQUEST, Refused};
use super::arrival::Arrival;
use crate::app::App;
use crate::limits::Sender;
use crate::session::export;

/// The page brings its own style and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox";

pub async fn open(State(app): State<App>, Path(token): Path<String>, Extension(arrival): Extension<Arrival>) -> Response {
    // Writing a session down costs more than most operations: a link that is passed around counts as they do.
    if let Err(seconds) = app.limits.check_request(Sender::address(arrival.address)).await {
        return Refused::rate_limited(seconds).into_response();
    }
    match export::open(&app, &token).await {
        Ok(Some(export)) => {
            let disposition = format!("inline; filename=\"{}\"", export.filename);
            let headers = [
                (CONTENT_TYPE, export.format.content_type().to_owned()),
                (CONTENT_DISPOSITION, disposition),
                (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
                (CACHE_CONTROL, "private, no-store".to_owned()),
            ];
            (headers, export.content).into_response()
        }
        Ok(None) => Refused::new(StatusCode::NOT_FOUND, BAD_REQUEST, "this link is not valid, or no longer").into_response(),
        Err(cause) => Refused::internal(&cause, &arrival.id).into_response(),
    }
}
