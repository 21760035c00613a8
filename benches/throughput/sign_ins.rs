//! What signing in costs: whether the time tells known logins from unknown ones, and how much of it is the password's hash.
//!
//! A login and an address may try five times a minute, so each attempt here is made with a login of its own, from an address of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fixpath::config::Hashing;
use fixpath::identity::password::Hasher;
use serde_json::json;

use super::client::Connection;
use super::content::{Content, PASSWORD, body};
use super::server::Server;

const ATTEMPTS: usize = 200;
/// As many people as there are attempts with known logins.
const PEOPLE: usize = 4 * ATTEMPTS;
const AT_ONCE: usize = 8;
const ACKNOWLEDGED: &str = "\"acknowledged\":true";

/// Whom attempts are about, and where they come from.
struct Attempts {
    next_known: AtomicU32,
    next_unknown: AtomicU32,
    next_address: AtomicU32,
}

impl Attempts {
    fn known(&self) -> String {
        format!("person{}@example.com", self.next_known.fetch_add(1, Ordering::Relaxed))
    }

    fn unknown(&self) -> String {
        format!("nobody{}@example.com", self.next_unknown.fetch_add(1, Ordering::Relaxed))
    }

    /// How long the answer took.
    async fn make(&self, connection: &mut Connection, query: &str, login: &str, expected: &str) -> Duration {
        let number = self.next_address.fetch_add(1, Ordering::Relaxed);
        let address = std::net::Ipv4Addr::from_bits(std::net::Ipv4Addr::new(10, 0, 0, 0).to_bits() + number);
        let body = body(query, &json!({ "login": login }).to_string());
        let begun = Instant::now();
        let answer = connection.post_from(&address.to_string(), &body).await;
        let took = begun.elapsed();
        assert!(answer.contains(expected), "{answer}");
        took
    }
}

pub async fn run(server: &Server, content: &Content) {
    content.make_people(PEOPLE).await;
    let attempts = Arc::new(Attempts { next_known: AtomicU32::new(1), next_unknown: AtomicU32::new(1), next_address: AtomicU32::new(1) });
    println!("\n{:<28} {:>12} {:>12} {:>12}", "medians of 200, in ms", "known", "unknown", "difference");
    let sign_in = "mutation($login: String!) { signIn(input: { login: $login, password: \"not the password\" }) { userErrors { code } } }";
    let code = "mutation($login: String!) { signInWithCode(input: { email: $login, code: \"123456\" }) { userErrors { code } } }";
    let ask = "mutation($login: String!) { requestSignInCode(input: { email: $login }) { acknowledged } }";
    let reset = "mutation($login: String!) { requestPasswordReset(input: { email: $login }) { acknowledged } }";
    let queue = Queue::of(content).await;
    for (name, before, query, expected) in [
        ("signIn", None, sign_in, "WRONG_CREDENTIALS"),
        // Of the known ones there is a code then.
        ("signInWithCode", Some(ask), code, "WRONG_CREDENTIALS"),
        ("requestPasswordReset", None, reset, ACKNOWLEDGED),
    ] {
        let (known, unknown) = compare(server, &attempts, &queue, before, query, expected).await;
        let difference = (known / unknown - 1.0) * 100.0;
        println!("{name:<28} {known:>12.2} {unknown:>12.2} {difference:>10.1} %");
    }

    let sign_ins = sign_in_at_once(server, &attempts).await;
    let hashes = hash_at_once().await;
    println!("\nsign-ins with the right password: {sign_ins:.1}/s; bare hashes: {hashes:.1}/s; {:.2} of them", sign_ins / hashes);
}

/// The mails that the server has to send. An attempt begins when those of the one before it have ended: what they cost is not what the
/// next one takes.
struct Queue(tokio_postgres::Client);

impl Queue {
    async fn of(content: &Content) -> Self {
        let (client, connection) = content.target().connect().await.unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    async fn end(&self) {
        let due =
            "SELECT EXISTS (SELECT FROM graphile_worker._private_jobs WHERE payload->>'job' LIKE 'mail%' AND attempts < max_attempts)";
        while self.0.query_one(due, &[]).await.unwrap().get(0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// In turn, so that whatever else the machine does falls on both alike.
async fn compare(server: &Server, attempts: &Attempts, queue: &Queue, before: Option<&str>, query: &str, expected: &str) -> (f64, f64) {
    let logins: Vec<_> = (0..ATTEMPTS).map(|_| [attempts.known(), attempts.unknown()]).collect();
    if let Some(before) = before {
        let mut connection = Connection::open(server.port).await.unwrap();
        for login in logins.iter().flatten() {
            attempts.make(&mut connection, before, login, ACKNOWLEDGED).await;
        }
    }
    let mut times = [Vec::new(), Vec::new()];
    for pair in &logins {
        for (login, times) in pair.iter().zip(&mut times) {
            queue.end().await;
            // A connection that nothing came over while mails were sent may have been closed.
            let mut connection = Connection::open(server.port).await.unwrap();
            times.push(attempts.make(&mut connection, query, login, expected).await);
        }
    }
    times.map(median).into()
}

/// Milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

async fn sign_in_at_once(server: &Server, attempts: &Arc<Attempts>) -> f64 {
    let query = format!("mutation($login: String!) {{ signIn(input: {{ login: $login, password: \"{PASSWORD}\" }}) {{ accessToken }} }}");
    let begun = Instant::now();
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (attempts, query, port) = (attempts.clone(), query.clone(), server.port);
            tokio::spawn(async move {
                let mut connection = Connection::open(port).await.unwrap();
                for _ in 0..ATTEMPTS / AT_ONCE {
                    attempts.make(&mut connection, &query, &attempts.known(), "\"accessToken\":\"").await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    ATTEMPTS as f64 / begun.elapsed().as_secs_f64()
}

/// The same hasher with nothing around it.
async fn hash_at_once() -> f64 {
    let hasher = Arc::new(Hasher::new(Hashing::default()).unwrap_or_else(|error| panic!("{error:?}")));
    let stored = hasher.hash(&PASSWORD.into()).await.unwrap_or_else(|error| panic!("{error:?}"));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (hasher, stored) = (hasher.clone(), stored.clone());
            tokio::spawn(async move {
                for _ in 0..ATTEMPTS / AT_ONCE {
                    assert!(hasher.verify(&PASSWORD.into(), Some(&stored)).await.is_ok_and(|fits| fits));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    ATTEMPTS as f64 / begun.elapsed().as_secs_f64()
}
