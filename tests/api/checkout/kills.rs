//! Customers buy while the server and PostgreSQL are killed again and again, and while Stripe answers late, wrongly or not at all. They
//! ask again with the same keys, and Stripe delivers again what was not taken. Afterwards nothing is lost, and nothing is there twice.
//! `make chaos` does it longer.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fixpath::clock::Clock;
use fixpath::db::embedded::{self, Embedded};
use fixpath::db::migrate::{Direction, migrate};
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use fixpath::stripe::sandbox::{Options, Sandbox};
use reqwest::Client;
use serde_json::{Value, json};

use crate::embedded::{Folder, signal, wait_until};
use crate::support::TestApp;
use crate::support::app::ORIGIN;
use crate::support::database::Database;
use crate::support::stripe::SECRET;
use crate::support::trees::{looping, published};

const CUSTOMERS: usize = 3;
/// As long as somebody asks again before they call it lost.
const PATIENCE: Duration = Duration::from_secs(120);
/// One a round, in turn; another one by chance.
const FAULTS: [Fault; 8] = [
    Fault::TimeoutAfter,
    Fault::ServerErrorAfter,
    Fault::ResetAfter,
    Fault::RateLimited,
    Fault::Timeout,
    Fault::Slow,
    Fault::ServerError,
    Fault::Reset,
];

fn rounds() -> usize {
    std::env::var("KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5)
}

struct World {
    sandbox: Sandbox,
    /// What is on sale.
    tree: String,
    url: String,
    http: Client,
}

/// A PostgreSQL that keeps what it has committed, whatever happens to it.
struct Postgres {
    folder: Folder,
    embedded: Embedded,
}

impl Postgres {
    /// Also the app's tables, as a server would make them.
    async fn start() -> (Self, Database) {
        let folder = Folder::new("kills");
        let options = embedded::Options { durable: true, ..folder.options() };
        let embedded =
            tokio::task::spawn_blocking(move || embedded::start(&options)).await.unwrap().unwrap_or_else(|error| panic!("{error}"));
        let database = Database::new().await.reached_by(embedded.url("postgres"));
        (Self { folder, embedded }, database)
    }

    /// As a system that is short of memory does. It is started again, on the same folder, by whoever has started it.
    fn kill(&self) {
        let killed = self.folder.postmaster().unwrap();
        signal(killed, "KILL");
        wait_until("PostgreSQL runs again", || self.folder.postmaster().is_some_and(|running| running != killed));
    }
}

/// The server, as a process that can be killed.
struct Server(Child);

impl Server {
    fn start(app: &TestApp, sandbox: &Sandbox, port: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fixpath"));
        command.current_dir(std::env::temp_dir()).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        let bind = format!("127.0.0.1:{port}");
        let variables = [
            ("DATABASE_URL", app.database.url.as_str()),
            ("DATABASE_POOL_SIZE", "6"),
            ("BIND", &bind),
            ("ALLOWED_ORIGINS", ORIGIN),
            ("TRUSTED_PROXIES", "127.0.0.1"),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
            ("WORKER_DEAD_AFTER", "2"),
            ("STRIPE_SECRET_KEY", sandbox.secret_key()),
            ("STRIPE_WEBHOOK_SECRET", SECRET),
            ("STRIPE_API_BASE", sandbox.base_url()),
        ];
        let folder = std::env::temp_dir().join(format!("fixpath-kills-{}", std::process::id()));
        Self(command.envs(variables).env("DATA_DIR", folder).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// As a supervisor does: without PostgreSQL it does not start.
    async fn keep(&mut self, app: &TestApp, world: &World, port: u16) {
        let began = Instant::now();
        while !world.answers().await {
            assert!(began.elapsed() < PATIENCE, "the server does not come back");
            if self.0.try_wait().unwrap().is_some() {
                *self = Self::start(app, &world.sandbox, port);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl World {
    async fn answers(&self) -> bool {
        let request = self.http.post(&self.url).json(&json!({ "query": "{ __typename }" })).timeout(Duration::from_secs(2));
        request.send().await.is_ok_and(|answer| answer.status() == 200)
    }

    /// Until there is an answer, and it is no passing refusal.
    async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        let began = Instant::now();
        let address = format!("10.{}.{}.{}", rand::random::<u8>(), rand::random::<u8>(), rand::random::<u8>());
        loop {
            assert!(began.elapsed() < PATIENCE, "no answer to {query}");
            let mut request = self.http.post(&self.url).header("x-forwarded-for", &address).timeout(Duration::from_secs(15));
            request = request.json(&json!({ "query": query, "variables": variables }));
            if !token.is_empty() {
                request = request.bearer_auth(token);
            }
            if let Ok(answer) = request.send().await
                && let Ok(answer) = answer.json::<Value>().await
                && answer["errors"].is_null()
                && !answer.to_string().contains("STRIPE_UNAVAILABLE")
                && !answer.to_string().contains("RATE_LIMITED")
                && !answer.to_string().contains("NOT_SUBSCRIBED")
            {
                return answer["data"].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn pay(&self, session: &str) {
        let pay = Action::Pay { session: session.to_owned(), card: "works".into(), email: String::new(), code: String::new() };
        assert_eq!(self.sandbox.act(pay).unwrap()["outcome"], "paid");
    }

    /// What somebody does in Stripe's dashboard.
    fn refund(&self, session: &str, amount: Option<i64>) {
        let intent = self.sandbox.object(session)["payment_intent"].as_str().unwrap().to_owned();
        let charge = self.sandbox.object(&intent)["latest_charge"].as_str().unwrap().to_owned();
        self.sandbox.act(Action::Refund { charge, amount }).unwrap();
    }

    /// One that is paid once; the session's id.
    async fn buy(&self, token: &str, mutation: &str, mut input: Value) -> String {
        input["successUrl"] = json!(format!("{ORIGIN}/ok"));
        input["cancelUrl"] = json!(format!("{ORIGIN}/no"));
        input["idempotencyKey"] = json!(mutation);
        let name = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query =
            format!("mutation($input: {name}!) {{ {mutation}(input: $input) {{ checkout {{ id }} userErrors {{ code message }} }} }}");
        let answer = self.ask(token, &query, json!({ "input": input })).await;
        let session = answer[mutation]["checkout"]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        self.pay(&session);
        session
    }

    /// Which must not be refused.
    async fn change(&self, token: &str, mutation: &str, fields: &str) {
        let query =
            format!("mutation {{ {mutation}(input: {{ {fields} idempotencyKey: \"{mutation}\" }}) {{ userErrors {{ code message }} }} }}");
        let answer = self.ask(token, &query, json!({})).await;
        assert_eq!(answer[mutation]["userErrors"], json!([]), "{answer}");
    }

    /// Subscribes, buys credits and a tree, adds a seat, takes a higher plan. Some get money back, some cancel.
    async fn life(&self, number: usize) {
        let sign_up = "mutation($input: SignUpInput!) { signUp(input: $input) { accessToken userErrors { message } } }";
        let token = loop {
            // A sign-up whose answer was lost has taken the name.
            let name = format!("customer{number}-{:x}", rand::random::<u32>());
            let input = json!({ "email": format!("{name}@example.com"), "username": name, "password": "correct horse battery" });
            let answer = self.ask("", sign_up, json!({ "input": input })).await;
            if let Some(token) = answer["signUp"]["accessToken"].as_str() {
                break token.to_owned();
            }
        };
        let session = self.buy(&token, "startCheckout", json!({ "planKey": "pro" })).await;
        if number.is_multiple_of(2) {
            let sync = "mutation($id: String!) { syncCheckout(input: { checkoutSessionId: $id }) { userErrors { code message } } }";
            self.ask(&token, sync, json!({ "id": session })).await;
        }
        let credits = self.buy(&token, "buyCredits", json!({ "packKey": "credits-100" })).await;
        let tree = self.buy(&token, "purchaseTree", json!({ "treeId": self.tree })).await;
        match number % 3 {
            0 => self.refund(&credits, Some(400)),
            1 => self.refund(&tree, None),
            _ => {}
        }
        self.change(&token, "changeSeats", "seats: 2").await;
        self.change(&token, "changePlan", "planKey: \"enterprise\"").await;
        if number % 2 == 1 {
            self.change(&token, "cancelSubscription", "").await;
        }
    }
}

/// Everybody who has bought has one of each, and our rows say what Stripe's objects say. What somebody did follows from the number in
/// their name.
const WRONG: &str = "SELECT c.account_id, number, (SELECT json_agg(json_build_array(status, seats, cancel_at, needs_refetch)) \
         FROM subscriptions s WHERE s.account_id = c.account_id AND provider = 'stripe') AS subscriptions, \
     (SELECT balance FROM credit_balances b WHERE b.account_id = c.account_id) AS credits, \
     (SELECT json_agg(json_build_array(purpose, amount, refunded, status, hosted_invoice_url)) FROM payments p \
         WHERE p.account_id = c.account_id) AS payments, \
     (SELECT json_agg(status) FROM purchases b WHERE b.account_id = c.account_id) AS purchases \
     FROM customers c JOIN accounts a ON a.id = c.account_id, \
     LATERAL (SELECT (regexp_match(a.name, '^customer([0-9]+)-'))[1]::int AS number) AS named \
     WHERE NOT ( \
     (SELECT count(*) = 1 AND bool_and(status = 'active' AND seats = 2 AND (cancel_at IS NOT NULL) = (number % 2 = 1) \
             AND plan_id = (SELECT id FROM plans WHERE key = 'enterprise')) FROM subscriptions s \
         WHERE s.account_id = c.account_id AND provider = 'stripe') \
     AND coalesce((SELECT balance = CASE number % 3 WHEN 0 THEN 60 ELSE 100 END FROM credit_balances b \
         WHERE b.account_id = c.account_id), false) \
     AND (SELECT count(*) = 5 AND count(DISTINCT hosted_invoice_url) = 5 \
             AND coalesce(array_agg(purpose || ' ' || status ORDER BY 1) FILTER (WHERE status <> 'succeeded'), '{}') = CASE number % 3 \
                 WHEN 0 THEN ARRAY['credits partially_refunded'] WHEN 1 THEN ARRAY['purchase refunded'] ELSE '{}' END \
         FROM payments p WHERE p.account_id = c.account_id) \
     AND (SELECT count(*) = (number % 3 < 2)::int FROM refunds r JOIN payments p ON p.id = payment_id WHERE p.account_id = c.account_id) \
     AND (SELECT count(*) = 1 AND bool_and(status = CASE number % 3 WHEN 1 THEN 'refunded' ELSE 'active' END) FROM purchases b \
         WHERE b.account_id = c.account_id) \
     AND (SELECT count(*) = 1 FROM customers o WHERE o.account_id = c.account_id))";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_whatever_is_killed_and_whatever_stripe_answers() {
    let (postgres, database) = Postgres::start().await;
    let app = TestApp::on(database, &[]).await;
    app.leave_jobs();
    migrate(&app.app.db, Direction::Up).await.unwrap();
    app.db_verify_everybody().await;
    let seller = app.sign_up("seller").await;
    app.db_plan("enterprise").await;
    let (tree, _) = published(&seller, "Printer", looping()).await;
    let listing =
        "mutation($id: ID!) { listTree(input: { treeId: $id, price: { amount: 2001, currency: \"USD\" } }) { userErrors { code } } }";
    let none: [&str; 0] = [];
    assert_eq!(seller.ok(listing, json!({ "id": tree })).await.refusals("listTree"), none);
    let redelivery = vec![Duration::from_millis(300); 400];
    let options = Options { webhook_secrets: vec![SECRET.to_owned()], redelivery, ..Options::default() };
    let sandbox = Sandbox::start(Clock::System, options).await.unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    sandbox.deliver_to(&format!("http://127.0.0.1:{port}/webhooks/stripe"));
    let mut server = Server::start(&app, &sandbox, port);
    let world = Arc::new(World { sandbox, tree, url: format!("http://127.0.0.1:{port}/graphql"), http: Client::new() });
    server.keep(&app, &world, port).await;
    let (over, lives) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let customers: Vec<_> = (0..CUSTOMERS)
        .map(|number| {
            let (world, over, lives) = (world.clone(), over.clone(), lives.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    world.life(number + CUSTOMERS * lives.fetch_add(1, Ordering::Relaxed)).await;
                }
            })
        })
        .collect();
    for round in 0..rounds() {
        for fault in [FAULTS[round % FAULTS.len()], FAULTS[rand::random_range(0..FAULTS.len())]] {
            world.sandbox.plan_fault(fault, "", 1);
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(100..2500))).await;
        // The server, PostgreSQL, both at once.
        if round % 3 != 0 {
            tokio::task::block_in_place(|| postgres.kill());
        }
        if round % 3 != 1 {
            server.kill();
            server = Server::start(&app, &world.sandbox, port);
        }
        server.keep(&app, &world, port).await;
    }
    over.store(true, Ordering::Relaxed);
    for customer in customers {
        customer.await.unwrap();
    }
    let began = Instant::now();
    loop {
        let wrong = app.db_rows(WRONG).await;
        if wrong == json!([]) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{wrong:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let bought = app.db_value("SELECT count(*) FROM customers").await.as_u64().unwrap() as usize;
    assert!(bought >= CUSTOMERS, "{bought}");
    let of_stripe = |kind: &str| world.sandbox.world(|world| world.all(kind).count());
    assert_eq!((of_stripe("customer"), of_stripe("subscription"), of_stripe("checkout.session")), (bought, bought, 3 * bought));
    let refunds = app.db_value("SELECT count(*) FROM refunds").await;
    assert_eq!(refunds, json!(of_stripe("refund")));
    assert_eq!(
        app.db_value("SELECT count(*) FROM payments WHERE account_id IN (SELECT account_id FROM customers)").await,
        json!(5 * bought)
    );
    assert_eq!(app.db_value("SELECT count(*) FROM webhook_deliveries WHERE status IN ('dead', 'parked')").await, 0);
    println!("{} rounds: {bought} customers, {} deliveries", rounds(), app.db_value("SELECT count(*) FROM webhook_deliveries").await);
    server.kill();
    drop(app);
    postgres.embedded.stop();
}
