//! Rule 2: a failure at any statement leaves nothing behind, and sending it again applies it once.

use serde_json::{Value, json};
use uuid::Uuid;

use super::credits::{charge, checkout, dispute, refund, session};
use crate::support::TestApp;
use crate::support::proxy::Proxy;
use crate::support::stripe::{self, Story, with};

/// Whatever a transaction could leave behind. (The log's own transaction leaves the log, and its next try.)
async fn state(app: &TestApp) -> Value {
    let jobs = "SELECT job, run_at FROM outbox UNION ALL SELECT payload, run_at FROM graphile_worker._private_jobs WHERE payload::text NOT LIKE '%retry%'";
    json!({
        "billing": app.billing_state().await,
        "ledger": app.db_rows("SELECT * FROM stripe_events ORDER BY event_id").await,
        "entries": app.db_rows("SELECT * FROM credit_entries ORDER BY id").await,
        "refunds": app.db_rows("SELECT * FROM refunds ORDER BY provider_refund_id").await,
        "mails": app.db_rows("SELECT * FROM billing_mails ORDER BY about").await,
        "jobs": app.db_rows(jobs).await,
        "customers": app.db_rows("SELECT provider_customer_id, account_id, deleted_at FROM customers ORDER BY 1").await,
        "checkouts": app.db_rows("SELECT * FROM checkouts ORDER BY id").await,
        "purchases": app.db_rows("SELECT * FROM purchases ORDER BY id").await,
        "disputes": app.db_rows("SELECT * FROM disputes ORDER BY provider_dispute_id").await,
        "alerts": app.db_rows("SELECT * FROM alerts ORDER BY id").await,
    })
}

/// Lets the first, second, … statement of the delivery fail, until none is left. Returns how many there were.
async fn fail_everywhere(app: &TestApp, proxy: &Proxy, event: &Value) -> usize {
    let before = state(app).await;
    for number in 1..100 {
        proxy.cut_at(number);
        let answer = app.deliver(event).await;
        if proxy.was_calm() {
            assert_eq!((answer.status.as_u16(), &answer.json()["applied"]), (200, &json!(true)), "{}", answer.text());
            let log = app.db_rows(&format!("SELECT status, attempts FROM webhook_deliveries WHERE event_id = {}", quoted(event))).await;
            assert_eq!(log, json!([{ "status": "completed", "attempts": number }]));
            return number as usize - 1;
        }
        assert_eq!(answer.status, 500, "statement {number} of {}", event["type"]);
        assert_eq!(state(app).await, before, "statement {number} of {}", event["type"]);
        let log = app
            .db_rows(&format!("SELECT status, last_error IS NULL AS silent FROM webhook_deliveries WHERE event_id = {}", quoted(event)))
            .await;
        let status = if number < 4 { "failed" } else { "dead" };
        assert_eq!(log, json!([{ "status": status, "silent": false }]), "statement {number} of {}", event["type"]);
    }
    panic!("there is no end to the statements of {}", event["type"]);
}

fn quoted(event: &Value) -> String {
    format!("'{}'", event["id"].as_str().unwrap())
}

/// An app whose statements can fail.
async fn app(proxy: &Proxy) -> TestApp {
    let variables = [("STRIPE_WEBHOOK_SECRET", stripe::SECRET), ("STRIPE_API_BASE", "http://127.0.0.1:9")];
    let app = TestApp::on(proxy.database(), &variables).await;
    stripe::sell(&app).await;
    app.leave_jobs();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_any_statement_leaves_nothing_and_the_next_try_applies_once() {
    let proxy = Proxy::start().await;
    let app = app(&proxy).await;
    let story = Story::new("a");
    story.link(&app, super::permutations::account(&app).await).await;
    let events = [
        story.event("customer.subscription.created", 0, story.state("active", 0, &[])),
        story.event("invoice.paid", 1, story.invoice("paid", 0, &[])),
        story.event("invoice_payment.paid", 1, story.invoice_payment(0)),
        story.event("charge.succeeded", 1, story.charge(0, &[])),
        story.event("refund.created", 5, story.refund("re_1", 0, 500, "succeeded")),
        story.event("customer.subscription.updated", 6, story.state("active", 0, &[("/cancel_at", json!(story.begin + 10))])),
        story.event("customer.subscription.deleted", 9, story.state("canceled", 0, &[])),
        story.event("customer.deleted", 10, json!({ "id": story.customer })),
    ];
    let mut counts = Vec::new();
    for event in &events {
        counts.push(fail_everywhere(&app, &proxy, event).await);
        app.expect(event, "duplicate").await;
    }
    assert!(counts.iter().all(|count| (7..40).contains(count)), "{counts:?}");
    let about = app.db_rows("SELECT about FROM billing_mails ORDER BY about").await;
    assert_eq!(about.as_array().unwrap().len(), 4, "{about}");
    let mails = "SELECT count(*) FROM outbox WHERE job::text LIKE '%mail%'";
    assert_eq!(app.db_value(mails).await, json!(4));
}

/// The same for what is paid once, for what goes back of it, and for what somebody changes at Stripe of what we sell.
#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_credits_purchases_refunds_disputes_and_the_catalogue() {
    let proxy = Proxy::start().await;
    let app = app(&proxy).await;
    let (story, buyer) = (Story::new("a"), super::permutations::account(&app).await);
    let seller = super::permutations::account(&app).await;
    story.link(&app, buyer).await;
    checkout(&app, buyer, "cs_tree").await;
    // The seller and their tree go by the account's id.
    app.db_execute(&format!(
        "INSERT INTO users (id, email, username, created_at, updated_at) VALUES ('{seller}', 'seller@example.com', 'seller', now(), now()); \
         INSERT INTO trees (account_id, id, slug, title, locale, status, revision, draft, draft_digest, created_by, created_at, updated_at) \
             VALUES ('{seller}', '{seller}', 'printer', 'Printer', 'en', 'draft', 1, '{{}}', '', '{seller}', now(), now()); \
         UPDATE checkouts SET purpose = 'purchase', tree_account_id = '{seller}', tree_id = '{seller}', tree_title = 'Printer', \
             pack_key = NULL, credits = NULL; \
         UPDATE plans SET provider_product_id = 'prod_pro' WHERE key = 'pro'",
        seller = Uuid::from(seller)
    ))
    .await;
    checkout(&app, buyer, "cs_credits").await;
    let invoiced = |id: &str| {
        let changes = [
            ("/id", json!(format!("in_{id}"))),
            ("/amount_paid", json!(1000)),
            ("/parent", Value::Null),
            ("/lines/data", json!([])),
            ("/payment_intent", json!(format!("pi_{id}"))),
            ("/billing_reason", json!("manual")),
        ];
        story.invoice("paid", 0, &changes)
    };
    let parts = json!({ "data": [refund("re_1", "cs_credits", 400, "succeeded")] });
    let price = json!({ "id": stripe::PRO, "object": "price", "active": true, "unit_amount": 1, "currency": "usd" });
    let product = |name: &str| json!({ "id": "prod_pro", "object": "product", "active": true, "name": name });
    let events = [
        story.event("checkout.session.completed", 0, session(&story, "cs_credits", "paid")),
        story.event("charge.succeeded", 0, charge(&story, "cs_credits", 0)),
        story.event("invoice.paid", 0, invoiced("cs_credits")),
        story.event("charge.refunded", 5, with(charge(&story, "cs_credits", 400), &[("/refunds", parts)])),
        story.event("charge.dispute.created", 6, dispute("dp_1", "cs_credits", "needs_response")),
        story.event("checkout.session.completed", 7, session(&story, "cs_tree", "paid")),
        story.event("charge.succeeded", 7, charge(&story, "cs_tree", 0)),
        story.event("charge.dispute.created", 8, dispute("dp_2", "cs_tree", "needs_response")),
        story.event("charge.dispute.closed", 9, dispute("dp_2", "cs_tree", "won")),
        story.event("charge.refunded", 10, charge(&story, "cs_tree", 1000)),
        story.event("product.updated", 11, product("Something else")),
        story.event("product.updated", 12, product("Pro")),
        story.event("price.updated", 13, price),
    ];
    let mut counts = Vec::new();
    for event in &events {
        counts.push(fail_everywhere(&app, &proxy, event).await);
        app.expect(event, "duplicate").await;
    }
    assert!(counts.iter().all(|count| (6..40).contains(count)), "{counts:?}");
    let entries = app.db_rows("SELECT kind, delta FROM credit_entries ORDER BY delta").await;
    let entry = |kind: &str, delta: i32| json!({ "kind": kind, "delta": delta });
    assert_eq!(entries, json!([entry("clawback", -60), entry("clawback", -40), entry("purchase", 100)]));
    let payments = app.db_rows("SELECT purpose, status, refunded FROM payments ORDER BY purpose").await;
    let payment = |purpose: &str, status: &str, refunded: i32| json!({ "purpose": purpose, "status": status, "refunded": refunded });
    assert_eq!(payments, json!([payment("credits", "disputed", 400), payment("purchase", "refunded", 1000)]));
    assert_eq!(app.db_rows("SELECT status FROM purchases").await, json!([{ "status": "refunded" }]));
    let mails = app.db_rows("SELECT about FROM billing_mails ORDER BY about").await;
    assert_eq!(mails, json!([{ "about": "dispute:dp_1" }, { "about": "dispute:dp_2" }, { "about": "refund:re_1" }]));
    let alerts = app.db_rows("SELECT subject, closed_at IS NULL AS open FROM alerts ORDER BY subject").await;
    assert_eq!(alerts, json!([{ "subject": stripe::PRO, "open": true }, { "subject": "prod_pro", "open": false }]));
}
