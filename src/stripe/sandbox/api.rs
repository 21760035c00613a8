//! A request's way: planned faults, the key, the idempotency key, the operation, the answer in the version that was asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::ApiError;
use super::events::Cause;
use super::expand;
use super::faults::Fault;
use super::keys::Begun;
use super::params;
use super::resources::texts;
use super::routes::{Reply, route};
use super::shared::{self, Inner, Shared};
use super::versions::Version;

/// How long a request hangs that gets no answer: longer than any client waits.
const HANGING: Duration = Duration::from_secs(120);
const LATE: Duration = Duration::from_millis(500);
const BODY_LIMIT: usize = 1 << 20;

/// In a response's extensions: the connection ends without it.
#[derive(Clone)]
pub struct Cut;

struct Call {
    method: Method,
    path: String,
    form: String,
    headers: HeaderMap,
}

impl Call {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
    }

    /// Only writes have one.
    fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key").filter(|_| self.method == Method::POST)
    }
}

pub async fn handle(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    let mut form = String::from_utf8_lossy(&body).into_owned();
    if let Some(query) = head.uri.query() {
        form = if form.is_empty() { query.to_owned() } else { format!("{query}&{form}") };
    }
    let call = Call { method: head.method, path: head.uri.path().to_owned(), form, headers: head.headers };
    // A client that goes away does not stop what it has begun.
    let answer = tokio::spawn(async move { perform(&shared, call).await }).await;
    answer.unwrap_or_else(|_| cut())
}

async fn perform(shared: &Arc<Shared>, call: Call) -> Response<Body> {
    let fault = shared.enter(|inner| inner.faults.take(call.method.as_str(), &call.path));
    let id = shared.enter(|inner| inner.world.id("request"));
    let (status, body, again) = match fault {
        Some(Fault::RateLimited) => refused(&ApiError::rate_limited()),
        Some(Fault::Busy) => refused(&ApiError::lock_timeout()),
        Some(Fault::ServerError) => refused(&ApiError::server()),
        Some(Fault::Forbidden) => refused(&ApiError::forbidden()),
        Some(Fault::Timeout | Fault::Reset) => (0, Value::Null, false),
        None | Some(Fault::ServerErrorKept | Fault::ServerErrorAfter | Fault::TimeoutAfter | Fault::ResetAfter | Fault::Slow) => {
            answer(shared, &call, &id, fault).await
        }
    };
    let (status, body, again) = match fault {
        Some(Fault::ServerErrorAfter) => refused(&ApiError::server()),
        Some(Fault::TimeoutAfter | Fault::ResetAfter) => (0, Value::Null, false),
        _ => (status, body, again),
    };
    let now = shared.enter(|inner| {
        inner.log(shared::Request {
            time: inner.world.now,
            id: id.clone(),
            method: call.method.to_string(),
            path: call.path.clone(),
            body: call.form.clone(),
            status,
            idempotency_key: call.idempotency_key().map(str::to_owned),
        });
        inner.world.now
    });
    if call.method != Method::GET {
        shared.keep().await;
    }
    if matches!(fault, Some(Fault::Timeout | Fault::TimeoutAfter)) {
        tokio::time::sleep(HANGING).await;
    }
    if status == 0 {
        return cut();
    }
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("request-id", id)
        // In the sandbox's time: a client may compare it with the times of events.
        .header("date", http_date(now));
    if let Some(key) = call.idempotency_key() {
        response = response.header("idempotency-key", key);
    }
    if again {
        response = response.header("idempotent-replayed", "true");
    }
    if status == 429 {
        // For libraries that repeat a call within milliseconds.
        response = response.header("stripe-should-retry", "false");
    }
    response.body(Body::from(body.to_string())).unwrap_or_else(|_| cut())
}

fn http_date(time: i64) -> String {
    let time = chrono::DateTime::from_timestamp(time, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn cut() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}

fn refused(error: &ApiError) -> (u16, Value, bool) {
    (error.status, error.body(), false)
}

/// Status, body, and whether this was answered before.
async fn answer(shared: &Shared, call: &Call, id: &str, fault: Option<Fault>) -> (u16, Value, bool) {
    if let Err(error) = authorized(shared, call) {
        return refused(&error);
    }
    let key = call.idempotency_key();
    if let Some(key) = key {
        let request = format!("{} {}\n{}", call.method, call.path, call.form);
        match shared.enter(|inner| inner.keys.begin(key, &request, inner.world.now)) {
            Err(error) => return refused(&error),
            Ok(Begun::Again(status, body)) => return (status, body, true),
            Ok(Begun::Fresh) => {}
        }
    }
    if fault == Some(Fault::Slow) {
        tokio::time::sleep(LATE).await;
    }
    let (status, body) = shared.enter(|inner| {
        inner.world.cause = Cause { request: Some(id.to_owned()), idempotency_key: key.map(str::to_owned) };
        let answer = match fault {
            Some(Fault::ServerErrorKept) => Err(ApiError::server()),
            _ => operate(inner, call),
        };
        inner.world.cause = Cause::default();
        let early = answer.as_ref().is_err_and(|error| error.early);
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(error) => (error.status, error.body()),
        };
        match key {
            Some(key) if early => inner.keys.forget(key),
            Some(key) => inner.keys.end(key, status, &body),
            None => {}
        }
        (status, body)
    });
    (status, body, false)
}

fn operate(inner: &mut Inner, call: &Call) -> Result<Value, ApiError> {
    let version = match call.header("stripe-version") {
        Some(name) => Version::parse(name).map_err(ApiError::early)?,
        None => inner.faults.version.clone(),
    };
    let mut given = params::parse(&call.form).map_err(ApiError::early)?;
    let paths = match given.as_object_mut().and_then(|fields| fields.shift_remove("expand")) {
        Some(Value::Object(list)) => texts(&list.into_iter().map(|(_, value)| value).collect::<Vec<_>>()),
        Some(_) => return Err(ApiError::param("expand", None, "Invalid array").early()),
        None => Vec::new(),
    };
    let path: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    let Some(("v1", path)) = path.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(ApiError::unknown_route(call.method.as_str(), &call.path));
    };
    match route(&mut inner.world, call.method.as_str(), path, &given, &version)? {
        Reply::Shown(shown) => Ok(shown),
        Reply::Object(object) => expand::finish(&inner.world, &object, &paths, &version),
    }
}

/// The key as a bearer token, or as the name of basic authentication.
fn authorized(shared: &Shared, call: &Call) -> Result<(), ApiError> {
    let Some(header) = call.header("authorization") else {
        return Err(ApiError::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.",
        ));
    };
    let key = match header.split_once(' ') {
        Some(("Bearer", key)) => key.trim().to_owned(),
        Some(("Basic", encoded)) => {
            let decoded = STANDARD.decode(encoded.trim()).unwrap_or_default();
            let pair = String::from_utf8_lossy(&decoded).into_owned();
            pair.split(':').next().unwrap_or_default().to_owned()
        }
        _ => String::new(),
    };
    if key == shared.options.secret_key {
        return Ok(());
    }
    let shown: String = key.chars().take(8).collect();
    Err(ApiError::unauthorized(format!("Invalid API Key provided: {shown}****")))
}
