//! GraphQL over WebSocket, by the protocol `graphql-transport-ws`: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>
//!
//! One task a socket. Each operation goes through the same pipeline as over HTTP and runs in a task of its own, which reports to the
//! socket's. Cookies play no part: who connects is told by the token in `connection_init`, and no answer can set one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as Executed, ServerError};
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{interval, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::arrival::{Arrival, Outcome};
use super::graphql::first_code;
use super::operation::{Endpoint, Operation};
use super::params::Params;
use super::requester::{Claim, bearer};
use super::{access, answer, origin};
use crate::identity::actor::Actor;
use crate::limits::Sender;
use crate::metrics;

const PROTOCOL: &str = "graphql-transport-ws";
const MAX_OPERATIONS: usize = 20;
const INIT_TIME: Duration = Duration::from_secs(5);
/// A client that takes longer to accept a message is given up.
const SEND_TIME: Duration = Duration::from_secs(10);
const MESSAGE_LIMIT: usize = 128 * 1024;
const SIGNED_IN_MESSAGE_LIMIT: usize = 2 * 1024 * 1024;

/// Why a socket ends: the protocol's code, and a few words.
type Close = (u16, &'static str);
const GONE: Close = (1000, "");
const SHUTTING_DOWN: Close = (1001, "the server is shutting down");
const TOO_BIG: Close = (1009, "the message is too long");
const BROKEN: Close = (1011, "something went wrong here");
const BAD_MESSAGE: Close = (4400, "this is no message of graphql-transport-ws");
const UNAUTHORIZED: Close = (4401, "send connection_init first");
const FORBIDDEN: Close = (4403, "the token is not valid, or no longer");
const NO_PROTOCOL: Close = (4406, "the subprotocol must be graphql-transport-ws");
const INIT_TIMEOUT: Close = (4408, "connection_init did not arrive in time");
const DUPLICATE_ID: Close = (4409, "an operation with this id is running");
const TOO_MANY_INITS: Close = (4429, "connection_init came twice");

pub async fn upgrade(
    State((endpoint, sockets)): State<(Endpoint, TaskTracker)>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(refused) = origin::check(&headers, &endpoint.app.config.http.allowed_origins) {
        return refused.into_response();
    }
    if let Err(seconds) = endpoint.app.limits.check_request(Sender::address(arrival.address)).await {
        return answer::Refused::rate_limited(seconds).into_response();
    }
    let mut claim = Claim::read(&headers, arrival.address, false);
    // The token comes in `connection_init`, where it can be told apart from one that a proxy added.
    claim.token = None;
    let token = sockets.token();
    let upgrade = upgrade.max_message_size(SIGNED_IN_MESSAGE_LIMIT).max_frame_size(SIGNED_IN_MESSAGE_LIMIT);
    upgrade.protocols([PROTOCOL]).on_upgrade(async move |mut socket| {
        let _open = (token, metrics::Live::new("websocket"));
        let (code, reason) = converse(&mut socket, &endpoint, &arrival, claim).await;
        let frame = CloseFrame { code, reason: reason.into() };
        // Whoever is gone already needs no goodbye.
        timeout(SEND_TIME, socket.send(Message::Close(Some(frame)))).await.ok();
    })
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    payload: Option<Box<RawValue>>,
}

/// What an operation's task reports.
struct Report {
    id: String,
    /// Tells apart operations that use one id after another.
    serial: u64,
    message: ReportMessage,
}

enum ReportMessage {
    Next(Box<RawValue>),
    Error(Vec<ServerError>),
    Complete,
}

async fn converse(socket: &mut WebSocket, endpoint: &Endpoint, arrival: &Arrival, mut claim: Claim) -> Close {
    if socket.protocol().is_none() {
        return NO_PROTOCOL;
    }
    let app = &endpoint.app;
    let actor = tokio::select! {
        () = app.stop.cancelled() => return SHUTTING_DOWN,
        greeted = timeout(INIT_TIME, greet(socket, endpoint, arrival, &mut claim)) => match greeted {
            Err(_) => return INIT_TIMEOUT,
            Ok(Err(close)) => return close,
            Ok(Ok(actor)) => actor,
        },
    };
    let (reports, mut reported) = mpsc::channel(64);
    let mut conversation = Conversation {
        endpoint,
        arrival,
        claim: &claim,
        limit: if actor.is_some() { SIGNED_IN_MESSAGE_LIMIT } else { MESSAGE_LIMIT },
        running: HashMap::new(),
        tasks: JoinSet::new(),
        reports,
        serial: 0,
    };
    let lost = access::lost(app, &claim, actor, &arrival.id);
    tokio::pin!(lost);
    let ping = app.config.http.times.ping;
    let mut pings = interval(ping);
    let mut heard = Instant::now();
    let mut stopping = false;
    loop {
        if stopping && conversation.running.is_empty() {
            return SHUTTING_DOWN;
        }
        let reply = tokio::select! {
            () = app.stop.cancelled(), if !stopping => {
                stopping = true;
                conversation.end_subscriptions();
                None
            }
            () = &mut lost => return FORBIDDEN,
            _ = pings.tick() => {
                if heard.elapsed() > ping * 2 {
                    return GONE;
                }
                Some(json!({ "type": "ping" }).to_string())
            }
            Some(report) = reported.recv() => conversation.relay(report),
            message = socket.recv() => {
                heard = Instant::now();
                match conversation.hear(message).await {
                    Ok(reply) => reply,
                    Err(close) => return close,
                }
            }
            // Finished tasks are taken off the list; what they had to say came as reports.
            Some(ended) = conversation.tasks.join_next() => match ended {
                Err(error) if error.is_panic() => return BROKEN,
                Ok(()) | Err(_) => None,
            },
        };
        if let Some(text) = reply
            && send(socket, text).await.is_err()
        {
            return GONE;
        }
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), Close> {
    match timeout(SEND_TIME, socket.send(Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(GONE),
    }
}

/// Up to `connection_ack`: who is it?
async fn greet(socket: &mut WebSocket, endpoint: &Endpoint, arrival: &Arrival, claim: &mut Claim) -> Result<Option<Actor>, Close> {
    loop {
        let Some(incoming) = read(socket.recv().await, MESSAGE_LIMIT)? else { continue };
        match incoming.kind.as_str() {
            "ping" => send(socket, json!({ "type": "pong" }).to_string()).await?,
            "pong" => {}
            "connection_init" => {
                claim.token = token(incoming.payload.as_deref())?;
                let resolved = claim.resolve(&endpoint.app, true, &arrival.id).await;
                let actor = resolved.map_err(|_| BROKEN)?;
                if actor.is_none() && claim.token.is_some() {
                    return Err(FORBIDDEN);
                }
                send(socket, json!({ "type": "connection_ack" }).to_string()).await?;
                return Ok(actor);
            }
            "subscribe" | "complete" => return Err(UNAUTHORIZED),
            _ => return Err(BAD_MESSAGE),
        }
    }
}

/// The token of `{"Authorization": "Bearer …"}`, in any case; None without one.
fn token(payload: Option<&RawValue>) -> Result<Option<String>, Close> {
    let Some(payload) = payload else { return Ok(None) };
    let payload: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(payload.get()).map_err(|_| BAD_MESSAGE)?;
    let value = payload.unwrap_or_default().into_iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match value {
        None | Some((_, serde_json::Value::Null)) => Ok(None),
        Some((_, serde_json::Value::String(value))) if value.is_empty() => Ok(None),
        Some((_, serde_json::Value::String(value))) => Ok(Some(bearer(&value).ok_or(FORBIDDEN)?.to_owned())),
        Some(_) => Err(BAD_MESSAGE),
    }
}

/// None for frames that say nothing.
fn read(message: Option<Result<Message, axum::Error>>, limit: usize) -> Result<Option<Incoming>, Close> {
    match message {
        Some(Ok(Message::Text(text))) if text.len() > limit => Err(TOO_BIG),
        Some(Ok(Message::Text(text))) => serde_json::from_str(text.as_str()).map(Some).map_err(|_| BAD_MESSAGE),
        Some(Ok(Message::Binary(_))) => Err(BAD_MESSAGE),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(GONE),
    }
}

/// An operation that has not ended.
struct Running {
    serial: u64,
    kind: OperationType,
    task: AbortHandle,
}

struct Conversation<'a> {
    endpoint: &'a Endpoint,
    arrival: &'a Arrival,
    claim: &'a Claim,
    limit: usize,
    running: HashMap<String, Running>,
    /// Dropping it stops all that runs.
    tasks: JoinSet<()>,
    reports: mpsc::Sender<Report>,
    serial: u64,
}

impl Conversation<'_> {
    /// What to answer at once, if anything.
    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<Option<String>, Close> {
        let Some(incoming) = read(message, self.limit)? else { return Ok(None) };
        match (incoming.kind.as_str(), incoming.id, incoming.payload) {
            ("ping", _, _) => Ok(Some(json!({ "type": "pong" }).to_string())),
            ("pong", _, _) => Ok(None),
            ("connection_init", _, _) => Err(TOO_MANY_INITS),
            ("complete", Some(id), _) => {
                if let Some(running) = self.running.remove(&id) {
                    running.task.abort();
                }
                Ok(None)
            }
            ("subscribe", Some(id), Some(payload)) if !id.is_empty() && id.len() <= 200 => self.start(id, &payload).await,
            _ => Err(BAD_MESSAGE),
        }
    }

    async fn start(&mut self, id: String, payload: &RawValue) -> Result<Option<String>, Close> {
        if self.running.contains_key(&id) {
            return Err(DUPLICATE_ID);
        }
        if self.endpoint.app.stop.is_cancelled() {
            return Ok(Some(error_message(&id, &[answer::error(answer::INTERNAL, SHUTTING_DOWN.1)])));
        }
        if self.running.len() >= MAX_OPERATIONS {
            let sentence = format!("at most {MAX_OPERATIONS} operations may run at once over one connection");
            return Ok(Some(error_message(&id, &[answer::error(answer::COST_LIMIT, sentence)])));
        }
        let operation = Params::from_raw(payload).and_then(|params| Operation::prepare(params, self.endpoint));
        let operation = match operation {
            Ok(operation) => operation,
            Err(error) => {
                let counted = self.endpoint.app.limits.check_request(Sender::address(self.arrival.address)).await;
                let error = counted.map_err(answer::Refused::rate_limited).map_or_else(|refused| refused.error, |()| error);
                return Ok(Some(error_message(&id, &[error])));
            }
        };
        if operation.measure.signs_in && self.claim.requester.browser {
            let sentence = "pages sign in over HTTP: an answer over WebSocket cannot set the cookie";
            return Ok(Some(error_message(&id, &[answer::error(answer::BAD_USER_INPUT, sentence)])));
        }
        self.serial += 1;
        let arrival = Arrival { id: format!("{}-{}", self.arrival.id, self.serial), ..self.arrival.clone() };
        let kind = operation.kind;
        // The request that opened the socket was answered long ago: what runs now has a line and an id of its own.
        let span = tracing::info_span!(parent: None, "request", request_id = arrival.id);
        let task = Task {
            endpoint: self.endpoint.clone(),
            arrival,
            claim: self.claim.clone(),
            operation,
            id: id.clone(),
            serial: self.serial,
            reports: self.reports.clone(),
        };
        let task = self.tasks.spawn(task.run().instrument(span));
        self.running.insert(id, Running { serial: self.serial, kind, task });
        Ok(None)
    }

    /// They would never end by themselves.
    fn end_subscriptions(&mut self) {
        self.running.retain(|_, running| {
            let stays = running.kind != OperationType::Subscription;
            if !stays {
                running.task.abort();
            }
            stays
        });
    }

    /// Passes a report on, unless its operation was ended by the client.
    fn relay(&mut self, report: Report) -> Option<String> {
        let Report { id, serial, message } = report;
        self.running.get(&id).filter(|running| running.serial == serial)?;
        match message {
            ReportMessage::Next(payload) => {
                #[derive(serde::Serialize)]
                struct Next<'a> {
                    id: &'a str,
                    r#type: &'static str,
                    payload: &'a RawValue,
                }
                serde_json::to_string(&Next { id: &id, r#type: "next", payload: &payload }).ok()
            }
            ReportMessage::Error(errors) => {
                self.running.remove(&id);
                Some(error_message(&id, &errors))
            }
            ReportMessage::Complete => {
                self.running.remove(&id);
                Some(json!({ "id": id, "type": "complete" }).to_string())
            }
        }
    }
}

fn error_message(id: &str, errors: &[ServerError]) -> String {
    json!({ "id": id, "type": "error", "payload": errors }).to_string()
}

/// One operation of a socket.
struct Task {
    endpoint: Endpoint,
    arrival: Arrival,
    claim: Claim,
    operation: Operation,
    id: String,
    serial: u64,
    reports: mpsc::Sender<Report>,
}

impl Task {
    async fn run(mut self) {
        let mut line = Line { outcome: self.operation.outcome(), started: Instant::now() };
        let admitted = self.operation.admit(&self.endpoint, &self.arrival, &self.claim).await;
        let mut answers = match admitted {
            Ok(actor) => {
                line.outcome.user = actor.map(|actor| actor.user);
                self.operation.answers(&self.endpoint, &self.arrival)
            }
            Err(refused) => stream::iter([Executed::from_errors(vec![refused.error])]).boxed(),
        };
        let report = |message| self.reports.send(Report { id: self.id.clone(), serial: self.serial, message });
        // A report that cannot be delivered has nobody left to be told.
        while let Some(executed) = answers.next().await {
            line.outcome.code = line.outcome.code.take().or(first_code(&executed));
            if answer::is_request_error(&executed) {
                report(ReportMessage::Error(executed.errors)).await.ok();
                return;
            }
            if let Ok(payload) = serde_json::from_slice(&answer::json(&executed)) {
                report(ReportMessage::Next(payload)).await.ok();
            }
        }
        report(ReportMessage::Complete).await.ok();
    }
}

/// The operation's line in the log, written also when the client ends it.
struct Line {
    outcome: Outcome,
    started: Instant,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.outcome.log(200, self.started.elapsed());
    }
}
