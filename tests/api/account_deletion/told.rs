//! What Stripe tells of an account that is gone.

use chrono::TimeDelta;
use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
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
