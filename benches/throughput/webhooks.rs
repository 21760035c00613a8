//! What Stripe's deliveries cost: each is one event that nobody has seen, signed, about one of a thousand subscriptions, and changes it.
//! Beside it pgbench runs the same statements in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fixpath::clock::Clock;
use fixpath::db::Db;
use fixpath::db::embedded::Embedded;
use fixpath::staff::lookup::{self, Reference};
use fixpath::stripe::signature;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Connection, Measured};
use super::content::Content;
use super::server::Server;
use super::{CONNECTIONS, MEASURE, WARM_UP, pgbench};

/// What the server is started with. Nobody plays Stripe: deliveries are applied without asking it.
pub const VARIABLES: [(&str, &str); 3] =
    [("STRIPE_SECRET_KEY", "sk_test_bench"), ("STRIPE_WEBHOOK_SECRET", SECRET), ("STRIPE_API_BASE", "http://127.0.0.1:9")];
const SECRET: &str = "whsec_bench";
const SUBSCRIPTIONS: usize = 1000;
/// Of the one customer of whom much is told.
const HOT_EVENTS: usize = 10_000;
const PEOPLE: usize = 1_000_000;
const LOOKUPS: usize = 2000;

const UPDATED: &str = include_str!("../../tests/fixtures/stripe/events/customer.subscription.updated.json");

/// Stripe, as far as it sends.
struct Sender {
    secret: SecretString,
    event: Value,
    /// Each event is later than all before it.
    created: AtomicI64,
}

impl Sender {
    fn new() -> Self {
        let event: Value = serde_json::from_str(UPDATED).unwrap();
        let created = AtomicI64::new(event["created"].as_i64().unwrap());
        Self { secret: SECRET.into(), event, created }
    }

    fn body(&self, subscription: usize) -> String {
        let created = self.created.fetch_add(1, Ordering::Relaxed);
        let mut event = self.event.clone();
        event["id"] = json!(format!("evt_bench_{created}"));
        event["created"] = json!(created);
        let object = &mut event["data"]["object"];
        object["id"] = json!(format!("sub_bench_{subscription}"));
        object["customer"] = json!(format!("cus_bench_{subscription}"));
        object["status"] = json!("active");
        object["cancel_at"] = Value::Null;
        object["items"]["data"][0]["quantity"] = json!(created % 40 + 1);
        object["items"]["data"][0]["price"]["id"] = json!("price_bench_pro");
        event["data"]["previous_attributes"] = json!({ "quantity": (created - 1) % 40 + 1 });
        event.to_string()
    }

    fn request(&self, subscription: usize) -> Vec<u8> {
        let body = self.body(subscription);
        let signature = signature::sign(&self.secret, body.as_bytes(), Clock::System.now());
        let head = "POST /webhooks/stripe HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
        format!("{head}\r\nstripe-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}

/// Which subscriptions one connection's events are about, and when it ends.
#[derive(Clone)]
enum About {
    /// Any but the hot one, until that time.
    Any(Instant),
    /// The same, until somebody says that it is enough.
    Beside(Arc<AtomicBool>),
    /// The hot one, as often as that.
    Hot(Arc<AtomicUsize>),
}

async fn send(sender: Arc<Sender>, port: u16, about: About) -> Vec<Duration> {
    let mut connection = Connection::open(port).await.unwrap();
    let mut times = Vec::new();
    loop {
        let subscription = match &about {
            About::Any(until) if Instant::now() < *until => rand::random_range(1..SUBSCRIPTIONS),
            About::Beside(enough) if !enough.load(Ordering::Relaxed) => rand::random_range(1..SUBSCRIPTIONS),
            About::Hot(sent) if sent.fetch_add(1, Ordering::Relaxed) < HOT_EVENTS => 0,
            About::Any(_) | About::Beside(_) | About::Hot(_) => return times,
        };
        let request = sender.request(subscription);
        let begun = Instant::now();
        let answer = connection.ask(&request).await;
        times.push(begun.elapsed());
        // Of two events about one subscription, the later one may have been faster.
        assert!(answer.contains("\"completed: ") || answer.contains("\"stale: "), "{answer}");
    }
}

/// Milliseconds.
fn measured(mut times: Vec<Duration>, elapsed: Duration) -> Measured {
    let per_second = times.len() as f64 / elapsed.as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    Measured { per_second, p50: at(0.5), p99: at(0.99) }
}

async fn drive(sender: &Arc<Sender>, port: u16, connections: usize, time: Duration) -> Measured {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(send(sender.clone(), port, About::Any(begun + time)))).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    measured(times, begun.elapsed())
}

/// What half of the connections measure, while the other half delivers for anybody, or all that there is for one customer.
async fn beside(sender: &Arc<Sender>, port: u16, others: About) -> Measured {
    let begun = Instant::now();
    let half = |about: About| (0..CONNECTIONS / 2).map(|_| tokio::spawn(send(sender.clone(), port, about.clone()))).collect::<Vec<_>>();
    let enough = Arc::new(AtomicBool::new(false));
    let (mine, others) = (half(About::Beside(enough.clone())), half(others));
    for task in others {
        task.await.unwrap();
    }
    enough.store(true, Ordering::Relaxed);
    let elapsed = begun.elapsed();
    let mut times = Vec::new();
    for task in mine {
        times.extend(task.await.unwrap());
    }
    measured(times, elapsed)
}

pub async fn run(url: &str, folder: &std::path::Path, postgres: &Embedded, content: &Content) {
    prepare(content).await;
    let server = Server::start(url, folder).await;
    let sender = Arc::new(Sender::new());
    drive(&sender, server.port, CONNECTIONS, WARM_UP).await;
    let one = drive(&sender, server.port, 1, MEASURE).await;
    let many = drive(&sender, server.port, CONNECTIONS, MEASURE).await;
    let calm = beside(&sender, server.port, About::Any(Instant::now() + MEASURE)).await;
    let hot = beside(&sender, server.port, About::Hot(Arc::default())).await;
    drop(server);
    let script = statements(&sender.body(1));
    let bare_one = pgbench::run_with(postgres, folder, "delivery", &script, 1);
    let bare_many = pgbench::run_with(postgres, folder, "delivery", &script, CONNECTIONS);

    println!("\n{:<40} {:>9} {:>9} {:>9} {:>12}", "deliveries of Stripe's", "/s", "p50 ms", "p99 ms", "of pgbench");
    let row = |name: &str, measured: &Measured, beside: Option<f64>| {
        let ratio = beside.map_or("-".to_owned(), |beside| format!("{:.2}", measured.per_second / beside));
        println!("{name:<40} {:>9.0} {:>9.2} {:>9.2} {ratio:>12}", measured.per_second, measured.p50, measured.p99);
    };
    row("1 connection", &one, Some(bare_one));
    row(&format!("{CONNECTIONS} connections"), &many, Some(bare_many));
    row("16 beside 16 for anybody", &calm, None);
    row("16 beside 16 for one hot customer", &hot, None);
    println!("pgbench: {bare_one:.0}/s with 1 connection, {bare_many:.0}/s with {CONNECTIONS}");
    lookups(content).await;
}

/// A thousand accounts that pay.
async fn prepare(content: &Content) {
    let (client, connection) = content.target().connect().await.unwrap();
    tokio::spawn(connection);
    let last = SUBSCRIPTIONS - 1;
    let rows = format!(
        "UPDATE plans SET provider_product_id = 'prod_bench_' || key;
         UPDATE plan_prices SET provider_price_id = 'price_bench_' || plans.key || CASE interval WHEN 'year' THEN '_year' ELSE '' END
             FROM plans WHERE plans.id = plan_id;
         CREATE TEMPORARY TABLE payers AS SELECT n, gen_random_uuid() AS account FROM generate_series(0, {last}) n;
         INSERT INTO accounts (id, name, created_at) SELECT account, 'Payer ' || n, now() FROM payers;
         INSERT INTO customers (id, account_id, provider_customer_id, created_at)
             SELECT gen_random_uuid(), account, 'cus_bench_' || n, now() FROM payers;
         INSERT INTO subscriptions (id, account_id, plan_id, status, seats, interval, provider, provider_subscription_id, provider_customer_id,
                 created_at, updated_at)
             SELECT gen_random_uuid(), account, plans.id, 'active', 1, 'month', 'stripe', 'sub_bench_' || n, 'cus_bench_' || n, now(), now()
             FROM payers JOIN plans ON plans.key = 'pro';
         ANALYZE"
    );
    client.batch_execute(&rows).await.unwrap();
}

/// What the server sends for one delivery, from BEGIN to COMMIT (`RUST_LOG=sql=debug` shows it).
fn statements(payload: &str) -> String {
    let event: Value = serde_json::from_str(payload).unwrap();
    // A colon before a word would be a variable of pgbench's.
    let quoted = |value: &Value| serde_json::to_string_pretty(value).unwrap().replace("\n", " ").replace('\'', "''");
    let (raw, payload) = (quoted(&event["data"]["object"]), quoted(&event));
    let last = SUBSCRIPTIONS - 1;
    include_str!("delivery.sql")
        .replace("{last}", &last.to_string())
        .replace("{raw}", &raw)
        .replace("{payload}", &payload)
        .replace("{previous}", &quoted(&event["data"]["previous_attributes"]))
}

/// By e-mail address, among a million people.
async fn lookups(content: &Content) {
    let (client, connection) = content.target().connect().await.unwrap();
    tokio::spawn(connection);
    let people = format!(
        "CREATE TEMPORARY TABLE many AS SELECT n, gen_random_uuid() AS id FROM generate_series(1, {PEOPLE}) n;
         INSERT INTO users (id, email, username, email_verified_at, created_at, updated_at)
             SELECT id, 'Somebody' || n || '@example.com', 'somebody' || n, now(), now(), now() FROM many;
         INSERT INTO accounts (id, name, created_at) SELECT id, 'Account ' || n, now() FROM many;
         INSERT INTO memberships (account_id, user_id, role, created_at) SELECT id, id, 'owner', now() FROM many;
         ANALYZE users, accounts, memberships"
    );
    client.batch_execute(&people).await.unwrap();
    let db = Db::new(content.target().clone(), None, 1).unwrap();
    let mut conn = db.conn().await.unwrap();
    let mut times = Vec::new();
    for _ in 0..LOOKUPS {
        let reference = Reference::Email(format!("somebody{}@example.com", rand::random_range(1..=PEOPLE)));
        let begun = Instant::now();
        let found = lookup::find(&mut conn, &reference).await.unwrap();
        times.push(begun.elapsed());
        assert_eq!(found.len(), 1);
    }
    let Measured { p50, p99, .. } = measured(times, Duration::from_secs(1));
    println!("lookup by e-mail among {PEOPLE} people: median {p50:.2} ms, p99 {p99:.2} ms");
}
