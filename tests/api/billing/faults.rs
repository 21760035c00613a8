//! Rule 2: a failure at any statement leaves nothing behind, and sending it again applies it once.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::proxy::Proxy;
use crate::support::stripe::{self, Story};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_any_statement_leaves_nothing_and_the_next_try_applies_once() {
    let proxy = Proxy::start().await;
    let variables = [("STRIPE_WEBHOOK_SECRET", stripe::SECRET), ("STRIPE_API_BASE", "http://127.0.0.1:9")];
    let app = TestApp::on(proxy.database(), &variables).await;
    stripe::sell(&app).await;
    let story = Story::new("a");
    story.link(&app, super::permutations::account(&app).await).await;
    app.leave_jobs();
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
