//! What happens to every request, whatever it asks for: it gets an id and a span, its panic is caught, its answer gets headers, and
//! one line in the log says how it went. Never an address, a token or a body.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use super::answer::Refused;
use super::requester;
use crate::app::App;
use crate::id::{Id, UserId};
use crate::metrics;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is known of a request before anything of it is read.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub id: String,
    pub address: Option<IpAddr>,
}

/// How an operation went, for the log and the metrics. An answer carries it to the end of the line.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub operation: Option<String>,
    pub kind: Option<&'static str>,
    pub user: Option<UserId>,
    pub cost: u64,
    /// The first error's; None if all went well.
    pub code: Option<String>,
}

pub async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let trusted = &app.config.http.trusted_proxies;
    let address = requester::client_address(peer, request.headers(), trusted);
    let behind_proxy = peer.is_some_and(|peer| requester::is_trusted(peer.ip().to_canonical(), trusted));
    let given = request.headers().get(REQUEST_ID).filter(|_| behind_proxy).and_then(sane_id);
    let id = given.unwrap_or_else(|| hex::encode(rand::random::<[u8; 16]>()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = id, http.method = %method, http.path = short(&path));
    request.extensions_mut().insert(Arrival { id: id.clone(), address });

    let handled = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    // The panic itself is logged where it happens, by the hook of `telemetry.rs`.
    let mut response = handled.unwrap_or_else(|_| Refused::broken(&id).into_response());

    add_headers(&mut response, &id);
    span.in_scope(|| log(&response, method.as_str(), &path, started.elapsed()));
    response
}

/// An id that a proxy gave: short, and of letters that belong in a log.
fn sane_id(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let sane = (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    sane.then(|| text.to_owned())
}

/// A path as the log may see it: a signed link is as good as a password.
fn short(path: &str) -> String {
    if path.starts_with("/exports/") {
        return "/exports/…".to_owned();
    }
    path.chars().take(100).collect()
}

/// What is set already stays: GraphiQL has a policy of its own.
fn add_headers(response: &mut Response, id: &str) {
    const SECURITY: [(&str, &str); 6] = [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("cache-control", "no-store"),
    ];
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

fn log(response: &Response, method: &str, path: &str, took: Duration) {
    let status = response.status().as_u16();
    let milliseconds = took.as_secs_f64() * 1000.0;
    match response.extensions().get::<Outcome>() {
        Some(outcome) if outcome.kind.is_some() => outcome.log(status, took),
        outcome => {
            let code = outcome.and_then(|outcome| outcome.code.as_deref());
            metrics::refused_or_plain(path, status, code);
            match path {
                // Asked for every few seconds by machines.
                "/healthz" | "/readyz" | "/metrics" => tracing::debug!(method, path, status, milliseconds, "request"),
                _ => tracing::info!(method, path = short(path), status, outcome = code.unwrap_or("ok"), milliseconds, "request"),
            }
        }
    }
}

impl Outcome {
    pub fn log(&self, status: u16, took: Duration) {
        let outcome = self.code.as_deref().unwrap_or("ok");
        let user = self.user.map(UserId::encode);
        let operation = self.operation.as_deref().unwrap_or("anonymous");
        let (kind, milliseconds) = (self.kind.unwrap_or_default(), took.as_secs_f64() * 1000.0);
        metrics::operation(operation, kind, outcome, took);
        tracing::info!(operation, kind, status, outcome, cost = self.cost, user, milliseconds, "operation");
    }
}
