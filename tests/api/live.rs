//! Live updates: GraphQL over server-sent events and over WebSocket, each on a real socket.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::support::app::{ORIGIN, PASSWORD, Server};
use super::support::people::verify_email;
use super::support::{Actor, Answer, TestApp};

/// A client of graphql-transport-ws.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(server: &Server, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        Self::open_at(&server.url("/graphql/ws"), headers).await
    }

    async fn open_at(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = url.replace("http", "ws").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    async fn connect(server: &Server) -> Self {
        Self::open(server, &[("sec-websocket-protocol", "graphql-transport-ws"), ("origin", ORIGIN)]).await.unwrap()
    }

    /// Connected, and greeted with this token if it is not empty.
    pub async fn greeted(server: &Server, token: &str) -> Self {
        Self::connect(server).await.greet(token).await
    }

    /// The same at an address, and not from a page.
    pub async fn greeted_at(url: &str, token: &str) -> Self {
        let socket = Self::open_at(url, &[("sec-websocket-protocol", "graphql-transport-ws")]).await;
        socket.unwrap().greet(token).await
    }

    async fn greet(self, token: &str) -> Self {
        let mut socket = self;
        let payload = if token.is_empty() { json!({}) } else { json!({ "Authorization": format!("Bearer {token}") }) };
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }));
        socket
    }

    pub async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        self.send(json!({ "id": id, "type": "subscribe", "payload": { "query": query, "variables": variables } })).await;
    }

    /// The next message; the server's pings are passed over.
    pub async fn next(&mut self) -> Value {
        loop {
            let message = self.any().await;
            if message["type"] != "ping" {
                return message;
            }
        }
    }

    /// The next message, whatever it is.
    pub async fn any(&mut self) -> Value {
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            frame => panic!("no message but {frame:?}"),
        }
    }

    /// The code that the server closes with.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Text(_) => {}
                frame => panic!("no close but {frame:?}"),
            }
        }
    }

    async fn frame(&mut self) -> Message {
        tokio::time::timeout(Duration::from_secs(8), self.0.next()).await.expect("a frame arrives").expect("a frame").unwrap()
    }
}

#[tokio::test]
async fn queries_run_over_a_socket_and_errors_come_back_by_id() {
    let app = TestApp::new().await;
    let mut socket = Socket::greeted(&app.serve().await, "").await;
    socket.subscribe("one", "{ __typename }", json!({})).await;
    let payload = json!({ "data": { "__typename": "Query" }, "extensions": { "cost": 0 } });
    assert_eq!(socket.next().await, json!({ "id": "one", "type": "next", "payload": payload }));
    assert_eq!(socket.next().await, json!({ "id": "one", "type": "complete" }));
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothingOfThisName }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...F } fragment F on Query { ...F }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        socket.subscribe("two", query, json!({})).await;
        let error = socket.next().await;
        assert_eq!((&error["type"], &error["payload"][0]["extensions"]["code"]), (&json!("error"), &json!(code)), "{query}");
    }
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn a_socket_that_breaks_the_protocol_is_closed_with_its_code() {
    let app = TestApp::new().await;
    let server = app.serve().await;
    let init = json!({ "type": "connection_init" });
    for (messages, code) in [
        (vec![json!({ "id": "1", "type": "subscribe", "payload": { "query": "{ __typename }" } })], 4401),
        (vec![json!({ "type": "connection_init", "payload": { "Authorization": "Bearer forged" } })], 4403),
        (vec![json!({ "type": "connection_init", "payload": { "authorization": "Basic eDp5" } })], 4403),
        (vec![json!({ "type": "connection_init", "payload": 7 })], 4400),
        (vec![init.clone(), init.clone()], 4429),
        (vec![json!({ "type": "hello" })], 4400),
        (vec![json!("hello")], 4400),
        (vec![init.clone(), json!({ "type": "subscribe", "payload": { "query": "{ __typename }" } })], 4400),
        (vec![init.clone(), json!({ "type": "x", "payload": "y".repeat(200_000) })], 1009),
    ] {
        let mut socket = Socket::connect(&server).await;
        for message in &messages {
            socket.send(message.clone()).await;
        }
        assert_eq!(socket.closed().await, code, "{}", &messages[0].to_string());
    }
    let mut silent = Socket::connect(&server).await;
    assert_eq!(silent.closed().await, 4408, "no connection_init");
}

#[tokio::test]
async fn a_socket_needs_the_right_origin_and_protocol() {
    let app = TestApp::new().await;
    let server = app.serve().await;
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    match Socket::open(&server, &[protocol, ("origin", "https://evil.example")]).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        _ => panic!("a foreign page was let in"),
    }
    let mut other = Socket::open(&server, &[("origin", ORIGIN)]).await.unwrap();
    assert_eq!(other.closed().await, 4406);
}

/// What a stream of server-sent events says, as pairs of event and data.
fn events(answer: &Answer) -> Vec<(String, String)> {
    let text = answer.text();
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    let field = |block: &str, name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    blocks.map(|block| (field(block, "event:"), field(block, "data:"))).collect()
}

fn event_stream(query: &str) -> Request<Body> {
    let request = Request::post("/graphql").header("content-type", "application/json").header("accept", "text/event-stream");
    request.body(Body::from(json!({ "query": query }).to_string())).unwrap()
}

#[tokio::test]
async fn a_query_can_be_answered_as_events() {
    let app = TestApp::new().await;
    let answer = app.send(event_stream("{ __typename }")).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let payload = r#"{"data":{"__typename":"Query"},"extensions":{"cost":0}}"#.to_owned();
    assert_eq!(events(&answer), [("next".to_owned(), payload), ("complete".to_owned(), String::new())]);
}

#[tokio::test]
async fn a_page_gets_its_cookie_with_events_too_and_signs_in_over_no_socket() {
    let (app, _, _) = TestApp::with_owner().await;
    let sign_in = format!("mutation {{ signIn(input: {{ login: \"owner\", password: \"{PASSWORD}\" }}) {{ accessToken refreshToken }} }}");
    let answer = app.anon().in_browser("").send(event_stream(&sign_in)).await;
    assert!(answer.text().contains("\"refreshToken\":null") && answer.header("set-cookie").starts_with("fixpath_refresh="));
    let refresh = "mutation { refreshTokens(input: {}) { accessToken } }";
    let refreshed = app.anon().in_browser(&answer.cookie()).send(event_stream(refresh)).await;
    let renewed = app.anon().in_browser(&refreshed.cookie()).send(event_stream(refresh)).await;
    assert!(renewed.text().contains("\"accessToken\":\""), "{}", renewed.text());

    let mut socket = Socket::greeted(&app.serve().await, "").await;
    for operation in [&*sign_in, "mutation { ...F } fragment F on Mutation { refreshTokens(input: {}) { accessToken } }"] {
        socket.subscribe("one", operation, json!({})).await;
        let refused = socket.next().await;
        assert_eq!((&refused["type"], &refused["payload"][0]["extensions"]["code"]), (&json!("error"), &json!("BAD_USER_INPUT")));
    }
    assert!(app.send(event_stream(refresh)).await.header("set-cookie").is_empty(), "who is no page has no cookie");
}

#[tokio::test]
async fn an_invalid_operation_is_told_as_an_event() {
    let app = TestApp::new().await;
    let answer = app.send(event_stream("subscription { nothingOfThisName }")).await;
    let [(next, data), (complete, _)] = &events(&answer)[..] else { panic!("{}", answer.text()) };
    assert_eq!((next.as_str(), complete.as_str()), ("next", "complete"));
    assert!(data.contains("GRAPHQL_VALIDATION_FAILED") && !data.contains("\"data\""), "{data}");
}

#[tokio::test]
async fn a_subscription_with_several_fields_is_invalid() {
    let (app, ..) = TestApp::with_owner().await;
    let answer = app.send(event_stream("subscription { a: billingUpdated { id } b: billingUpdated { id } }")).await;
    assert!(answer.text().contains("GRAPHQL_VALIDATION_FAILED") && answer.text().contains("exactly one field"), "{}", answer.text());
}

#[tokio::test]
async fn a_subscription_over_plain_http_is_told_where_to_go() {
    let answer = TestApp::new().await.anon().gql("subscription { sessionUpdated(id: \"x\") { id } }", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.codes()), (400, vec!["GRAPHQL_VALIDATION_FAILED".to_owned()]));
    assert!(answer.text().contains("text/event-stream"));
}

#[tokio::test]
async fn whoever_signs_out_loses_their_socket() {
    let (app, _, owner) = TestApp::with_owner().await;
    let mut socket = Socket::greeted(&app.serve().await, owner.token.as_deref().unwrap()).await;
    socket.subscribe("1", "{ viewer { user { username } } }", json!({})).await;
    assert_eq!(socket.next().await["payload"]["data"]["viewer"]["user"]["username"], "owner");
    assert_eq!(socket.next().await["type"], "complete");
    let out = owner.ok("mutation { signOut(input: { everywhere: true }) { userErrors { code } } }", json!({})).await;
    assert_eq!(out.refusals("signOut"), Vec::<String>::new());
    assert_eq!(socket.closed().await, 4403);
}

#[tokio::test]
async fn a_socket_ends_with_the_token_it_was_opened_with() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.advance(TimeDelta::minutes(15) - TimeDelta::milliseconds(20));
    let mut socket = Socket::greeted(&app.serve().await, owner.token.as_deref().unwrap()).await;
    socket.subscribe("1", "{ viewer { user { username } } }", json!({})).await;
    assert_eq!(socket.next().await["payload"]["data"]["viewer"]["user"]["username"], "owner");
    assert_eq!(socket.next().await["type"], "complete");
    app.advance(TimeDelta::milliseconds(20));
    assert_eq!(socket.closed().await, 4403);
}

const WATCH: &str = "subscription Watch($id: ID!) { sessionUpdated(id: $id) { revision } }";

/// Starts a session of a shipped tree.
async fn session(owner: &Actor) -> String {
    let create = "mutation($input: CreateTreeInput!) { createTree(input: $input) { tree { id revision } userErrors { message } } }";
    let key = owner.ok("{ templates { key } }", json!({})).await.str("templates.0.key");
    let created = owner.ok(create, json!({ "input": { "title": "Watched", "source": { "template": key } } })).await;
    let publish = "mutation($input: PublishTreeInput!) { publishTree(input: $input) { userErrors { message } } }";
    let (id, revision) = (created.data("createTree.tree.id"), created.data("createTree.tree.revision"));
    let published = owner.ok(publish, json!({ "input": { "id": id, "revision": revision } })).await;
    assert_eq!(published.data("publishTree.userErrors"), json!([]));
    let start = "mutation($input: StartSessionInput!) { startSession(input: $input) { session { id revision } userErrors { message } } }";
    let started = owner.ok(start, json!({ "input": { "tree": { "id": id } } })).await;
    started.str("startSession.session.id")
}

async fn note(owner: &Actor, session: &str, revision: &Value) {
    let note = "mutation($input: NoteSessionInput!) { noteSession(input: $input) { userErrors { message } } }";
    let noted = owner.ok(note, json!({ "input": { "sessionId": session, "revision": revision, "note": "warm" } })).await;
    assert_eq!(noted.data("noteSession.userErrors"), json!([]));
}

#[tokio::test]
async fn a_socket_hears_of_each_step_and_runs_no_more_than_twenty_operations() {
    let (app, _, owner) = TestApp::with_owner().await;
    let id = session(&owner).await;
    let mut socket = Socket::greeted(&app.serve().await, owner.token.as_deref().unwrap()).await;
    socket.subscribe("watch", WATCH, json!({ "id": id })).await;
    let revision = socket.next().await["payload"]["data"]["sessionUpdated"]["revision"].clone();
    note(&owner, &id, &revision).await;
    let event = socket.next().await;
    assert_eq!(event["payload"]["data"]["sessionUpdated"]["revision"].as_i64(), revision.as_i64().map(|revision| revision + 1));

    socket.send(json!({ "id": "watch", "type": "complete" })).await;
    for number in 0..20 {
        socket.subscribe(&number.to_string(), WATCH, json!({ "id": id })).await;
        assert_eq!(socket.next().await["id"], number.to_string());
    }
    socket.subscribe("one more", WATCH, json!({ "id": id })).await;
    let refused = socket.next().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("one more"), &json!("error")));
    assert_eq!(refused["payload"][0]["message"], "at most 20 operations may run at once over one connection");
    socket.subscribe("7", WATCH, json!({ "id": id })).await;
    assert_eq!(socket.closed().await, 4409, "an id that is in use");
}

#[tokio::test]
async fn strangers_cannot_watch_a_session() {
    let (app, _, owner) = TestApp::with_owner().await;
    let id = session(&owner).await;
    let mut socket = Socket::greeted(&app.serve().await, "").await;
    socket.subscribe("1", WATCH, json!({ "id": id })).await;
    let answer = socket.next().await.to_string();
    assert!(answer.contains("UNAUTHENTICATED") && !answer.contains("revision"), "{answer}");
}

#[tokio::test]
async fn an_event_stream_hears_of_each_step_until_its_reader_is_signed_out() {
    let (app, _, owner) = TestApp::with_owner().await;
    let id = session(&owner).await;
    let server = app.serve().await;
    let request = reqwest::Client::new().post(server.url("/graphql")).header("accept", "text/event-stream");
    let body = json!({ "query": WATCH, "variables": { "id": id } });
    let mut answer = request.bearer_auth(owner.token.as_deref().unwrap()).json(&body).send().await.unwrap();
    let first = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    let data: Value = serde_json::from_str(first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap();
    let revision = &data["data"]["sessionUpdated"]["revision"];
    note(&owner, &id, revision).await;
    let second = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(second.starts_with("event: next") && second.contains(&(revision.as_i64().unwrap() + 1).to_string()), "{second}");
    owner.ok("mutation { signOut(input: { everywhere: true }) { userErrors { code } } }", json!({})).await;
    let last = tokio::time::timeout(Duration::from_secs(5), answer.text()).await.expect("the stream ends").unwrap();
    assert!(last.starts_with("event: complete"), "{last}");
}

/// They may do more from then on, and nothing less: nothing that they watch ends.
#[tokio::test]
async fn whoever_proves_their_address_meanwhile_goes_on_watching() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let id = session(&owner).await;
    let server = app.serve().await;
    let token = owner.token.as_deref().unwrap();
    let mut socket = Socket::greeted(&server, token).await;
    socket.subscribe("watch", WATCH, json!({ "id": id })).await;
    let mut revision = socket.next().await["payload"]["data"]["sessionUpdated"]["revision"].as_i64().unwrap();
    let request = reqwest::Client::new().post(server.url("/graphql")).header("accept", "text/event-stream").bearer_auth(token);
    let mut events = request.json(&json!({ "query": WATCH, "variables": { "id": id } })).send().await.unwrap();
    events.chunk().await.unwrap().unwrap();
    assert_eq!(
        verify_email(&anon, &app.mailed_token("verify_email", "owner@example.com")).await.refusals("verifyEmail"),
        Vec::<String>::new()
    );
    for _ in 0..3 {
        note(&owner, &id, &json!(revision)).await;
        revision += 1;
        assert_eq!(socket.next().await["payload"]["data"]["sessionUpdated"]["revision"], revision);
        let event = String::from_utf8(events.chunk().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(event.starts_with("event: next") && event.contains(&revision.to_string()), "{event}");
    }
    // What needs the address is open by now, over the same socket.
    let invite = "mutation { inviteMember(input: { email: \"grace@example.com\", role: ENGINEER }) { userErrors { code } } }";
    socket.subscribe("invite", invite, json!({})).await;
    assert_eq!(socket.next().await["payload"]["data"]["inviteMember"]["userErrors"], json!([]));
    app.leave_jobs();
}
