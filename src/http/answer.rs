//! What leaves: GraphQL answers with their errors in one form, and refusals of requests that never become an operation.
//!
//! Every error has `extensions.code`. A *request error* (nothing was executed) has no `data`; its status is 400 under
//! `application/graphql-response+json` and 200 under `application/json`, whose clients expect that. A refusal by HTTP itself (an
//! origin, a content type, a rate limit …) has its own status under both.

use std::collections::HashSet;

use async_graphql::{ErrorExtensionValues, PathSegment, Response as Executed, ServerError, Value};
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::graphql::error::InternalCause;
use crate::graphql::guard::Refusal;
use crate::graphql::written;

pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
pub const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
pub const COST_LIMIT: &str = "COST_LIMIT";
pub const RATE_LIMITED: &str = "RATE_LIMITED";
pub const TIMEOUT: &str = "TIMEOUT";
pub const FORBIDDEN: &str = "FORBIDDEN";
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
pub const INTERNAL: &str = "INTERNAL_SERVER_ERROR";
/// Of requests that are no GraphQL: an unknown path, a method, a content type, a body that is too long.
pub const BAD_REQUEST: &str = "BAD_REQUEST";

pub fn error(code: &str, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set(&mut error, "code", code);
    error
}

fn set(error: &mut ServerError, name: &str, value: impl Into<Value>) {
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set(name, value);
}

pub fn code(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Text(sentence) => error(PARSE_FAILED, sentence),
            Refusal::TooMuch(sentence) => error(COST_LIMIT, sentence),
            Refusal::Invalid(sentence, locations) => Self { locations, ..error(VALIDATION_FAILED, sentence) },
        }
    }
}

/// Gives every error its code, and takes the causes of internal ones out, into the log.
pub fn normalise(executed: &mut Executed, request_id: &str) {
    let mut logged = HashSet::new();
    for error in &mut executed.errors {
        if code(error).is_none() {
            // async-graphql's own: before execution it is validation; within it, an argument whose value a scalar refused.
            let code = if error.path.is_empty() { VALIDATION_FAILED } else { BAD_USER_INPUT };
            set(error, "code", code);
        }
        if code(error) == Some(INTERNAL) {
            let cause = error.source::<InternalCause>().map(|InternalCause(cause)| format!("{cause:?}")).unwrap_or_default();
            // One failed batch fails every field that waited for it, and is one line in the log.
            if logged.insert(cause.clone()) {
                tracing::error!(request_id, path = %path(error), cause, "a resolver failed");
            }
            set(error, "requestId", request_id);
        }
    }
}

fn path(error: &ServerError) -> String {
    let steps = error.path.iter().map(|segment| match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// Whether nothing was executed.
pub fn is_request_error(executed: &Executed) -> bool {
    !executed.errors.is_empty()
        && executed.data == Value::Null
        && executed.errors.iter().all(|error| error.path.is_empty() && code(error) != Some(TIMEOUT))
}

/// The answer as JSON, without `data` if nothing was executed.
pub fn json(executed: &Executed) -> Vec<u8> {
    let mut json = vec![b'{'];
    let mut member = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        if json.len() > 1 {
            json.push(b',');
        }
        written::plain(name, &mut json);
        json.push(b':');
        write(&mut json);
    };
    if !is_request_error(executed) {
        member("data", &|json| written::write(&executed.data, json));
    }
    if !executed.errors.is_empty() {
        member("errors", &|json| written::plain(&executed.errors, json));
    }
    if !executed.extensions.is_empty() {
        member("extensions", &|json| written::plain(&executed.extensions, json));
    }
    json.push(b'}');
    json
}

/// Which form of answer the client prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    GraphqlResponse,
    Json,
    EventStream,
}

impl Form {
    /// By `Accept`; `application/json` when it is missing or names nothing we have.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let mut best = (Self::Json, 0.0);
        let accept = headers.get_all(axum::http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in accept.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/graphql-response+json" => Self::GraphqlResponse,
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/event-stream" => Self::EventStream,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            // On a tie, the form that says most.
            if weight > best.1 || (weight == best.1 && form == Self::GraphqlResponse && best.0 == Self::Json) {
                best = (form, weight);
            }
        }
        best.0
    }

    /// Whether server-sent events will do.
    pub fn accepts_events(headers: &HeaderMap) -> bool {
        let accept = headers.get_all(axum::http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        accept.flat_map(|value| value.split(',')).any(|range| range.trim().to_ascii_lowercase().starts_with("text/event-stream"))
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Self::GraphqlResponse => HeaderValue::from_static("application/graphql-response+json; charset=utf-8"),
            Self::Json | Self::EventStream => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }
}

/// An answer of GraphQL over plain HTTP.
pub fn respond(executed: &Executed, form: Form) -> Response {
    let status = if form == Form::GraphqlResponse && is_request_error(executed) { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut response = (status, json(executed)).into_response();
    // What resolvers set: cookies.
    response.headers_mut().extend(executed.http_headers.clone());
    response.headers_mut().insert(CONTENT_TYPE, form.content_type());
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// A request that HTTP itself refuses.
#[derive(Debug)]
pub struct Refused {
    pub status: StatusCode,
    pub error: ServerError,
    pub header: Option<(HeaderName, HeaderValue)>,
}

impl Refused {
    pub fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, error: error(code, message), header: None }
    }

    pub fn rate_limited(seconds: u64) -> Self {
        let mut error = error(RATE_LIMITED, format!("too many requests; try again in {seconds} s"));
        set(&mut error, "retryAfter", seconds);
        let header = Some((axum::http::header::RETRY_AFTER, HeaderValue::from(seconds)));
        Self { status: StatusCode::TOO_MANY_REQUESTS, error, header }
    }

    /// For failures of our own, whose cause is logged here.
    pub fn internal(cause: &crate::error::Error, request_id: &str) -> Self {
        tracing::error!(request_id, ?cause, "a request failed");
        Self::broken(request_id)
    }

    pub fn broken(request_id: &str) -> Self {
        let mut error = error(INTERNAL, "something went wrong here; please quote the request id");
        set(&mut error, "requestId", request_id);
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error, header: None }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = code(&self.error).unwrap_or(BAD_REQUEST).to_owned();
        let mut response = (self.status, json(&Executed::from_errors(vec![self.error]))).into_response();
        response.headers_mut().insert(CONTENT_TYPE, Form::Json.content_type());
        response.headers_mut().extend(self.header);
        response.extensions_mut().insert(super::arrival::Outcome { code: Some(code), ..Default::default() });
        response
    }
}
