//! Rule 5, as far as events decide it: one primary live subscription an account.

use chrono::TimeDelta;
use diesel_async::RunQueryDsl;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::stripe::{self, STARTER, Story};

async fn rows(app: &TestApp) -> Value {
    app.db_rows(
        "SELECT provider_subscription_id AS id, status, is_primary AS counts FROM subscriptions WHERE provider = 'stripe' ORDER BY id",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_one_made_elsewhere_does_not_count_until_the_first_one_ends() {
    let (app, _owner, story) = stripe::app().await;
    let other = Story { subscription: "sub_b".into(), ..story.clone() };
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let starter = other.state("active", 0, &[("/items/data/0/price/id", json!(STARTER))]);
    let reason = app.expect(&other.event("customer.subscription.created", 5, starter), "completed").await;
    assert!(reason.contains("not primary"), "{reason}");
    let row = |id: &str, status: &str, counts: bool| json!({ "id": id, "status": status, "counts": counts });
    assert_eq!(rows(&app).await, json!([row("sub_a", "active", true), row("sub_b", "active", false)]));

    app.expect(&story.event("customer.subscription.deleted", 9, story.state("canceled", 0, &[])), "completed").await;
    assert_eq!(rows(&app).await, json!([row("sub_a", "canceled", true), row("sub_b", "active", true)]));
    app.expect(&other.event("customer.subscription.deleted", 10, other.state("canceled", 0, &[])), "completed").await;
    assert_eq!(rows(&app).await, json!([row("sub_a", "canceled", true), row("sub_b", "canceled", true)]));
    app.run_jobs().await;
}

/// Stripe does not know it, or cannot be asked.
#[tokio::test(flavor = "multi_thread")]
async fn another_one_counts_when_the_first_one_has_lapsed() {
    let (app, _owner, story) = stripe::app().await;
    let other = Story { subscription: "sub_b".into(), begin: story.begin + 20 * 24 * 3600, ..story.clone() };
    for story in [&story, &other] {
        app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    }
    let alerts = "SELECT count(*) FROM alerts WHERE kind = 'second_subscription' AND closed_at IS NULL";
    assert_eq!(app.db_value(alerts).await, 1);
    app.advance(TimeDelta::days(34));
    app.run_job(&Job::Billing(BillingJob::EndLapsed)).await;
    let row = |id: &str, status: &str| json!({ "id": id, "status": status, "counts": true });
    assert_eq!(rows(&app).await, json!([row("sub_a", "canceled"), row("sub_b", "active")]));
    assert_eq!(app.db_value(alerts).await, 0);
    app.leave_jobs();
}

/// Its end waits for a transaction that has begun, which commits then.
async fn ends_while_others_write(app: &TestApp, story: &Story) {
    let others = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while app.db_value(waiting).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        app.db_execute("COMMIT").await;
    };
    let over = story.event("customer.subscription.deleted", 9, story.state("canceled", 0, &[]));
    tokio::join!(app.expect(&over, "completed"), others);
}

/// Who is told of by another customer has another lock.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_the_other_one_at_the_same_time_is_not_overwritten() {
    let (app, _owner, story) = stripe::app().await;
    let other = Story { subscription: "sub_b".into(), ..story.clone() };
    for story in [&story, &other] {
        app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    }
    app.db_execute("BEGIN; UPDATE subscriptions SET seats = 9 WHERE provider_subscription_id = 'sub_b'").await;
    ends_while_others_write(&app, &story).await;
    let row = "SELECT seats, is_primary AS counts FROM subscriptions WHERE provider_subscription_id = 'sub_b'";
    assert_eq!(app.db_rows(row).await, json!([{ "seats": 9, "counts": true }]));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_told_of_while_the_first_one_ends_counts() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let second = "INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, provider_subscription_id, is_primary, \
             created_at, updated_at) \
         SELECT gen_random_uuid(), account_id, plan_id, 'active', 1, 'stripe', 'sub_b', false, now(), now() FROM subscriptions \
         WHERE provider = 'stripe'";
    app.db_execute(&format!("BEGIN; SELECT 1 FROM subscriptions FOR NO KEY UPDATE; {second}")).await;
    ends_while_others_write(&app, &story).await;
    assert_eq!(app.db_value("SELECT is_primary FROM subscriptions WHERE provider_subscription_id = 'sub_b'").await, true);
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_allows_no_second_one_that_counts() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let second = "INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, provider_subscription_id, created_at, updated_at) \
         SELECT gen_random_uuid(), account_id, plan_id, 'incomplete', 1, 'stripe', 'sub_z', now(), now() FROM subscriptions WHERE provider = 'stripe'";
    let mut conn = app.app.db.conn().await.unwrap();
    let error = diesel::sql_query(second).execute(&mut *conn).await.unwrap_err();
    assert!(error.to_string().contains("subscriptions_primary_key"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_ours_becomes_the_paid_one_and_is_not_lost_before() {
    let (app, _owner, story) = stripe::app().await;
    app.db_execute("DELETE FROM subscriptions").await;
    app.db_execute(
        "INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, trial_end, created_at, updated_at) \
         SELECT '01900000-0000-7000-8000-000000000001', account_id, (SELECT id FROM plans WHERE key = 'pro'), 'trialing', 1, 'none', \
                '2026-02-01', '2026-01-01', '2026-01-01' FROM customers",
    )
    .await;
    let all = async || app.db_rows("SELECT right(id::text, 1) AS id, provider, status FROM subscriptions ORDER BY provider").await;
    let incomplete = story.event("customer.subscription.created", 0, story.state("incomplete", 0, &[]));
    app.expect(&incomplete, "completed").await;
    let trial = json!({ "id": "1", "provider": "none", "status": "trialing" });
    let rows = all().await;
    assert_eq!((&rows[0], &rows[1]["status"]), (&trial, &json!("incomplete")));

    app.expect(&story.event("customer.subscription.updated", 1, story.state("active", 0, &[])), "completed").await;
    assert_eq!(all().await, json!([{ "id": "1", "provider": "stripe", "status": "active" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_subscription_heard_of_late_takes_no_trial_over() {
    let (app, _owner, story) = stripe::app().await;
    app.db_execute("DELETE FROM subscriptions").await;
    app.db_execute(
        "INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, created_at, updated_at) \
         SELECT gen_random_uuid(), account_id, (SELECT id FROM plans WHERE key = 'pro'), 'trialing', 1, 'none', '2026-01-01', now() FROM customers",
    )
    .await;
    let old = story.state("canceled", 0, &[("/created", json!(1_600_000_000))]);
    app.expect(&story.event("customer.subscription.deleted", 0, old), "completed").await;
    let rows = app.db_rows("SELECT provider, status FROM subscriptions ORDER BY provider").await;
    assert_eq!(rows, json!([{ "provider": "none", "status": "trialing" }, { "provider": "stripe", "status": "canceled" }]));
    app.run_jobs().await;
}
