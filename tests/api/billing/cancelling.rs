//! Rules 8 and 11: what looks alike and is not. And what the other kinds of events change.

use serde_json::json;

use crate::support::stripe;

const ROW: &str = "SELECT status, cancel_at IS NOT NULL AS ends, collection_paused AS unpaid, needs_attention AS must FROM subscriptions \
     WHERE provider = 'stripe'";

#[tokio::test(flavor = "multi_thread")]
async fn scheduled_to_end_is_told_in_two_ways_and_a_pause_of_collection_is_no_pause() {
    let (app, _owner, story) = stripe::app().await;
    let state = |changes: &[(&str, serde_json::Value)]| story.state("active", 0, changes);
    let row = async |at, object| {
        app.expect(&story.event("customer.subscription.updated", at, object), "completed").await;
        app.db_rows(ROW).await[0].clone()
    };
    let plain = json!({ "status": "active", "ends": false, "unpaid": false, "must": null });
    let ends = json!({ "status": "active", "ends": true, "unpaid": false, "must": null });
    assert_eq!(row(1, state(&[])).await, plain);
    assert_eq!(row(2, state(&[("/cancel_at", json!(story.begin + 30 * 24 * 3600))])).await, ends);
    assert_eq!(row(3, state(&[("/cancel_at_period_end", json!(true))])).await, ends);
    let told = app.db_rows("SELECT about FROM billing_mails").await;
    assert_eq!(told.as_array().unwrap().len(), 1, "the same end, told twice, is one mail: {told}");
    assert_eq!(row(4, state(&[("/cancel_at_period_end", json!(false))])).await, plain);
    let paused = json!({ "status": "active", "ends": false, "unpaid": true, "must": null });
    assert_eq!(row(5, state(&[("/pause_collection", json!({ "behavior": "void" }))])).await, paused);
    let must = "The subscription is paused: add a way to pay if there is none, and resume it. A bank debit takes days.";
    let paused = json!({ "status": "paused", "ends": false, "unpaid": false, "must": must });
    assert_eq!(row(6, story.state("paused", 0, &[])).await, paused);
    let unknown = json!({ "status": "paused", "ends": false, "unpaid": false, "must": must });
    assert_eq!(row(7, story.state("a status of the future", 0, &[])).await, unknown);
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_stays_ended_and_says_when() {
    let (app, _owner, story) = stripe::app().await;
    let end = story.begin + 1000;
    let over = story.state("canceled", 0, &[("/ended_at", json!(end)), ("/canceled_at", json!(end - 10))]);
    app.expect(&story.event("customer.subscription.deleted", 1000, over), "completed").await;
    app.expect(&story.event("customer.subscription.updated", 2000, story.state("active", 0, &[])), "stale").await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("incomplete", 0, &[])), "stale").await;
    let row = "SELECT status, extract(epoch FROM ended_at) AS ended, extract(epoch FROM current_period_end) AS period_end FROM subscriptions \
               WHERE provider = 'stripe'";
    assert_eq!(app.db_rows(row).await, json!([{ "status": "canceled", "ended": end as f64, "period_end": end as f64 }]));
    app.run_jobs().await;
    assert_eq!(app.db_rows("SELECT about FROM billing_mails").await, json!([{ "about": format!("ended:{}", story.subscription) }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_renewal_is_past_due_at_once_and_a_failed_upgrade_is_not() {
    let (app, _owner, story) = stripe::app().await;
    let row = async || app.db_rows(ROW).await[0].clone();
    app.expect(&story.event("customer.subscription.updated", 0, story.state("active", 0, &[])), "completed").await;
    let upgrade = story.invoice("open", 0, &[("/id", json!("in_upgrade")), ("/billing_reason", json!("subscription_update"))]);
    app.expect(&story.event("invoice.payment_failed", 10, upgrade), "completed").await;
    assert_eq!(row().await["status"], json!("active"));
    let renewal = story.invoice("open", 1, &[]);
    app.expect(&story.event("invoice.payment_failed", 20, renewal.clone()), "completed").await;
    assert_eq!(row().await["status"], json!("past_due"));
    app.expect(&story.event("invoice.payment_action_required", 21, renewal), "completed").await;
    assert_eq!(row().await["must"], json!("Your bank asks you to confirm a payment."));
    app.expect(&story.event("invoice.paid", 30, story.invoice("paid", 1, &[])), "completed").await;
    assert_eq!(row().await["status"], json!("active"));
    app.expect(&story.event("invoice.payment_failed", 25, story.invoice("open", 1, &[])), "stale").await;
    assert_eq!(row().await["status"], json!("active"));
    let voided = story.invoice("void", 0, &[("/id", json!("in_upgrade"))]);
    app.expect(&story.event("invoice.voided", 40, voided), "completed").await;
    assert_eq!(row().await["must"], json!(null));
    let payments = app.db_rows("SELECT provider_invoice_id AS id, status FROM payments ORDER BY id").await;
    assert_eq!(payments, json!([{ "id": story.invoice_id(1), "status": "succeeded" }, { "id": "in_upgrade", "status": "void" }]));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zero_invoice_moves_the_period_and_thanks_nobody() {
    // Rule 11.
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let nothing = story.invoice("paid", 1, &[("/amount_due", json!(0)), ("/amount_paid", json!(0)), ("/total", json!(0))]);
    app.expect(&story.event("invoice.paid", 10, nothing), "completed").await;
    let period = app.db_value("SELECT extract(epoch FROM current_period_start) FROM subscriptions WHERE provider = 'stripe'").await;
    assert_eq!(period, json!((story.begin + 30 * 24 * 3600) as f64));
    assert_eq!(app.db_rows("SELECT about FROM billing_mails").await, json!([]));
    let yen = [("/id", json!("in_yen")), ("/currency", json!("jpy")), ("/amount_paid", json!(1200))];
    app.expect(&story.event("invoice.paid", 20, story.invoice("paid", 2, &yen)), "completed").await;
    let dinar = [("/id", json!("in_dinar")), ("/currency", json!("kwd")), ("/amount_paid", json!(12_345))];
    app.expect(&story.event("invoice.paid", 20, story.invoice("paid", 2, &dinar)), "completed").await;
    let rows = app.db_rows("SELECT currency, amount FROM payments WHERE amount > 0 ORDER BY currency").await;
    assert_eq!(rows, json!([{ "currency": "JPY", "amount": 1200 }, { "currency": "KWD", "amount": 12_345 }]));
    app.run_jobs().await;
}

/// Staff bill an hour of work with the subscription, in today's shape and as it was.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_billed_beside_a_period_does_not_move_it() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    let day = story.begin + 5 * 24 * 3600;
    let at = |more: &[(&str, serde_json::Value)]| {
        let when = [("/lines/data/0/period/start", json!(day)), ("/lines/data/0/period/end", json!(day))];
        story.invoice("paid", 0, &[&when, more].concat())
    };
    let item = json!({ "invoice_item": "ii_1", "proration": false, "subscription": story.subscription });
    let parent = json!({ "type": "invoice_item_details", "invoice_item_details": item, "subscription_item_details": null });
    let today = at(&[("/id", json!("in_hour")), ("/lines/data/0/parent", parent)]);
    let old = [("/id", json!("in_old")), ("/lines/data/0/parent", json!(null)), ("/lines/data/0/type", json!("invoiceitem"))];
    for invoice in [today, at(&old)] {
        app.expect(&story.event("invoice.paid", 6 * 24 * 3600, invoice), "completed").await;
        let end = "SELECT extract(epoch FROM current_period_end) FROM subscriptions WHERE provider = 'stripe'";
        assert_eq!(app.db_value(end).await, json!((story.begin + 30 * 24 * 3600) as f64));
    }
    assert_eq!(app.db_value("SELECT count(*) FROM payments WHERE status = 'succeeded'").await, 2);
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_ends_is_told_while_it_is_one() {
    let (app, _owner, story) = stripe::app().await;
    let end = ("/trial_end", json!(story.begin + 3 * 24 * 3600));
    let trial = story.state("trialing", 0, std::slice::from_ref(&end));
    app.expect(&story.event("customer.subscription.created", 0, trial.clone()), "completed").await;
    app.expect(&story.event("customer.subscription.trial_will_end", 5, trial.clone()), "completed").await;
    app.expect(&story.event("customer.subscription.trial_will_end", 5, trial.clone()), "stale").await;
    let about = format!("trial_ending:{}:{}", story.subscription, story.begin + 3 * 24 * 3600);
    assert_eq!(app.db_rows("SELECT about FROM billing_mails").await, json!([{ "about": about }]));
    app.expect(&story.event("customer.subscription.updated", 9, story.state("active", 0, &[])), "completed").await;
    app.db_execute("DELETE FROM billing_mails").await;
    app.expect(&story.event("customer.subscription.trial_will_end", 4, trial), "stale").await;
    assert_eq!(app.db_rows("SELECT about FROM billing_mails").await, json!([]));
    app.run_jobs().await;
}
