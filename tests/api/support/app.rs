//! The app as tests build it: a database of its own, a clock that stands still, the real router.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use chrono::{DateTime, TimeDelta, Utc};
use fixpath::app::App;
use fixpath::clock::Clock;
use fixpath::config::{Config, Hashing, MailTransport};
use fixpath::db::Db;
use fixpath::db::tls::Target;
use fixpath::http::{router, serve};
use fixpath::mail::Message;
use graphile_worker::Worker;
use http_body_util::BodyExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tower::ServiceExt;

use super::actor::{Actor, Answer};
use super::database::Database;

/// Made for tests; it opens nothing else.
pub const JWT_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIA5dI4ZMuDfXcdEwhsP7GZr444A321Iok+d0oW2IJ2Yp
-----END PRIVATE KEY-----";
/// The origin of the configured single-page app.
pub const ORIGIN: &str = "http://localhost:3000";
pub const PASSWORD: &str = "correct horse battery";
/// Among the variables: passwords and codes are hashed as they are in production.
pub const SLOW_HASHES: (&str, &str) = ("TESTS_HASH", "slowly");

pub struct TestApp {
    pub app: App,
    router: Router,
    pub database: Database,
    behind: Mutex<Option<Arc<Client>>>,
    /// Each actor has an address of its own, so that they do not share rate limits.
    next_address: AtomicU32,
    pub(super) worker: OnceCell<Worker>,
    pub(super) leaves_jobs: AtomicBool,
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these variables on top of the usual configuration.
    pub async fn with(variables: &[(&str, &str)]) -> Self {
        Self::on(Database::new().await, variables).await
    }

    pub async fn on(database: Database, variables: &[(&str, &str)]) -> Self {
        Self::at(Clock::manual(start()), database, variables).await
    }

    /// By a clock that others go by, too.
    pub async fn at(clock: Clock, database: Database, variables: &[(&str, &str)]) -> Self {
        let app = build(&database, variables, clock);
        let router = router::router(app.clone()).unwrap();
        Self {
            app,
            router,
            database,
            behind: Mutex::default(),
            next_address: AtomicU32::new(1),
            worker: OnceCell::new(),
            leaves_jobs: AtomicBool::new(false),
        }
    }

    /// Another process on the same database, with the same clock.
    pub fn second_process(&self) -> (App, Router) {
        self.second_process_with(&[])
    }

    pub fn second_process_with(&self, variables: &[(&str, &str)]) -> (App, Router) {
        let app = build(&self.database, variables, self.app.clock.clone());
        (app.clone(), router::router(app).unwrap())
    }

    /// The app, a stranger, and the owner of a new account.
    pub async fn with_owner() -> (Self, Actor, Actor) {
        let app = Self::new().await;
        let (anon, owner) = (app.anon(), app.sign_up("owner").await);
        (app, anon, owner)
    }

    /// Signs up `name@example.com`, who owns a new account.
    pub async fn sign_up(&self, name: &str) -> Actor {
        let anon = self.anon();
        let input = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
        let answer = anon
            .gql(
                "mutation($input: SignUpInput!) { signUp(input: $input) { accessToken userErrors { message } } }",
                json!({ "input": input }),
            )
            .await;
        assert_eq!(answer.data("signUp.userErrors"), json!([]), "{name} signs up");
        self.run_jobs().await;
        anon.signed_in(answer.data("signUp.accessToken").as_str().expect("an access token"))
    }

    /// A stranger with an address of their own.
    pub fn anon(&self) -> Actor {
        let number = self.next_address.fetch_add(1, Ordering::Relaxed);
        Actor::new(self.router.clone(), Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + number).into())
    }

    /// Moves the clock.
    pub fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
    }

    /// The whole answer to any request, from the address 10.0.0.0.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().get_or_insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 0], 4000))));
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Gives every account a plan without charge, instead of its trial.
    pub async fn db_plan(&self, key: &str) {
        self.db_execute(&format!(
            "DELETE FROM subscriptions WHERE provider = 'none'; \
             INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, created_at, updated_at) \
             SELECT gen_random_uuid(), accounts.id, plans.id, 'active', 1, 'none', accounts.created_at, accounts.created_at \
             FROM accounts JOIN plans ON plans.key = '{key}'"
        ))
        .await;
    }

    /// Runs SQL behind the app's back.
    pub async fn db_execute(&self, sql: &str) {
        self.behind().await.batch_execute(sql).await.unwrap();
    }

    /// A connection of the test's own, opened once.
    pub(super) async fn behind(&self) -> Arc<Client> {
        let mut behind = self.behind.lock().await;
        match &*behind {
            Some(client) if !client.is_closed() => client.clone(),
            _ => {
                let (client, connection) = self.app.db.target().connect().await.unwrap();
                tokio::spawn(connection);
                behind.insert(Arc::new(client)).clone()
            }
        }
    }

    /// The first column of what SQL finds, which must be text.
    pub async fn database_text(&self, sql: &str) -> Vec<String> {
        self.behind().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The mails that were sent so far.
    pub fn mails(&self) -> Vec<Message> {
        self.app.mailer.sent()
    }

    /// Listens on a port that the system chooses.
    pub async fn serve(&self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = self.app.clone();
        let task = tokio::spawn(async move { serve::serve(app, listener).await.map_err(|error| format!("{error:?}")) });
        Server { address, task }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.app.stop.cancel();
        self.app.db.close();
        if !std::thread::panicking() && !self.leaves_jobs.load(Ordering::Relaxed) {
            let left = super::jobs::left(&self.app);
            assert!(left.is_empty(), "the queue is not empty: {left:#?}\n(run_jobs() runs it; leave_jobs() says that it is meant)");
        }
    }
}

/// A server on a real socket.
pub struct Server {
    pub address: SocketAddr,
    pub task: JoinHandle<Result<(), String>>,
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// When tests begin.
pub fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_268_800, 0).unwrap()
}

fn build(database: &Database, variables: &[(&str, &str)], clock: Clock) -> App {
    let mut values = HashMap::from([
        ("DATABASE_URL", database.url.as_str()),
        ("DATABASE_POOL_SIZE", "4"),
        ("APP_URL", ORIGIN),
        ("JWT_PRIVATE_KEY", JWT_KEY),
        ("EXPORT_SIGNING_KEY", "thirty-two characters and no more"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ("SMTP_URL", "smtps://mail.example.com"),
        ("MAIL_FROM", "Fixpath <no-reply@example.com>"),
    ]);
    values.extend(variables.iter().copied());
    // As `main` does; the second time it is there already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut config = Config::read(&|name| values.get(name).map(|value| (*value).to_owned())).unwrap();
    // Mails are kept, unless a test says where they go.
    if !variables.iter().any(|(name, _)| *name == "SMTP_URL") {
        config.mail.transport = MailTransport::Memory;
    }
    // A third of what the tests cost would be hashes.
    if !variables.contains(&SLOW_HASHES) {
        config.hashing = Hashing { memory_kib: 8, passes: 1 };
    }
    let replica = config.database.replica_url.as_ref().map(|url| Target::parse(url.expose_secret()).unwrap());
    let db = Db::new(Target::parse(&database.url).unwrap(), replica, config.database.pool_size).unwrap();
    App::new(config, clock, db).unwrap()
}

/// For what has its own way of sending.
pub async fn read_body(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

/// For messages of failed assertions.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
