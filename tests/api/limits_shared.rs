//! Limits that several processes share through a real Redis, and what happens when it is not there.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::support::app::PASSWORD;
use super::support::people::sign_in;
use super::support::{Actor, TestApp};

/// A Redis of its own for a test. Dropping it stops it.
pub struct Redis {
    folder: PathBuf,
    server: Child,
}

impl Redis {
    pub fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("fixpath-redis-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self { server: run(&folder), folder }
    }

    pub fn url(&self) -> String {
        format!("unix://{}/socket", self.folder.display())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.server), signal).unwrap();
    }

    fn stop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.server = run(&self.folder);
    }

    async fn command(&self, command: &mut redis::Cmd) -> redis::Value {
        let client = redis::Client::open(self.url()).unwrap();
        command.query_async(&mut client.get_multiplexed_async_connection().await.unwrap()).await.unwrap()
    }

    /// The only key that begins so.
    async fn key(&self, kind: &str) -> String {
        let keys: Vec<String> =
            redis::from_redis_value(self.command(redis::cmd("KEYS").arg(format!("fixpath:limit:{kind}:*"))).await).unwrap();
        assert_eq!(keys.len(), 1, "{keys:?}");
        keys[0].clone()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn run(folder: &std::path::Path) -> Child {
    let socket = folder.join("socket");
    std::fs::remove_file(&socket).ok();
    let mut server = Command::new("redis-server");
    server.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(&socket).current_dir(folder);
    let server = server.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("redis-server is installed");
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "Redis starts");
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}

/// Two processes that know of each other only through Redis.
struct Pair {
    redis: Redis,
    app: TestApp,
    other: fixpath::app::App,
    router: axum::Router,
}

impl Pair {
    async fn new(requests: &str) -> Self {
        let redis = Redis::start();
        let url = redis.url();
        let variables = [("REDIS_URL", url.as_str()), ("RATE_LIMIT_PER_MINUTE", requests)];
        let app = TestApp::with(&variables).await;
        let (other, router) = app.second_process_with(&variables);
        Self { app, other, router, redis }
    }

    /// Let in without being counted, because a busy machine made Redis slow.
    fn not_counted(&self) -> usize {
        usize::try_from(self.app.app.limits.not_counted() + self.other.limits.not_counted()).unwrap()
    }
}

async fn hello(actor: &Actor) -> bool {
    actor.gql("{ __typename }", json!({})).await.status == StatusCode::OK
}

#[tokio::test]
async fn two_processes_grant_one_allowance() {
    let pair = Pair::new("50").await;
    let here = pair.app.anon();
    let there = here.through(pair.router.clone());
    let mut answered = 0;
    for _ in 0..8 {
        answered += usize::from(hello(&here).await) + usize::from(hello(&there).await);
    }
    let allowed = 10..=10 + pair.not_counted();
    assert!(allowed.contains(&answered), "{answered} of {allowed:?}");
    let refused = there.gql("{ __typename }", json!({})).await;
    assert_eq!(refused.codes(), ["RATE_LIMITED"]);
    let retry_after = refused.json()["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap();
    assert!((1..=6).contains(&retry_after), "{retry_after}");
    assert!(hello(&pair.app.anon().through(pair.router.clone())).await, "another address has its own");
}

#[tokio::test]
async fn who_asks_everywhere_at_once_gets_no_more() {
    let pair = Pair::new("50").await;
    let here = pair.app.anon();
    let there = here.through(pair.router.clone());
    let answers = join_all((0..60).map(|number| hello(if number % 2 == 0 { &here } else { &there }))).await;
    let answered = answers.into_iter().filter(|answered| *answered).count();
    let allowed = 10..=10 + pair.not_counted();
    assert!(allowed.contains(&answered), "{answered} of {allowed:?}");
}

#[tokio::test]
async fn an_allowance_fills_with_the_time_of_redis_and_is_forgotten_when_full() {
    let pair = Pair::new("50").await;
    let anon = pair.app.anon();
    while hello(&anon).await {}
    // As if six seconds had passed: the time at which the allowance is full again comes nearer.
    let key = pair.redis.key("address-requests").await;
    let full: String = redis::from_redis_value(pair.redis.command(redis::cmd("GET").arg(&key)).await).unwrap();
    let earlier = full.parse::<f64>().unwrap() - 6_000_000.0;
    pair.redis.command(redis::cmd("SET").arg(&key).arg(earlier.to_string()).arg("KEEPTTL")).await;
    assert!(hello(&anon).await);
    let lives: i64 = redis::from_redis_value(pair.redis.command(redis::cmd("PTTL").arg(&key)).await).unwrap();
    assert!((1..=60_000).contains(&lives), "{lives}");
}

#[tokio::test]
async fn attempts_at_a_login_are_counted_together() {
    let pair = Pair::new("100000").await;
    pair.app.sign_up("owner").await;
    let mut tried = 1;
    for number in 0..12 {
        let anon = pair.app.anon();
        let anon = if number % 2 == 0 { anon } else { anon.through(pair.router.clone()) };
        match sign_in(&anon, "OWNER@example.com", "guess").await.refusals("signIn").first().map(String::as_str) {
            Some("RATE_LIMITED") => break,
            Some("WRONG_CREDENTIALS") => tried += 1,
            other => panic!("{other:?}"),
        }
    }
    let allowed = 5..=5 + pair.not_counted();
    assert!(allowed.contains(&tried), "{tried} of {allowed:?}");
    let keys = format!("{:?}", pair.redis.command(redis::cmd("KEYS").arg("*")).await);
    assert!(keys.contains("fixpath:limit:login-attempts:") && !keys.to_lowercase().contains("example.com"), "{keys}");
}

#[tokio::test]
async fn people_count_with_their_account() {
    // An allowance is forgotten when it is full again: of a small one, a costly operation takes more than a second's worth.
    let pair = Pair::new("5").await;
    let owner = pair.app.sign_up("owner").await;
    owner.ok("{ trees(first: 100) { nodes { id } } }", json!({})).await;
    for kind in ["person-requests", "account-requests", "person-points", "account-points"] {
        pair.redis.key(kind).await;
    }
}

#[tokio::test]
async fn while_redis_is_down_everybody_is_let_in_and_counted_and_later_limited_again() {
    let mut pair = Pair::new("50").await;
    let anon = pair.app.anon();
    while hello(&anon).await {}
    pair.redis.stop();
    let before = pair.not_counted();
    for _ in 0..30 {
        assert!(hello(&anon).await, "nobody is refused for Redis' sake");
    }
    assert_eq!(pair.not_counted() - before, 30);
    assert!(pair.app.get("/metrics").await.text().contains("rate_limits_not_checked_total "));
    pair.redis.start_again();
    let begun = Instant::now();
    while hello(&anon).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "the limit counts again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_redis_that_does_not_answer_holds_nobody_up() {
    let pair = Pair::new("50").await;
    let anon = pair.app.anon();
    assert!(hello(&anon).await);
    pair.redis.signal(Signal::STOP);
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(hello(&anon).await);
    }
    // One in a second waits for 50 ms, the others for nothing; if each waited, it would take 5 s.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    pair.redis.signal(Signal::CONT);
}

#[tokio::test]
async fn a_server_starts_without_its_redis() {
    let app = TestApp::with(&[("REDIS_URL", "unix:///nowhere/socket"), ("RATE_LIMIT_PER_MINUTE", "5")]).await;
    let anon = app.anon();
    for _ in 0..5 {
        assert!(hello(&anon).await);
    }
    assert!(sign_in(&anon, "nobody", PASSWORD).await.refusals("signIn") == ["WRONG_CREDENTIALS"]);
    assert!(app.app.limits.not_counted() >= 6);
}
