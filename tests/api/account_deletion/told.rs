//! What Stripe tells of an account that is gone.

use chrono::TimeDelta;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use serde_json::json;
use uuid::Uuid;

use super::{delete, sweep};
use crate::support::members::roomy;
use crate::support::people::ids;
use crate::support::stripe::{self, Story};

#[tokio::test(flavor = "multi_thread")]
async fn money_that_stripe_told_of_before_and_that_is_placed_afterwards_is_entered() {
    let (app, owner, _) = stripe::app().await;
    let (_, account) = ids(&owner).await;
    let late = Story::new("late");
    app.expect(&late.event("invoice.paid", 1, late.invoice("paid", 0, &[])), "parked").await;
    // What was never decided, under the account and under a customer of its; and what was.
    app.db_execute(&format!(
        "INSERT INTO customers (id, account_id, provider_customer_id, is_primary, created_at)
             VALUES (gen_random_uuid(), '{1}', '{0}', false, now());
         INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, account_id, provider_customer_id, payload, livemode, received_at, processed_at)
         SELECT gen_random_uuid(), 'evt_' || status || coalesce(whose::text, ''), 'charge.updated', status, 1, whose, '{0}', '{{}}', false, now(),
             CASE WHEN status <> 'dead' THEN now() END
         FROM unnest(ARRAY['completed', 'dead', 'stale']) AS status, unnest(ARRAY['{1}', NULL]::uuid[]) AS whose",
        late.customer,
        Uuid::from(account)
    ))
    .await;
    delete(&owner, "owner's account").await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT name FROM accounts").await, ["Deleted account"]);
    assert_eq!(app.database_text("SELECT status FROM webhook_deliveries ORDER BY 1").await, ["dead", "dead", "parked"]);

    app.run_job(&Job::Billing(BillingJob::RetryOverdue)).await;
    let paid = format!("SELECT status FROM payments WHERE account_id = '{}'", Uuid::from(account));
    assert_eq!(app.database_text(&paid).await, ["succeeded"]);
    sweep(&app).await;
    assert_eq!(app.database_text("SELECT status FROM webhook_deliveries").await, ["dead", "dead"], "it is entered, and its words are gone");
    app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_stays_so_although_stripes_words_are_gone() {
    let (app, owner, story) = stripe::app().await;
    let (_, account) = ids(&owner).await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    app.expect(&story.event("customer.subscription.deleted", 100, story.state("canceled", 0, &[])), "completed").await;
    delete(&owner, "owner's account").await;
    app.run_jobs().await;
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    let state = "SELECT status, raw IS NULL AS forgotten FROM subscriptions WHERE provider = 'stripe'";
    let ended = json!([{ "status": "canceled", "forgotten": true }]);
    assert_eq!(app.db_rows(state).await, ended);

    // Late, and of before.
    app.expect(&story.event("customer.subscription.updated", 50, story.state("active", 0, &[])), "stale").await;
    assert_eq!(app.db_rows(state).await, ended);
    app.expect(&story.event("charge.succeeded", 1, story.charge(0, &[])), "completed").await;
    sweep(&app).await;
    assert_eq!(app.db_value("SELECT count(*) FROM card_fingerprints").await, 1);
    let theirs = format!("SELECT count(*) FROM card_fingerprints WHERE account_id = '{}'", Uuid::from(account));
    assert_eq!(app.db_value(&theirs).await, 0);
    assert_eq!(app.db_rows(state).await, ended);
}

#[tokio::test]
async fn what_stripe_told_under_no_account_is_kept_for_a_week() {
    let (app, owner) = roomy().await;
    let (_, gone) = ids(&owner).await;
    let (_, lives) = ids(&app.sign_up("other").await).await;
    app.db_execute(&format!(
        "INSERT INTO customers (id, account_id, provider_customer_id, deleted_at, created_at) VALUES
             (gen_random_uuid(), '{}', 'cus_gone', NULL, now()), (gen_random_uuid(), '{}', 'cus_lives', NULL, now()),
             (gen_random_uuid(), NULL, 'cus_nobody', now(), now());
         UPDATE accounts SET deletes_at = created_at, deleted_at = created_at WHERE id = '{0}';
         INSERT INTO webhook_deliveries (id, event_id, type, status, attempts, provider_customer_id, payload, livemode, received_at, processed_at)
             SELECT gen_random_uuid(), concat(status, ' ', customer), 'customer.updated', status, 1, customer, '{{}}', false, '{2}',
                 CASE WHEN status <> 'parked' THEN '{2}'::timestamptz END
             FROM unnest(ARRAY['tombstone', 'ignored', 'parked']) AS status, unnest(ARRAY['cus_gone', 'cus_lives', 'cus_nobody', NULL]) AS customer",
        Uuid::from(gone),
        Uuid::from(lives),
        app.app.clock.now().to_rfc3339()
    ))
    .await;
    let left = "SELECT event_id FROM webhook_deliveries ORDER BY event_id COLLATE \"C\"";
    app.advance(TimeDelta::days(7));
    sweep(&app).await;
    assert_eq!(app.database_text(left).await.len(), 12);
    app.advance(TimeDelta::seconds(1));
    sweep(&app).await;
    let undecided = ["parked ", "parked cus_gone", "parked cus_lives", "parked cus_nobody"];
    assert_eq!(app.database_text(left).await, [&["ignored cus_lives"][..], &undecided, &["tombstone cus_lives"]].concat());
}
