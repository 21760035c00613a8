//! Whoever takes too long is cut off, and nobody else notices: operations that hang, slow senders, silent sockets.

use std::time::{Duration, Instant};

use diesel_async::RunQueryDsl;
use fixpath::error::Error;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::live::Socket;
use super::support::app::Server;
use super::support::people::ids;
use super::support::trees::{ANSWER, START, answer, looping, published, start};
use super::support::{Actor, TestApp};

const SOON: Duration = Duration::from_secs(5);
const TREES: &str = "{ trees(first: 1) { nodes { title } } }";

/// Holds what this statement locks until it is dropped.
struct Lock(Client);

impl Lock {
    async fn take(app: &TestApp, statement: &str) -> Self {
        let (client, connection) = app.app.db.target().connect().await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("BEGIN; {statement}")).await.unwrap();
        Self(client)
    }

    async fn release(self) {
        self.0.batch_execute("COMMIT").await.unwrap();
    }

    /// Returns once none of the app's statements waits or runs, and none of its transactions is open, although the lock is still held.
    async fn nobody_waits(&self) {
        let others = "SELECT state || ': ' || query FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
        let begun = Instant::now();
        loop {
            // A transaction sees who is active as it saw it first, unless told to look again.
            self.0.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
            let waiting: Vec<String> = self.0.query(others, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
            if waiting.is_empty() {
                return;
            }
            assert!(begun.elapsed() < SOON, "{waiting:?} still wait");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// An owner, and the same one through a process that gives each operation a second: what has to be made first may take longer.
async fn hurried() -> (TestApp, Actor, Actor) {
    let (app, _, owner) = TestApp::with_owner().await;
    let (_, router) = app.second_process_with(&[("OPERATION_SECONDS", "1")]);
    let hurried = owner.through(router);
    (app, owner, hurried)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_for_a_locked_row_is_told_so_and_never_happens() {
    let (app, owner, hurried) = hurried().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let session = start(&owner, &tree).await;
    let lock = Lock::take(&app, "SELECT 1 FROM sessions FOR UPDATE").await;
    let input = json!({ "sessionId": session, "revision": 1, "nodeKey": "light", "answer": { "option": "no" } });
    let begun = Instant::now();
    let late = hurried.gql(ANSWER, json!({ "input": input })).await;
    assert!((1.0..3.0).contains(&begun.elapsed().as_secs_f64()), "after {:?}", begun.elapsed());
    assert_eq!((late.status.as_u16(), late.codes()), (200, vec!["TIMEOUT".to_owned()]));
    assert_eq!(late.json()["errors"][0]["message"], "the operation took longer than 1 s and was stopped");
    assert_eq!(late.json()["data"], json!(null));

    lock.nobody_waits().await;
    lock.release().await;
    let again = answer(&owner, &session, 1, "light", json!({ "option": "yes" })).await;
    assert_eq!(again.data("answerSession.session.revision"), 2, "what was told to have been stopped was not done later: {}", again.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_was_stopped_leaves_no_transaction_behind() {
    let (app, owner, hurried) = hurried().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let lock = Lock::take(&app, "LOCK TABLE session_steps IN ACCESS EXCLUSIVE MODE").await;
    let late = hurried.gql(START, json!({ "input": { "tree": { "id": tree } } })).await;
    assert_eq!(late.codes(), ["TIMEOUT"]);
    lock.nobody_waits().await;
    // What its transaction wrote is neither kept nor locked.
    let (_, account) = ids(&owner).await;
    let account = uuid::Uuid::from(account);
    let free =
        timeout(SOON, app.db_execute(&format!("INSERT INTO session_usage VALUES ('{account}', date_trunc('month', now()), 7)"))).await;
    assert!(free.is_ok());
    lock.release().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_hanging_queries_as_there_are_connections_do_not_hold_up_the_next() {
    let (app, _owner, hurried) = hurried().await;
    let lock = Lock::take(&app, "LOCK TABLE trees IN ACCESS EXCLUSIVE MODE").await;
    for late in futures_util::future::join_all((0..4).map(|_| hurried.gql(TREES, json!({})))).await {
        assert_eq!(late.codes(), ["TIMEOUT"]);
    }
    for _ in 0..4 {
        let next = hurried.ok("{ viewer { user { username } } }", json!({})).await;
        assert_eq!(next.str("viewer.user.username"), "owner");
    }
    lock.nobody_waits().await;
    lock.release().await;
    hurried.ok(TREES, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_whose_senders_have_gone_do_not_hold_up_the_next() {
    let app = TestApp::new().await;
    let owner = app.sign_up("owner").await;
    let lock = Lock::take(&app, "LOCK TABLE trees IN ACCESS EXCLUSIVE MODE").await;
    for _ in 0..4 {
        let query = owner.gql(TREES, json!({}));
        assert!(timeout(Duration::from_millis(200), query).await.is_err(), "it hangs until its sender hangs up");
    }
    let next = timeout(SOON, owner.ok("{ viewer { user { username } } }", json!({}))).await.expect("an answer");
    assert_eq!(next.str("viewer.user.username"), "owner");
    lock.nobody_waits().await;
}

#[tokio::test]
async fn a_connection_that_comes_back_whole_is_lent_again() {
    let app = TestApp::with(&[("DATABASE_POOL_SIZE", "1")]).await;
    let db = &app.app.db;
    let used = async || backend(&app).await;
    let first = used().await;
    db.transaction(async |conn| Ok(diesel::sql_query("SELECT 1").execute(conn).await?)).await.unwrap();
    let failed = db.transaction(async |conn| Ok(diesel::sql_query("SELECT 1 / 0").execute(conn).await?)).await;
    assert!(failed.is_err() && diesel::sql_query("nonsense").execute(&mut *db.conn().await.unwrap()).await.is_err());
    drop(db.conn().await.unwrap());
    assert_eq!(used().await, first);
    let sleep = async { diesel::sql_query("SELECT pg_sleep(60)").execute(&mut *db.conn().await.unwrap()).await };
    assert!(timeout(Duration::from_millis(100), sleep).await.is_err());
    assert_ne!(used().await, first, "and one that does not is not");
}

/// PostgreSQL rolls back such a transaction when it is told to commit, and calls that a success.
#[tokio::test]
async fn a_transaction_of_which_a_statement_failed_is_not_said_to_be_done() {
    let app = TestApp::with(&[("DATABASE_POOL_SIZE", "1")]).await;
    let before = backend(&app).await;
    let swallowed = app.app.db.transaction(async |conn| {
        diesel::sql_query("UPDATE categories SET name = 'gone'").execute(conn).await?;
        diesel::sql_query("SELECT 1 / 0").execute(conn).await.ok();
        Ok(())
    });
    assert!(format!("{:?}", swallowed.await).contains("current transaction is aborted"));
    assert_eq!(app.db_value("SELECT count(*) FROM categories WHERE name = 'gone'").await, json!(0));
    assert_eq!(backend(&app).await, before, "the connection is fit for the next");
}

#[tokio::test]
async fn a_transaction_that_is_given_up_between_two_statements_is_rolled_back() {
    let app = TestApp::with(&[("DATABASE_POOL_SIZE", "1")]).await;
    let before = backend(&app).await;
    let given_up = app.app.db.transaction(async |conn| {
        diesel::sql_query("UPDATE categories SET name = 'half done'").execute(conn).await?;
        std::future::pending::<Result<(), Error>>().await
    });
    assert!(timeout(Duration::from_millis(200), given_up).await.is_err());
    // It waits for the rows until they are free.
    timeout(SOON, app.db_execute("UPDATE categories SET name = slug")).await.expect("nobody holds them");
    assert_ne!(backend(&app).await, before, "its connection is not lent again");
}

#[derive(diesel::QueryableByName)]
struct Backend {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pid: i32,
}

/// Which connection the pool lends at present.
async fn backend(app: &TestApp) -> i32 {
    let query = diesel::sql_query("SELECT pg_backend_pid() AS pid");
    query.get_result::<Backend>(&mut *app.app.db.conn().await.unwrap()).await.unwrap().pid
}

/// Sends this in pieces, with a pause between them; what comes back before the server closes, and after how long it does.
async fn trickle(server: &Server, pieces: Vec<&[u8]>, pause: Duration) -> (String, Duration) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let begun = Instant::now();
    let write = async {
        for piece in pieces {
            // The server may have closed already; that is what is looked for.
            if to.write_all(piece).await.is_err() {
                break;
            }
            sleep(pause).await;
        }
        std::future::pending::<()>().await
    };
    let read = async {
        let mut answer = Vec::new();
        from.read_to_end(&mut answer).await.ok();
        String::from_utf8(answer).unwrap()
    };
    let answer = tokio::select! {
        () = write => unreachable!(),
        answer = timeout(SOON, read) => answer.expect("the server closes the connection"),
    };
    (answer, begun.elapsed())
}

#[tokio::test]
async fn whoever_sends_headers_slowly_is_cut_off() {
    let app = TestApp::with(&[("HEADER_SECONDS", "1")]).await;
    let server = app.serve().await;
    let bytes: Vec<&[u8]> = b"POST /graphql HTTP/1.1\r\nhost: x\r\nx-slow: 1\r\n".chunks(1).collect();
    let pause = Duration::from_millis(100);
    let (stalled, trickled, silent) = tokio::join!(
        trickle(&server, vec![b"POST /graphql HTTP/1.1\r\nhost:"], pause),
        trickle(&server, bytes, pause),
        trickle(&server, vec![], pause),
    );
    for (answer, took) in [stalled, trickled, silent] {
        assert!(!answer.contains("200"), "{answer}");
        assert!((0.9..3.0).contains(&took.as_secs_f64()), "{took:?}");
    }
    assert_eq!(reqwest::get(server.url("/healthz")).await.unwrap().status(), 200, "others are served");
}

#[tokio::test]
async fn whoever_sends_a_body_slowly_is_told_so() {
    let app = TestApp::with(&[("BODY_SECONDS", "1")]).await;
    let server = app.serve().await;
    for path in ["/graphql", "/webhooks/stripe"] {
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 60\r\n\r\n");
        let head = head.as_bytes();
        let body: Vec<&[u8]> = br#"{"query":"{ __typename }"}"#.chunks(1).collect();
        let trickled: Vec<&[u8]> = std::iter::once(head).chain(body).collect();
        let pause = Duration::from_millis(100);
        let (stalled, trickled) = tokio::join!(trickle(&server, vec![head, b"{"], pause), trickle(&server, trickled, pause));
        for (answer, took) in [stalled, trickled] {
            assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the body arrived too slowly"), "{answer}");
            assert!((0.9..3.0).contains(&took.as_secs_f64()), "{path}: {took:?}");
        }
    }
    assert_eq!(reqwest::get(server.url("/healthz")).await.unwrap().status(), 200, "others are served");
}

#[tokio::test]
async fn a_socket_that_answers_no_ping_is_closed_and_one_that_does_is_kept() {
    let app = TestApp::with(&[("PING_SECONDS", "1")]).await;
    let server = app.serve().await;
    let (mut silent, mut polite) = tokio::join!(Socket::greeted(&server, ""), Socket::greeted(&server, ""));
    let begun = Instant::now();
    let silent = async {
        assert_eq!(silent.closed().await, 1000);
        begun.elapsed()
    };
    let polite = async {
        for _ in 0..5 {
            assert_eq!(polite.any().await, json!({ "type": "ping" }));
            polite.send(json!({ "type": "pong" })).await;
        }
        polite.subscribe("1", "{ __typename }", json!({})).await;
        assert_eq!(polite.next().await["id"], "1", "still there");
        begun.elapsed()
    };
    let (silent, polite) = tokio::join!(silent, polite);
    assert!((1.9..4.0).contains(&silent.as_secs_f64()) && polite > silent, "closed after {silent:?}; kept for {polite:?}");
}
