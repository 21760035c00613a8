//! Stripe's part: a customer's story, told in events that are signed and delivered like its own.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, Utc};
use fixpath::id::AccountId;
use fixpath::stripe::signature;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::start;
use super::{Actor, Answer, TestApp, people};

pub const SECRET: &str = "whsec_of_the_tests";
/// The price of the PRO plan by the month.
pub const PRO: &str = "price_pro_month";
pub const STARTER: &str = "price_starter_month";
const DAY: i64 = 24 * 60 * 60;

/// Stripe's API is nobody's: nothing listens on that port.
const VARIABLES: [(&str, &str); 2] = [("STRIPE_WEBHOOK_SECRET", SECRET), ("STRIPE_API_BASE", "http://127.0.0.1:9")];

/// An app that knows prices, and the owner of an account that is a customer.
pub async fn app() -> (TestApp, Actor, Story) {
    app_with(&[]).await
}

pub async fn app_with(variables: &[(&str, &str)]) -> (TestApp, Actor, Story) {
    let variables: Vec<_> = VARIABLES.iter().chain(variables).copied().collect();
    let app = TestApp::with(&variables).await;
    sell(&app).await;
    let owner = app.sign_up("owner").await;
    let story = Story::new("a");
    story.link(&app, people::ids(&owner).await.1).await;
    (app, owner, story)
}

/// Says what Stripe calls our prices.
pub async fn sell(app: &TestApp) {
    for (price, plan) in [(PRO, "pro"), (STARTER, "starter")] {
        app.db_execute(&format!(
            "UPDATE plan_prices SET provider_price_id = '{price}' FROM plans \
             WHERE plans.id = plan_id AND plans.key = '{plan}' AND interval = 'month'"
        ))
        .await;
    }
}

pub fn fixture(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stripe").join(path);
    serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).unwrap()
}

/// Every file of a folder, by name.
pub fn fixtures(folder: &str) -> Vec<(String, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stripe").join(folder);
    let mut names: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), fixture(&format!("{folder}/{name}")))).collect()
}

/// The object of an event of today's shape, without the ids of others.
pub fn object(kind: &str) -> Value {
    fixture(&format!("events/{kind}.json"))["data"]["object"].take()
}

/// Changes fields, given as pointer and value.
pub fn with(mut object: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, value) in changes {
        match object.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                object.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is not there"))[name] = value.clone();
            }
        }
    }
    object
}

/// One customer with one subscription, as Stripe sees them.
#[derive(Clone, Debug)]
pub struct Story {
    pub customer: String,
    pub subscription: String,
    /// When it all begins, in Stripe's seconds.
    pub begin: i64,
}

impl Story {
    pub fn new(name: &str) -> Self {
        Self { customer: format!("cus_{name}"), subscription: format!("sub_{name}"), begin: start().timestamp() }
    }

    /// Says behind the app's back whose customer it is.
    pub async fn link(&self, app: &TestApp, account: AccountId) {
        app.db_execute(&format!(
            "INSERT INTO customers (id, account_id, provider_customer_id, created_at) \
             VALUES (gen_random_uuid(), '{}', '{}', now())",
            Uuid::from(account),
            self.customer
        ))
        .await;
    }

    /// The same for one more customer of the account.
    pub async fn link_beside(&self, app: &TestApp, account: AccountId) {
        app.db_execute(&format!(
            "INSERT INTO customers (id, account_id, provider_customer_id, is_primary, created_at) \
             VALUES (gen_random_uuid(), '{}', '{}', false, now())",
            Uuid::from(account),
            self.customer
        ))
        .await;
    }

    /// The subscription in a state: the period's number (from 0) and what else is special.
    pub fn state(&self, status: &str, period: i64, changes: &[(&str, Value)]) -> Value {
        let (from, to) = (self.begin + period * 30 * DAY, self.begin + (period + 1) * 30 * DAY);
        let base = with(
            object("customer.subscription.created"),
            &[
                ("/id", json!(self.subscription)),
                ("/customer", json!(self.customer)),
                ("/status", json!(status)),
                ("/created", json!(self.begin)),
                ("/start_date", json!(self.begin)),
                ("/latest_invoice", json!(self.invoice_id(period))),
                ("/items/data/0/price/id", json!(PRO)),
                ("/items/data/0/plan/id", json!(PRO)),
                ("/plan/id", json!(PRO)),
                ("/items/data/0/subscription", json!(self.subscription)),
                ("/items/data/0/current_period_start", json!(from)),
                ("/items/data/0/current_period_end", json!(to)),
            ],
        );
        with(base, changes)
    }

    pub fn invoice_id(&self, period: i64) -> String {
        format!("in_{}_{period}", self.subscription)
    }

    pub fn intent_id(&self, period: i64) -> String {
        format!("pi_{}_{period}", self.subscription)
    }

    pub fn charge_id(&self, period: i64) -> String {
        format!("ch_{}_{period}", self.subscription)
    }

    /// The invoice for a period: 60.00 USD.
    pub fn invoice(&self, status: &str, period: i64, changes: &[(&str, Value)]) -> Value {
        let (from, to) = (self.begin + period * 30 * DAY, self.begin + (period + 1) * 30 * DAY);
        let paid = status == "paid";
        let base = with(
            object("invoice.paid"),
            &[
                ("/id", json!(self.invoice_id(period))),
                ("/customer", json!(self.customer)),
                ("/customer_email", json!("somebody@else.example")),
                ("/status", json!(status)),
                ("/created", json!(from)),
                ("/amount_paid", json!(if paid { 6000 } else { 0 })),
                ("/status_transitions/paid_at", if paid { json!(from) } else { Value::Null }),
                ("/billing_reason", json!(if period == 0 { "subscription_create" } else { "subscription_cycle" })),
                ("/parent/subscription_details/subscription", json!(self.subscription)),
                ("/lines/data/0/subscription", json!(self.subscription)),
                ("/lines/data/0/parent/subscription_item_details/subscription", json!(self.subscription)),
                ("/lines/data/0/period/start", json!(from)),
                ("/lines/data/0/period/end", json!(to)),
            ],
        );
        with(base, changes)
    }

    pub fn charge(&self, period: i64, changes: &[(&str, Value)]) -> Value {
        let base = with(
            object("charge.succeeded"),
            &[
                ("/id", json!(self.charge_id(period))),
                ("/customer", json!(self.customer)),
                ("/payment_intent", json!(self.intent_id(period))),
                ("/payment_method_details", json!({ "card": { "fingerprint": format!("card of {}", self.customer) } })),
            ],
        );
        with(base, changes)
    }

    pub fn invoice_payment(&self, period: i64) -> Value {
        json!({
            "id": format!("inpay_{}_{period}", self.subscription),
            "object": "invoice_payment",
            "invoice": self.invoice_id(period),
            "payment": { "type": "payment_intent", "payment_intent": self.intent_id(period) },
            "status": "paid",
        })
    }

    pub fn refund(&self, id: &str, period: i64, amount: i64, status: &str) -> Value {
        with(
            object("refund.created"),
            &[
                ("/id", json!(id)),
                ("/charge", json!(self.charge_id(period))),
                ("/payment_intent", json!(self.intent_id(period))),
                ("/amount", json!(amount)),
                ("/status", json!(status)),
            ],
        )
    }

    /// An event `seconds` after the beginning.
    pub fn event(&self, kind: &str, seconds: i64, object: Value) -> Value {
        event(kind, self.begin + seconds, object)
    }

    /// An event that says what was different before.
    pub fn change(&self, kind: &str, seconds: i64, object: Value, previous: Value) -> Value {
        with(self.event(kind, seconds, object), &[("/data/previous_attributes", previous)])
    }

    /// A life in twelve events: begun, paid, renewed after a failure, more seats, cancelled, ended.
    pub fn life(&self) -> Vec<Value> {
        let quantity = ("/items/data/0/quantity", json!(5));
        let end = self.begin + 45 * DAY;
        let cancelled = [quantity.clone(), ("/cancel_at", json!(end)), ("/canceled_at", json!(self.begin + 40 * DAY))];
        let over = [&cancelled[..], &[("/ended_at", json!(end))]].concat();
        vec![
            self.event("customer.subscription.created", 0, self.state("incomplete", 0, &[])),
            self.event("charge.succeeded", 1, self.charge(0, &[])),
            self.event("invoice.paid", 1, self.invoice("paid", 0, &[])),
            self.event("invoice_payment.paid", 1, self.invoice_payment(0)),
            self.change("customer.subscription.updated", 1, self.state("active", 0, &[]), json!({ "status": "incomplete" })),
            self.event("invoice.payment_failed", 30 * DAY, self.invoice("open", 1, &[("/attempt_count", json!(1))])),
            self.change(
                "customer.subscription.updated",
                30 * DAY,
                self.state("past_due", 1, &[]),
                json!({ "status": "active", "latest_invoice": self.invoice_id(0) }),
            ),
            self.event("invoice.payment_succeeded", 31 * DAY, self.invoice("paid", 1, &[])),
            self.change("customer.subscription.updated", 31 * DAY, self.state("active", 1, &[]), json!({ "status": "past_due" })),
            self.change(
                "customer.subscription.updated",
                35 * DAY,
                self.state("active", 1, &[quantity]),
                json!({ "items": { "data": [{ "quantity": 3 }] }, "quantity": 3 }),
            ),
            self.change(
                "customer.subscription.updated",
                40 * DAY,
                self.state("active", 1, &cancelled),
                json!({ "cancel_at": null, "canceled_at": null }),
            ),
            self.event("customer.subscription.deleted", 45 * DAY, self.state("canceled", 1, &over)),
        ]
    }
}

/// An event with an id of its own.
pub fn event(kind: &str, created: i64, object: Value) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    json!({
        "id": format!("evt_{number:08}"),
        "object": "event",
        "api_version": "2026-09-30.endive",
        "created": created,
        "livemode": false,
        "pending_webhooks": 1,
        "type": kind,
        "data": { "object": object },
    })
}

/// Signed by Stripe, to the app's own endpoint.
pub fn signed(body: &[u8], at: DateTime<Utc>) -> Request<Body> {
    let signature = signature::sign(&SecretString::from(SECRET), body, at);
    Request::post("/webhooks/stripe").header("stripe-signature", signature).body(Body::from(body.to_vec())).unwrap()
}

impl TestApp {
    pub async fn deliver(&self, event: &Value) -> Answer {
        self.send(signed(event.to_string().as_bytes(), self.app.clock.now())).await
    }

    /// Delivers, and must be answered with this: `completed`, `stale`, `duplicate`, …
    pub async fn expect(&self, event: &Value, decision: &str) -> String {
        let answer = self.deliver(event).await;
        let (applied, reason) = (answer.json()["applied"].clone(), answer.json()["reason"].as_str().unwrap_or_default().to_owned());
        assert_eq!(answer.status, 200, "{}: {reason}", event["type"]);
        assert_eq!(reason.split(':').next(), Some(decision), "{} at {}: {reason}", event["type"], event["created"]);
        assert_eq!(applied, json!(decision == "completed"), "{reason}");
        reason
    }

    /// What a statement finds, each row an object.
    pub async fn db_rows(&self, sql: &str) -> Value {
        let query = format!("SELECT coalesce(json_agg(found), '[]')::text FROM ({sql}) AS found");
        let row = self.behind().await.query_one(&query, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        serde_json::from_str(row.get(0)).unwrap()
    }

    /// The only value of the only row.
    pub async fn db_value(&self, sql: &str) -> Value {
        let rows = self.db_rows(sql).await;
        let row = rows.as_array().and_then(|rows| rows.first()).and_then(Value::as_object).cloned().unwrap_or_default();
        row.into_iter().next().map(|(_, value)| value).unwrap_or_default()
    }

    /// All that billing knows of Stripe, as far as it does not depend on what arrived when.
    pub async fn billing_state(&self) -> Value {
        let subscriptions = "SELECT s.*, NULL AS id, NULL AS created_at, NULL AS updated_at, NULL AS raw, NULL AS version_previous, \
             NULL AS version_contested \
             FROM subscriptions s WHERE provider = 'stripe' ORDER BY provider_subscription_id";
        let payments = "SELECT p.*, NULL AS id, NULL AS created_at, NULL AS updated_at FROM payments p \
             ORDER BY provider_invoice_id, payment_intent_id";
        json!({
            "subscriptions": self.db_rows(subscriptions).await,
            "payments": self.db_rows(payments).await,
            "links": self.db_rows("SELECT * FROM payment_links ORDER BY payment_intent_id").await,
            "credits": self.db_rows("SELECT balance, shortfall FROM credit_balances ORDER BY account_id").await,
            "cards": self.db_rows("SELECT fingerprint FROM card_fingerprints ORDER BY fingerprint").await,
        })
    }
}
