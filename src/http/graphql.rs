//! GraphQL over POST and GET: origins, content types, sizes, statuses. The pipeline itself is `operation.rs`.

use async_graphql::Response as Executed;
use async_graphql::parser::types::OperationType;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::answer::{self, BAD_REQUEST, Form, RATE_LIMITED, Refused, VALIDATION_FAILED, error};
use super::arrival::{Arrival, Outcome};
use super::body::TOO_SLOW;
use super::operation::{Endpoint, Operation};
use super::params::Params;
use super::requester::Claim;
use super::{body, origin, sse};
use crate::limits::Sender;

/// For everybody.
const BODY_LIMIT: usize = 128 * 1024;
/// For signed-in people, who send trees.
const SIGNED_IN_BODY_LIMIT: usize = 2 * 1024 * 1024;

pub async fn post(State(endpoint): State<Endpoint>, Extension(arrival): Extension<Arrival>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let read = async {
        origin::check(&headers, &endpoint.app.config.http.allowed_origins)?;
        check_content_type(&headers)?;
        let claim = Claim::read(&headers, arrival.address, true);
        let body = body::in_time(&endpoint.app, read_body(&endpoint, &arrival, &headers, &claim, body))
            .await
            .ok_or_else(|| Refused::new(StatusCode::REQUEST_TIMEOUT, BAD_REQUEST, TOO_SLOW))??;
        let params = Params::from_json(&body).map_err(bad_request)?;
        Ok::<_, Refused>((params, claim))
    };
    match read.await {
        Ok((params, claim)) => run(&endpoint, &arrival, &headers, params, &claim, false).await,
        Err(refused) => counted(&endpoint, &arrival, refused.into_response()).await,
    }
}

/// What never becomes an operation counts, too, by address.
async fn counted(endpoint: &Endpoint, arrival: &Arrival, refusal: Response) -> Response {
    let counted = endpoint.app.limits.check_request(Sender::address(arrival.address)).await;
    counted.map_or_else(|seconds| Refused::rate_limited(seconds).into_response(), |()| refusal)
}

/// Queries only, identified by `Authorization` only: a foreign page can make a browser send a GET with its cookies.
pub async fn get(State(endpoint): State<Endpoint>, Extension(arrival): Extension<Arrival>, uri: Uri, headers: HeaderMap) -> Response {
    let read = || {
        origin::check(&headers, &endpoint.app.config.http.allowed_origins)?;
        Params::from_query_string(uri.query().unwrap_or_default()).map_err(bad_request)
    };
    match read() {
        Ok(params) => run(&endpoint, &arrival, &headers, params, &Claim::read(&headers, arrival.address, false), true).await,
        Err(refused) => counted(&endpoint, &arrival, refused.into_response()).await,
    }
}

pub async fn method_not_allowed() -> Response {
    allow("use POST, or GET for queries", "GET, POST, OPTIONS")
}

async fn run(endpoint: &Endpoint, arrival: &Arrival, headers: &HeaderMap, params: Params, claim: &Claim, get: bool) -> Response {
    let form = Form::accepted(headers);
    let events = Form::accepts_events(headers);
    let mut operation = match Operation::prepare(params, endpoint) {
        Ok(operation) => operation,
        Err(error) => return counted(endpoint, arrival, refuse_operation(error, form)).await,
    };
    if get && operation.kind == OperationType::Mutation {
        return counted(endpoint, arrival, allow("mutations need POST", "POST")).await;
    }
    if operation.kind == OperationType::Subscription && !events {
        let sentence = "subscriptions are answered as text/event-stream, or over WebSocket at /graphql/ws";
        return counted(endpoint, arrival, refuse_operation(error(VALIDATION_FAILED, sentence), form)).await;
    }
    let mut outcome = operation.outcome();
    let admitted = operation.admit(endpoint, arrival, claim).await;
    let mut response = match admitted {
        Err(refused) => {
            let mut response = refused.into_response();
            outcome.code = response.extensions_mut().remove::<Outcome>().and_then(|refused| refused.code);
            response
        }
        Ok(actor) => {
            outcome.user = actor.map(|actor| actor.user);
            let over_limit = operation.over_limit;
            let looked = operation.needs_somebody(endpoint);
            let mut response = if operation.kind == OperationType::Subscription {
                sse::respond(endpoint, arrival, operation, claim, actor)
            } else {
                let executed = operation.execute(endpoint, arrival).await;
                outcome.code = first_code(&executed).or(over_limit.map(|_| RATE_LIMITED.to_owned()));
                if form == Form::EventStream { sse::once(executed) } else { answer::respond(&executed, form) }
            };
            if let Some(seconds) = over_limit {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            // The token said who; nobody was found. Said only where it was looked at.
            if looked && actor.is_none() && claim.token.is_some() {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
            }
            response
        }
    };
    response.extensions_mut().insert(outcome);
    response
}

pub fn first_code(executed: &Executed) -> Option<String> {
    executed.errors.first().map(|error| answer::code(error).unwrap_or_default().to_owned())
}

/// A request error: well-formed HTTP that is no operation we run.
fn refuse_operation(error: async_graphql::ServerError, form: Form) -> Response {
    let executed = Executed::from_errors(vec![error]);
    let outcome = Outcome { code: first_code(&executed), ..Outcome::default() };
    let mut response = if form == Form::EventStream { sse::once(executed) } else { answer::respond(&executed, form) };
    response.extensions_mut().insert(outcome);
    response
}

fn bad_request(error: async_graphql::ServerError) -> Refused {
    Refused { status: StatusCode::BAD_REQUEST, error, header: None }
}

fn allow(sentence: &str, methods: &'static str) -> Response {
    let header = Some((ALLOW, HeaderValue::from_static(methods)));
    Refused { header, ..Refused::new(StatusCode::METHOD_NOT_ALLOWED, BAD_REQUEST, sentence) }.into_response()
}

/// JSON only: a foreign page cannot send it without asking first, as it can forms and plain text.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refused> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (mime, parameters) = value.split_once(';').unwrap_or((value, ""));
    let charset =
        parameters.split(';').find_map(|parameter| parameter.trim().to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    let utf8 = charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8");
    if mime.trim().eq_ignore_ascii_case("application/json") && utf8 {
        return Ok(());
    }
    Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, "the body must be application/json in UTF-8"))
}

/// Reads up to the limit; beyond that of anonymous senders only for who really is signed in.
async fn read_body(endpoint: &Endpoint, arrival: &Arrival, headers: &HeaderMap, claim: &Claim, body: Body) -> Result<Vec<u8>, Refused> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok()).unwrap_or(0);
    let mut limit = BODY_LIMIT;
    let mut bytes = Vec::with_capacity(announced.min(BODY_LIMIT));
    let mut chunks = body.into_data_stream();
    let mut length = announced;
    loop {
        if length > limit && limit == BODY_LIMIT && claim.resolve(&endpoint.app, false, &arrival.id).await?.is_some() {
            limit = SIGNED_IN_BODY_LIMIT;
        }
        if length > limit {
            let sentence = format!("the body is longer than {} KiB", limit / 1024);
            return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, BAD_REQUEST, sentence));
        }
        let Some(chunk) = chunks.next().await else { return Ok(bytes) };
        bytes.extend_from_slice(&chunk.map_err(|_| Refused::new(StatusCode::BAD_REQUEST, BAD_REQUEST, "the body ended too early"))?);
        length = length.max(bytes.len());
    }
}
