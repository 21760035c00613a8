//! What is written down about requests, and what never is.

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Router, middleware};
use fixpath::clock::Clock;
use fixpath::config::{Log, LogFormat};
use fixpath::http::arrival::observe;
use fixpath::telemetry::{self, Telemetry};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::live::Socket;
use super::support::TestApp;

/// A folder for log files that is gone when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("fixpath-log-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The lines of all files.
    fn lines(&self) -> Vec<Value> {
        let files = std::fs::read_dir(&self.0).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        files.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn to_files(folder: &Folder) -> Log {
    Log { format: LogFormat::Json, dir: Some(folder.0.clone()), otlp_endpoint: None }
}

/// Beside one that listens to nothing. With a single listener, `tracing` has the thread that comes to a line first decide whether anybody
/// wants it, for good: that may be another test's thread, which has none.
fn build(log: &Log, filter: &str) -> (Dispatch, Telemetry) {
    static DEAF: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry().with(LevelFilter::OFF)));
    LazyLock::force(&DEAF);
    telemetry::build(log, filter).unwrap_or_else(|error| panic!("{error:?}"))
}

#[tokio::test]
async fn a_request_is_one_line_without_address_token_or_body() {
    let folder = Folder::new("requests");
    let app = TestApp::new().await;
    let (dispatch, telemetry) = build(&to_files(&folder), "info");
    let in_use = tracing::dispatcher::set_default(&dispatch);
    let anon = app.anon().at_address("203.0.113.9").signed_in("a-secret-token");
    let answer = anon.gql("query Hello { __typename @include(if: true) }", json!({ "password": "a-secret-value" })).await;
    anon.gql("query Broken { nothingOfThisName }", json!({})).await;
    app.get("/nowhere").await;
    drop((in_use, dispatch, telemetry));
    let lines: Vec<_> = folder.lines().into_iter().filter(|line| line["message"] != "live updates are interrupted").collect();
    let operations: Vec<_> = lines.iter().filter(|line| line["message"] == "operation").collect();
    assert_eq!(operations.len(), 2, "{lines:?}");
    let hello = operations[0];
    let expected =
        [("operation", json!("Hello")), ("kind", json!("query")), ("status", json!(200)), ("outcome", json!("ok")), ("cost", json!(0))];
    for (field, value) in expected {
        assert_eq!(hello[field], value, "{hello}");
    }
    assert!(hello["milliseconds"].is_f64());
    assert_eq!(hello["span"]["request_id"], answer.header("x-request-id"));
    assert_eq!(operations[1]["outcome"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(lines.iter().filter(|line| line["message"] == "request" && line["path"] == "/nowhere").count(), 1);
    let text = lines.iter().map(Value::to_string).collect::<String>();
    for secret in ["203.0.113.9", "a-secret-token", "a-secret-value", "nothingOfThisName"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn operations_over_a_socket_have_ids_of_their_own() {
    let folder = Folder::new("socket");
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_execute("ALTER TABLE categories RENAME TO hidden").await;
    let (dispatch, telemetry) = build(&to_files(&folder), "info");
    let in_use = tracing::dispatcher::set_default(&dispatch);
    let mut socket = Socket::greeted(&app.serve().await, owner.token.as_deref().unwrap()).await;
    for (id, query) in [("a", "query First { __typename }"), ("b", "query Broken { categories { slug } }")] {
        socket.subscribe(id, query, json!({})).await;
        while socket.next().await["type"] != "complete" {}
    }
    drop((in_use, dispatch, telemetry));
    let lines = folder.lines();
    let ids: Vec<_> = lines.iter().filter(|line| line["message"] == "operation").map(|line| line["span"]["request_id"].clone()).collect();
    let [first, second] = &ids[..] else { panic!("{lines:?}") };
    let (socket, number) = first.as_str().unwrap().rsplit_once('-').unwrap();
    assert_eq!((number, second), ("1", &json!(format!("{socket}-2"))));
    let cause = lines.iter().find(|line| line["message"] == "a resolver failed").unwrap();
    assert_eq!(&cause["request_id"], second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_s_password_is_in_no_line_and_no_error() {
    let folder = Folder::new("collector");
    let app = TestApp::new().await;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://fixpath:traceword@{nobody}");
    let log = Log { otlp_endpoint: Some(endpoint.into()), ..to_files(&folder) };
    assert!(!format!("{log:?}").contains("traceword"));
    let (dispatch, telemetry) = build(&log, "debug");
    let in_use = tracing::dispatcher::set_default(&dispatch);
    app.anon().gql("query Traced { __typename }", json!({})).await;
    drop(in_use);
    tokio::task::spawn_blocking(move || drop((dispatch, telemetry))).await.unwrap();
    let lines = folder.lines();
    assert!(lines.iter().any(|line| line["message"] == "operation"), "{lines:?}");
    let text = lines.iter().map(Value::to_string).collect::<String>();
    assert!(!text.contains("traceword"), "{text}");

    let log = Log { otlp_endpoint: Some("http://fixpath:traceword@exa mple".into()), ..to_files(&folder) };
    let error = telemetry::build(&log, "info").err().unwrap();
    assert_eq!(format!("{error:?}"), "Internal(OTEL_EXPORTER_OTLP_ENDPOINT cannot be used)");
}

#[tokio::test]
async fn a_cause_is_logged_once_and_never_sent() {
    let folder = Folder::new("cause");
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_execute("ALTER TABLE categories RENAME TO hidden").await;
    let (dispatch, telemetry) = build(&to_files(&folder), "info");
    let in_use = tracing::dispatcher::set_default(&dispatch);
    let answer = owner.gql("{ categories { slug } again: categories { slug } }", json!({})).await;
    drop((in_use, dispatch, telemetry));
    assert_eq!((answer.status.as_u16(), answer.codes()), (200, vec!["INTERNAL_SERVER_ERROR".to_owned(); 2]));
    assert_eq!(answer.json()["data"], json!({ "categories": null, "again": null }), "each in its place");
    let error = &answer.json()["errors"][0];
    assert_eq!(error["extensions"]["requestId"], answer.header("x-request-id"));
    assert!(!answer.text().contains("relation"), "the driver's text: {}", answer.text());
    let causes: Vec<_> = folder.lines().into_iter().filter(|line| line["message"] == "a resolver failed").collect();
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert_eq!(causes[0]["request_id"], answer.header("x-request-id"));
    assert!(causes[0]["cause"].as_str().unwrap().contains("categories"));
}

#[tokio::test]
async fn a_panic_is_answered_with_a_request_id() {
    let app = TestApp::new().await;
    let router: Router = Router::new()
        .route("/", get(async || -> &'static str { panic!("on purpose") }))
        .layer(middleware::from_fn_with_state(app.app.clone(), observe));
    let mut request = Request::get("/").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1))));
    let answer = super::support::Answer::read(tower::ServiceExt::oneshot(router, request).await.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.codes()), (500, vec!["INTERNAL_SERVER_ERROR".to_owned()]));
    assert_eq!(answer.json()["errors"][0]["extensions"]["requestId"], answer.header("x-request-id"));
    assert!(!answer.text().contains("on purpose"));
}

/// A collector, and the bodies that arrive at it.
async fn collector() -> (String, UnboundedReceiver<Bytes>) {
    let (arrived, arriving) = unbounded_channel();
    let receive = post(move |body: Bytes| std::future::ready(arrived.send(body).map_err(|_| StatusCode::GONE)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", receive)).into_future());
    (address, arriving)
}

/// What OpenTelemetry calls attributes, as JSON.
fn attributes(list: &[KeyValue]) -> Value {
    let value = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.clone()) {
        Some(any_value::Value::StringValue(text)) => json!(text),
        Some(any_value::Value::IntValue(number)) => json!(number),
        other => json!(format!("{other:?}")),
    };
    list.iter().map(|pair| (pair.key.clone(), value(pair))).collect()
}

/// The line that ends a request, as an event in its span.
fn outcome(request: &Span) -> Value {
    let line = request.events.iter().find(|event| event.name == "operation");
    attributes(&line.unwrap_or_else(|| panic!("no outcome in {request:?}")).attributes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_told_which_operation_ran_how_it_went_and_nothing_secret() {
    let (endpoint, mut arriving) = collector().await;
    let (_app, _, owner) = TestApp::with_owner().await;
    let log = Log { format: LogFormat::Pretty, dir: None, otlp_endpoint: Some(endpoint.into()) };
    let (dispatch, telemetry) = build(&log, "info");
    let in_use = tracing::dispatcher::set_default(&dispatch);
    let owner = owner.at_address("203.0.113.9");
    let search = "query Traced($words: String!) { searchTrees(query: $words) { edges { score } } }";
    let found = owner.ok(search, json!({ "words": "a-secret-value" })).await;
    let refused = owner.gql("query Broken { nothingOfThisName }", json!({})).await;
    drop(in_use);
    tokio::task::spawn_blocking(move || drop((dispatch, telemetry))).await.unwrap();
    let bodies: Vec<Bytes> = std::iter::from_fn(|| arriving.try_recv().ok()).collect();

    let told: Vec<_> = bodies.iter().flat_map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap().resource_spans).collect();
    for resource in &told {
        assert_eq!(attributes(&resource.resource.as_ref().unwrap().attributes)["service.name"], "fixpath");
    }
    let spans: Vec<&Span> = told.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect();
    let expected = [(&found, "Traced", "ok"), (&refused, "Broken", "GRAPHQL_VALIDATION_FAILED")];
    for (answer, name, how) in expected {
        let operation = spans.iter().find(|span| span.name == "operation" && attributes(&span.attributes)["operation"] == name);
        let operation = operation.unwrap_or_else(|| panic!("no span of {name} in {spans:?}"));
        assert_eq!(attributes(&operation.attributes)["kind"], "query");
        let around = spans.iter().find(|span| span.span_id == operation.parent_span_id).expect("it runs within a request");
        assert_eq!((around.name.as_str(), &around.trace_id), ("request", &operation.trace_id));
        let request = attributes(&around.attributes);
        assert_eq!((&request["request_id"], &request["http.path"]), (&json!(answer.header("x-request-id")), &json!("/graphql")));
        let outcome = outcome(around);
        assert_eq!((&outcome["operation"], &outcome["outcome"]), (&json!(name), &json!(how)));
    }
    assert_eq!(spans.len(), 2 * expected.len(), "one of the request, one of the operation: {spans:?}");
    let all = bodies.concat();
    assert!(contains(&all, "Traced"), "a text that was told is found");
    for secret in [owner.token.as_deref().unwrap(), "203.0.113.9", "a-secret-value", "nothingOfThisName", "owner@example.com"] {
        assert!(!contains(&all, secret), "{secret} is told to the collector");
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_over_https_is_spoken_to_in_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let first_bytes = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 3];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    });
    let app = TestApp::new().await;
    let log = Log { format: LogFormat::Pretty, dir: None, otlp_endpoint: Some(endpoint.into()) };
    let (dispatch, telemetry) = build(&log, "info");
    let in_use = tracing::dispatcher::set_default(&dispatch);
    app.anon().gql("query Traced { __typename }", json!({})).await;
    drop(in_use);
    tokio::task::spawn_blocking(move || drop((dispatch, telemetry))).await.unwrap();
    // A handshake, of a version that begins with 3: TLS.
    assert_eq!(first_bytes.await.unwrap()[..2], [0x16, 0x03]);
}

#[test]
fn a_filter_that_cannot_be_read_stops_the_start() {
    let log = Log { format: LogFormat::Pretty, dir: None, otlp_endpoint: None };
    let error = telemetry::build(&log, "fixpath=loud").err().unwrap();
    assert!(format!("{error:?}").contains("RUST_LOG cannot be read: "), "{error:?}");
}

#[tokio::test]
async fn a_folder_of_logs_has_one_file_a_day_and_keeps_thirty() {
    let folder = Folder::new("days");
    for day in 1..=35 {
        std::fs::write(folder.0.join(format!("fixpath.2020-01-{day:02}.log")), "{}\n").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    std::fs::write(folder.0.join("notes.txt"), "{}").unwrap();
    let today = || Clock::System.now().format("fixpath.%F.log").to_string();
    let before = today();
    // Two starts of one day write into the same file.
    for start in ["first", "second"] {
        let (dispatch, telemetry) = build(&to_files(&folder), "info");
        tracing::dispatcher::with_default(&dispatch, || tracing::info!(start, "a line"));
        drop((dispatch, telemetry));
    }
    let mut names: Vec<String> =
        std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.pop().unwrap(), "notes.txt", "what is not ours is left alone");
    assert!(names.len() <= 31, "{names:?}");
    assert!(!names.contains(&"fixpath.2020-01-01.log".to_owned()), "the oldest go first: {names:?}");
    let newest = names.pop().unwrap();
    // Unless midnight has passed meanwhile.
    if before == today() {
        assert_eq!(newest, before);
        let text = std::fs::read_to_string(folder.0.join(newest)).unwrap();
        let starts: Vec<Value> = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["start"].clone()).collect();
        assert_eq!(starts, ["first", "second"]);
    }
}
