//! Rule 12: the sweep that ends what has lapsed. And reading again what events left open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use chrono::TimeDelta;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::stripe::{self, Story};
use crate::support::{Actor, TestApp};

/// A Stripe that knows one thing: what each subscription looks like.
async fn answering(object: Value) -> String {
    answering_unless(Arc::default(), object).await
}

/// The same, while it is not away.
async fn answering_unless(away: Arc<AtomicBool>, object: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |Path(_id): Path<String>, State((away, object)): State<(Arc<AtomicBool>, Value)>| {
        let answer = ([("date", "Sun, 01 Mar 2026 00:00:00 GMT")], Json(object));
        if away.load(Ordering::Relaxed) { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(answer) }
    };
    let router = Router::new().route("/v1/subscriptions/{id}", get(answer)).with_state((away, object));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn sweep(app: &TestApp) -> Value {
    app.run_job(&Job::Billing(BillingJob::EndLapsed)).await;
    app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_lapsed_ends_after_three_days_of_grace() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.advance(TimeDelta::days(33));
    assert_eq!(sweep(&app).await, json!("active"), "the third day is not over");
    app.advance(TimeDelta::minutes(1));
    assert_eq!(sweep(&app).await, json!("canceled"));
    let ended = app.db_value("SELECT extract(epoch FROM ended_at - current_period_end) FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(ended, json!(0.0));
    // It lived after all: Stripe could not be asked, and its event came late.
    app.expect(&story.event("customer.subscription.updated", 30 * 24 * 3600, story.state("active", 1, &[])), "completed").await;
    assert_eq!(app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await, json!("active"));
    app.advance(TimeDelta::seconds(3));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_stripe_was_away_lives_again_when_stripe_says_so() {
    let story = Story::new("a");
    let away = Arc::new(AtomicBool::new(true));
    let url = answering_unless(away.clone(), story.state("active", 1, &[])).await;
    let (app, _owner, _) = stripe::app_with(&[("STRIPE_API_BASE", &url)]).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.advance(TimeDelta::days(34));
    assert_eq!(sweep(&app).await, json!("canceled"));
    away.store(false, Ordering::Relaxed);
    app.advance(TimeDelta::seconds(3));
    app.run_jobs().await;
    let row = app.db_rows("SELECT status, ended_at, needs_refetch AS open, source FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(row, json!([{ "status": "active", "ended_at": null, "open": false, "source": "refetch" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_due_is_left_to_stripe() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("past_due", 0, &[])), "completed").await;
    app.advance(TimeDelta::days(300));
    assert_eq!(sweep(&app).await, json!("past_due"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stripe_is_asked_first_and_what_it_says_counts() {
    let story = Story::new("a");
    let url = answering(story.state("active", 1, &[])).await;
    let (app, _owner, _) = stripe::app_with(&[("STRIPE_API_BASE", &url)]).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.advance(TimeDelta::days(40));
    assert_eq!(sweep(&app).await, json!("active"));
    let row =
        app.db_rows("SELECT extract(epoch FROM current_period_start) AS start, source FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(row, json!([{ "start": (story.begin + 30 * 24 * 3600) as f64, "source": "refetch" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_of_one_second_that_nobody_can_order_are_read_again() {
    let story = Story::new("a");
    let quantity = |quantity: i64| [("/items/data/0/quantity", json!(quantity))];
    let url = answering(story.state("active", 0, &quantity(7))).await;
    let (app, _owner, _) = stripe::app_with(&[("STRIPE_API_BASE", &url)]).await;
    let told = |seats: i64| story.event("customer.subscription.updated", 5, story.state("active", 0, &quantity(seats)));
    app.expect(&told(2), "completed").await;
    app.deliver(&told(3)).await;
    assert_eq!(app.db_value("SELECT needs_refetch FROM subscriptions WHERE provider = 'stripe'").await, json!(true));
    app.advance(TimeDelta::seconds(5));
    app.run_jobs().await;
    let row = app.db_rows("SELECT needs_refetch AS open, seats, source FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(row, json!([{ "open": false, "seats": 7, "source": "refetch" }]));
}

/// On a page of ours, and the page's own event is the first that comes.
async fn buys_three_seats(app: &TestApp, owner: &Actor, story: &Story) {
    let account = uuid::Uuid::from(crate::support::people::ids(owner).await.1);
    app.db_execute(&format!(
        "INSERT INTO checkouts (id, account_id, purpose, status, plan_id, interval, seats, provider_session_id, expires_at, created_at, updated_at) \
         SELECT gen_random_uuid(), '{account}', 'subscription', 'open', id, 'month', 3, 'cs_1', now(), now(), now() FROM plans WHERE key = 'pro'"
    ))
    .await;
    let session = stripe::with(
        stripe::object("checkout.session.completed"),
        &[("/id", json!("cs_1")), ("/customer", json!(story.customer)), ("/subscription", json!(story.subscription))],
    );
    app.expect(&story.event("checkout.session.completed", 9, session), "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_begins_the_subscription_until_it_is_heard_of() {
    let (app, owner, story) = stripe::app().await;
    buys_three_seats(&app, &owner, &story).await;
    let row = "SELECT status, seats, needs_refetch AS open, current_period_end AS end FROM subscriptions WHERE provider = 'stripe'";
    assert_eq!(app.db_rows(row).await, json!([{ "status": "active", "seats": 3, "open": true, "end": null }]));
    // Older than the checkout, and yet it counts more.
    let trialing = story.state("trialing", 0, &[("/items/data/0/quantity", json!(4))]);
    app.expect(&story.event("customer.subscription.created", 0, trialing), "completed").await;
    let told = app.db_rows(row).await[0].clone();
    assert_eq!((&told["status"], &told["seats"], &told["open"]), (&json!("trialing"), &json!(4), &json!(false)));
    assert_eq!(app.db_value("SELECT status FROM checkouts").await, json!("completed"));
    app.advance(TimeDelta::seconds(5));
    app.run_jobs().await;
}

/// The page was paid; that the subscription had not begun is told late, and what follows is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_and_is_told_not_to_have_begun_is_read_again() {
    let story = Story::new("a");
    let url = answering(story.state("active", 0, &[])).await;
    let (app, owner, _) = stripe::app_with(&[("STRIPE_API_BASE", &url)]).await;
    buys_three_seats(&app, &owner, &story).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("incomplete", 0, &[])), "completed").await;
    let named = story.state("incomplete", 0, &[("/metadata", json!({ "note": "x" }))]);
    app.expect(&story.event("customer.subscription.updated", 2, named), "completed").await;
    app.advance(TimeDelta::seconds(5));
    app.run_jobs().await;
    let row = app.db_rows("SELECT status, needs_refetch AS open, source FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(row, json!([{ "status": "active", "open": false, "source": "refetch" }]));
}

/// Its invoices say nothing of whether it lives; and meanwhile another one may count.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_does_not_bring_back_what_we_have_ended() {
    let (app, _owner, story) = stripe::app().await;
    let other = Story { subscription: "sub_b".into(), begin: story.begin + 20 * 24 * 3600, ..story.clone() };
    for story in [&story, &other] {
        app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    }
    app.advance(TimeDelta::days(34));
    app.run_job(&Job::Billing(BillingJob::EndLapsed)).await;
    let rows = "SELECT status, is_primary AS counts FROM subscriptions WHERE provider = 'stripe' ORDER BY provider_subscription_id";
    let ended = json!([{ "status": "canceled", "counts": true }, { "status": "active", "counts": true }]);
    assert_eq!(app.db_rows(rows).await, ended);
    for (kind, status) in [("invoice.payment_failed", "open"), ("invoice.voided", "void"), ("invoice.paid", "paid")] {
        let answer = app.deliver(&story.event(kind, 32 * 24 * 3600, story.invoice(status, 1, &[]))).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        assert_eq!(app.db_rows(rows).await, ended, "{kind}");
    }
    app.leave_jobs();
}

/// Bought on a page, and nothing was heard of it since: only Stripe knows when its period ends.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_heard_of_goes_on_until_stripe_can_be_asked() {
    let story = Story::new("a");
    let away = Arc::new(AtomicBool::new(true));
    let url = answering_unless(away.clone(), story.state("active", 1, &[])).await;
    let (app, owner, _) = stripe::app_with(&[("STRIPE_API_BASE", &url)]).await;
    let account = uuid::Uuid::from(crate::support::people::ids(&owner).await.1);
    app.db_execute(&format!(
        "INSERT INTO subscriptions (id, account_id, plan_id, interval, status, seats, provider, provider_subscription_id, is_primary, needs_refetch, \
             collection_paused, version_first, version_contested, created_at, updated_at) \
         SELECT gen_random_uuid(), '{account}', id, 'month', 'active', 1, 'stripe', '{}', true, true, false, false, false, '{now}', '{now}' \
         FROM plans WHERE key = 'pro'",
        story.subscription,
        now = app.app.clock.now(),
    ))
    .await;
    app.advance(TimeDelta::days(3));
    away.store(false, Ordering::Relaxed);
    assert_eq!(sweep(&app).await, json!("active"));
    assert_eq!(
        app.db_value("SELECT needs_refetch FROM subscriptions WHERE provider = 'stripe'").await,
        json!(true),
        "it is too early to ask"
    );
    away.store(true, Ordering::Relaxed);
    app.advance(TimeDelta::days(30));
    assert_eq!(sweep(&app).await, json!("active"), "while Stripe is away, nobody knows");
    app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stripe_does_not_know_and_nobody_heard_of_ends_until_it_is_heard_of() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let missing = json!({ "error": { "type": "invalid_request_error", "code": "resource_missing", "message": "No such subscription" } });
    let router = Router::new().fallback(async || (StatusCode::NOT_FOUND, Json(missing)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (app, _owner, story) = stripe::app_with(&[("STRIPE_API_BASE", &url)]).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    // As a checkout leaves it.
    app.db_execute(
        "UPDATE subscriptions SET current_period_start = NULL, current_period_end = NULL, raw = NULL, version_created = NULL, \
             version_until = NULL, version_event_id = NULL, version_previous = NULL, needs_refetch = true WHERE provider = 'stripe'",
    )
    .await;
    app.advance(TimeDelta::days(3));
    assert_eq!(sweep(&app).await, json!("active"));
    app.advance(TimeDelta::minutes(1));
    assert_eq!(sweep(&app).await, json!("canceled"));
    let ended = app.db_value("SELECT ended_at = updated_at FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(ended, json!(true));
    // It was there after all, and Stripe tells of it late.
    app.expect(&story.event("customer.subscription.updated", 5, story.state("active", 0, &[])), "completed").await;
    assert_eq!(app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await, json!("active"));
    app.leave_jobs();
}
