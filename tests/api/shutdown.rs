//! How a server stops, and how it treats clients that are slow.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::live::Socket;
use super::support::TestApp;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_stop_ends_the_server_and_tells_open_sockets() {
    let app = TestApp::new().await;
    let server = app.serve().await;
    let url = server.url("/graphql");
    let client = reqwest::Client::new();
    let answer = client.post(&url).json(&json!({ "query": "{ __typename }" })).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut socket = Socket::greeted(&server, "").await;
    app.app.stop.cancel();
    assert_eq!(socket.closed().await, 1001);
    drop(socket);
    assert_eq!(timeout(SOON, server.task).await.expect("the server ends").unwrap(), Ok(()));
    assert!(client.post(&url).send().await.is_err(), "nobody listens any more");
    assert!(app.app.db.conn().await.is_err(), "the pool is closed");
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_before_the_server_ends() {
    let app = TestApp::new().await;
    let server = app.serve().await;
    let body = r#"{"query":"{ __typename }"}"#;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body.as_bytes()[..5]).await.unwrap();
    // The server has read the head once it asks for more of the body; there is no other sign of it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    app.app.stop.cancel();
    stream.write_all(&body.as_bytes()[5..]).await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains(r#""__typename":"Query""#), "{answer}");
    assert_eq!(timeout(SOON, server.task).await.expect("the server ends").unwrap(), Ok(()));
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_stop_up() {
    let app = TestApp::new().await;
    let server = app.serve().await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let client = reqwest::Client::new();
    client.get(server.url("/healthz")).send().await.unwrap();
    app.app.stop.cancel();
    assert_eq!(timeout(SOON, server.task).await.expect("the server ends").unwrap(), Ok(()));
}
