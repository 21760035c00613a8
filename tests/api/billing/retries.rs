//! A delivery that fails: what is kept of it, and when it is tried again.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::stripe;

const LOG: &str = "SELECT status, attempts, next_attempt_at - '2026-01-01T12:00:00Z'::timestamptz AS next, \
     last_error IS NOT NULL AS told FROM webhook_deliveries";

async fn log(app: &TestApp) -> Value {
    app.db_rows(LOG).await[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_tries_of_our_own_then_dead_and_still_tried_when_stripe_sends_it_again() {
    let (app, _owner, story) = stripe::app().await;
    let event = story.event("customer.subscription.created", 0, story.state("active", 0, &[]));
    app.db_execute("ALTER TABLE payments RENAME TO away").await;
    assert_eq!(app.deliver(&event).await.status, 500);
    let entry = |status: &str, attempts: i64, next: Value| json!({ "status": status, "attempts": attempts, "next": next, "told": true });
    assert_eq!(log(&app).await, entry("failed", 1, json!("00:05:00")));
    app.advance(TimeDelta::minutes(5));
    app.run_jobs().await;
    assert_eq!(log(&app).await, entry("failed", 2, json!("00:15:00")));
    app.advance(TimeDelta::minutes(10));
    app.run_jobs().await;
    assert_eq!(log(&app).await, entry("failed", 3, json!("00:30:00")));
    app.advance(TimeDelta::minutes(15));
    app.run_jobs().await;
    assert_eq!(log(&app).await, entry("dead", 4, json!(null)));
    assert_eq!(app.deliver(&event).await.status, 500);
    assert_eq!(log(&app).await["status"], json!("dead"));
    assert_eq!(app.db_rows("SELECT 1 FROM stripe_events UNION ALL SELECT 1 FROM subscriptions WHERE provider = 'stripe'").await, json!([]));

    app.db_execute("ALTER TABLE away RENAME TO payments").await;
    app.expect(&event, "completed").await;
    assert_eq!(log(&app).await, json!({ "status": "completed", "attempts": 6, "next": null, "told": false }));
}

/// Stripe tries too, in between.
#[tokio::test(flavor = "multi_thread")]
async fn each_failure_plans_the_next_try_anew_and_no_earlier_one_is_made() {
    let (app, _owner, story) = stripe::app().await;
    let event = story.event("customer.subscription.created", 0, story.state("active", 0, &[]));
    app.db_execute("ALTER TABLE payments RENAME TO away").await;
    assert_eq!(app.deliver(&event).await.status, 500);
    app.advance(TimeDelta::minutes(1));
    assert_eq!(app.deliver(&event).await.status, 500);
    let failed = |attempts: i64, next: &str| json!({ "status": "failed", "attempts": attempts, "next": next, "told": true });
    assert_eq!(log(&app).await, failed(2, "00:11:00"));
    app.advance(TimeDelta::minutes(4));
    app.run_jobs().await;
    assert_eq!(log(&app).await, failed(2, "00:11:00"), "ten minutes after the second one, not five after the first");
    app.advance(TimeDelta::minutes(6));
    app.run_jobs().await;
    assert_eq!(log(&app).await, failed(3, "00:26:00"));
    app.db_execute("ALTER TABLE away RENAME TO payments").await;
    app.advance(TimeDelta::minutes(15));
    app.run_jobs().await;
    assert_eq!(log(&app).await["status"], "completed");
}

/// Waiting for its customer is no attempt.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_before_it_failed_has_all_its_tries() {
    let (app, owner, _story) = stripe::app().await;
    let stranger = stripe::Story::new("stranger");
    let event = stranger.event("customer.subscription.created", 0, stranger.state("active", 0, &[]));
    app.expect(&event, "parked").await;
    assert_eq!(log(&app).await, json!({ "status": "parked", "attempts": 0, "next": null, "told": false }));
    stranger.link_beside(&app, crate::support::people::ids(&owner).await.1).await;
    app.db_execute("ALTER TABLE payments RENAME TO away").await;
    assert_eq!(app.deliver(&event).await.status, 500);
    assert_eq!(log(&app).await, json!({ "status": "failed", "attempts": 1, "next": "00:05:00", "told": true }));
    app.db_execute("ALTER TABLE away RENAME TO payments").await;
    app.expect(&event, "completed").await;
    app.advance(TimeDelta::minutes(6));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_succeeds_first_writes_the_ledger_and_the_other_does_nothing() {
    let (app, _owner, story) = stripe::app().await;
    let event = story.event("invoice.paid", 0, story.invoice("paid", 0, &[]));
    app.db_execute("ALTER TABLE payments RENAME TO away").await;
    assert_eq!(app.deliver(&event).await.status, 500);
    app.db_execute("ALTER TABLE away RENAME TO payments").await;
    app.expect(&event, "completed").await;
    app.advance(TimeDelta::minutes(6));
    app.run_jobs().await;
    assert_eq!(log(&app).await["attempts"], json!(2));
    assert_eq!(app.db_value("SELECT count(*) FROM payments").await, json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_customer_for_long_makes_others_come_again() {
    let (app, _owner, story) = stripe::app().await;
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('stripe:{}', 0))", story.customer);
    client.batch_execute(&lock).await.unwrap();
    let event = story.event("invoice.paid", 0, story.invoice("paid", 0, &[]));
    assert_eq!(app.deliver(&event).await.status, 503);
    assert_eq!(app.db_rows("SELECT 1 FROM webhook_deliveries").await, json!([]), "being busy is no attempt");
    client.batch_execute("COMMIT").await.unwrap();
    app.expect(&event, "completed").await;
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_customers_crowd_waits_in_the_process_and_others_pass() {
    let (app, _owner, story) = stripe::app().await;
    let other = stripe::Story::new("other");
    other.link(&app, super::permutations::account(&app).await).await;
    // As many as may wait, with the one whose turn it is, and one too many.
    let turn = app.app.queues.enter(&story.customer).await.unwrap();
    let deliver = async |second| {
        let event = story.event("customer.subscription.updated", second, story.state("active", 0, &[]));
        (app.deliver(&event).await.status, event["id"].clone())
    };
    let mut crowd: FuturesUnordered<_> = (0..128).map(deliver).collect();
    let refused = tokio::time::timeout(Duration::from_secs(10), crowd.next()).await.expect("one is too many");
    let (status, refused) = refused.unwrap();
    assert_eq!(status, 503);
    app.expect(&other.event("invoice.paid", 0, other.invoice("paid", 0, &[])), "completed").await;
    drop(turn);
    let waited: Vec<_> = crowd.collect().await;
    assert!(waited.len() == 127 && waited.iter().all(|(status, _)| *status == 200), "{waited:?}");
    assert!(app.app.queues.is_empty());
    assert_eq!(app.db_value("SELECT count(*) FROM webhook_deliveries").await, 128, "of the crowd, and of another customer");
    let logged = format!("SELECT count(*) FROM webhook_deliveries WHERE event_id = '{}'", refused.as_str().unwrap());
    assert_eq!(app.db_value(&logged).await, 0, "being busy is no attempt");
    app.run_jobs().await;
}

/// What names no customer is looked up first, and that takes a connection, too.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_connection_left_comes_again() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    app.expect(&story.event("invoice_payment.paid", 0, story.invoice_payment(0)), "completed").await;
    let events = [
        story.event("refund.created", 5, story.refund("re_1", 0, 500, "succeeded")),
        story.event("customer.subscription.created", 0, story.state("active", 0, &[])),
    ];
    let all = futures_util::future::join_all((0..app.app.config.database.pool_size).map(|_| app.app.db.conn())).await;
    assert!(all.iter().all(Result::is_ok));
    let answers = futures_util::future::join_all(events.iter().map(|event| app.deliver(event))).await;
    assert!(answers.iter().all(|answer| answer.status == 503), "{answers:?}");
    drop(all);
    assert_eq!(app.db_value("SELECT count(*) FROM webhook_deliveries").await, json!(2), "being busy is no attempt");
    for event in &events {
        app.expect(event, "completed").await;
    }
    app.run_jobs().await;
}
