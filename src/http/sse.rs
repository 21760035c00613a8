//! GraphQL over server-sent events, in distinct connections: one operation a request, `event: next` for each answer, `event: complete`
//! at the end. <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>

use std::convert::Infallible;
use std::time::Duration;

use async_graphql::Response as Executed;
use axum::http::HeaderValue;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use futures_util::{Stream, StreamExt};

use super::arrival::Arrival;
use super::operation::{Endpoint, Operation};
use super::requester::Claim;
use super::{access, answer};
use crate::identity::actor::Actor;
use crate::metrics;

/// Shorter than the patience of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// Runs a subscription and sends what it answers, until it ends, its sender loses access, or the server shuts down.
pub fn respond(endpoint: &Endpoint, arrival: &Arrival, operation: Operation, claim: &Claim, actor: Option<Actor>) -> Response {
    let answers = operation.answers(endpoint, arrival);
    let (app, request_id, claim) = (endpoint.app.clone(), arrival.id.clone(), claim.clone());
    let live = metrics::Live::new("events");
    let end = async move {
        tokio::select! {
            () = access::lost(&app, &claim, actor, &request_id) => {}
            () = app.stop.cancelled() => {}
        }
        drop(live);
    };
    send(answers.take_until(Box::pin(end)))
}

/// One answer that is known already, with what resolvers set: cookies.
pub fn once(mut executed: Executed) -> Response {
    let headers = std::mem::take(&mut executed.http_headers);
    let mut response = send(stream::iter([executed]));
    response.headers_mut().extend(headers);
    response
}

fn send(answers: impl Stream<Item = Executed> + Send + 'static) -> Response {
    let next = answers.map(|executed| Event::default().event("next").data(String::from_utf8_lossy(&answer::json(&executed))));
    // With data, though empty: a browser passes over events that have none.
    let complete = stream::once(async { Event::default().event("complete").data("") });
    let events = next.chain(complete).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // Proxies that collect an answer before they pass it on must not.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
