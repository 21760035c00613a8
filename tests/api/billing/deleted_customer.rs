//! Rule 7: a deleted customer is a tombstone.

use serde_json::{Value, json};

use crate::support::{people, stripe};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_deleted_customer_changes_nothing() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    app.expect(&story.event("invoice_payment.paid", 0, story.invoice_payment(0)), "completed").await;
    app.expect(&story.event("customer.deleted", 10, json!({ "id": story.customer, "object": "customer" })), "completed").await;
    assert_eq!(app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await, json!("canceled"));
    app.run_jobs().await;
    let ended = || app.mails().iter().filter(|mail| mail.subject == "Your subscription has ended").count();
    assert_eq!(ended(), 1);

    let before = app.billing_state().await;
    for event in [
        story.event("customer.subscription.updated", 20, story.state("active", 1, &[])),
        story.event("customer.subscription.deleted", 20, story.state("canceled", 0, &[])),
        story.event("invoice.paid", 20, story.invoice("paid", 1, &[])),
        story.event("invoice.paid", 21, story.invoice("paid", 1, &[("/customer", Value::Null), ("/customer_email", Value::Null)])),
        story.event("customer.subscription.updated", 21, story.state("active", 1, &[("/customer", Value::Null)])),
        story.event("charge.succeeded", 20, story.charge(1, &[])),
        story.event("refund.created", 20, story.refund("re_1", 0, 6000, "succeeded")),
        story.event("customer.updated", 20, json!({ "id": story.customer, "email": "owner@example.com" })),
        story.event("customer.deleted", 30, json!({ "id": story.customer })),
    ] {
        app.expect(&event, "tombstone").await;
    }
    assert_eq!(app.billing_state().await, before);
    app.run_jobs().await;
    assert_eq!(ended(), 1, "told once");
}

/// Nothing changes any more, and somebody has to know all the same.
#[tokio::test(flavor = "multi_thread")]
async fn money_of_a_deleted_customer_is_told() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    app.expect(&story.event("customer.deleted", 10, json!({ "id": story.customer, "object": "customer" })), "completed").await;
    let before = app.billing_state().await;
    let open = async || app.db_rows("SELECT kind, subject FROM alerts WHERE closed_at IS NULL").await;
    let late = [("/status_transitions/paid_at", json!(story.begin + 5))];
    let nothing = [("/amount_paid", json!(0))];
    for (kind, invoice) in [
        ("invoice.payment_succeeded", story.invoice("paid", 0, &[])),
        ("invoice.paid", story.invoice("paid", 1, &late)),
        ("invoice.paid", story.invoice("paid", 2, &nothing)),
        ("invoice.payment_failed", story.invoice("open", 3, &[])),
    ] {
        app.expect(&story.event(kind, 20, invoice), "tombstone").await;
        assert_eq!(open().await, json!([]), "{kind}: they had it, or nothing came");
    }
    // The debit for another period was on its way.
    app.expect(&story.event("invoice.paid", 20, story.invoice("paid", 3, &[])), "tombstone").await;
    assert_eq!(open().await, json!([{ "kind": "paid_for_nothing", "subject": story.customer }]));
    let back = [("/amount", json!(6000)), ("/amount_refunded", json!(6000))];
    app.expect(&story.event("charge.refunded", 30, story.charge(3, &back)), "tombstone").await;
    assert_eq!(open().await, json!([]));
    assert_eq!(app.billing_state().await, before);
    app.run_jobs().await;
}

/// The bank's deadline runs, whoever is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_of_a_deleted_customer_goes_to_the_staff() {
    let (app, _owner, story) = stripe::app_with(&[("STAFF_EMAILS", "boss@example.com")]).await;
    app.sign_up("boss").await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    app.expect(&story.event("invoice_payment.paid", 0, story.invoice_payment(0)), "completed").await;
    app.expect(&story.event("customer.deleted", 10, json!({ "id": story.customer, "object": "customer" })), "completed").await;
    app.run_jobs().await;
    let (before, sent) = (app.billing_state().await, app.mails().len());
    let dispute = |id: &str, status: &str| {
        json!({ "id": id, "object": "dispute", "amount": 6000, "currency": "usd", "status": status, "reason": "fraudulent",
            "charge": story.charge_id(0), "payment_intent": story.intent_id(0) })
    };
    for (kind, id, status) in [
        ("created", "dp_1", "needs_response"),
        ("created", "dp_2", "needs_response"),
        ("closed", "dp_2", "lost"),
        ("closed", "dp_3", "won"),
    ] {
        app.expect(&story.event(&format!("charge.dispute.{kind}"), 100, dispute(id, status)), "tombstone").await;
    }
    app.run_jobs().await;
    let told: Vec<_> = app.mails()[sent..].iter().map(|mail| (mail.to.clone(), mail.text.contains("dp_1"))).collect();
    assert_eq!(told, [("boss@example.com".to_owned(), true)], "what was decided meanwhile wants no answer");
    assert_eq!(app.billing_state().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_was_deleted_before_we_knew_it_is_no_riddle() {
    let (app, _owner, _story) = stripe::app().await;
    let stranger = stripe::Story::new("stranger");
    let event = stranger.event("customer.subscription.created", 0, stranger.state("active", 0, &[]));
    app.expect(&event, "parked").await;
    app.expect(&stranger.event("customer.deleted", 1, json!({ "id": stranger.customer, "deleted": true })), "completed").await;
    app.run_jobs().await;
    assert_eq!(app.db_value("SELECT status FROM webhook_deliveries WHERE type LIKE '%created'").await, json!("tombstone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deleted_customer_leaves_open_needs_nobody_any_more() {
    let (app, owner, story) = stripe::app().await;
    let open = async || app.db_rows("SELECT kind, subject FROM alerts WHERE closed_at IS NULL ORDER BY kind").await;
    // Another customer of the same account, with a subscription that waits beside the first one; and a stranger's invoice.
    let other = stripe::Story::new("b");
    other.link_beside(&app, people::ids(&owner).await.1).await;
    let stranger = stripe::Story::new("stranger");
    stranger.link(&app, super::permutations::account(&app).await).await;
    for story in [&story, &other] {
        app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    }
    for story in [&story, &stranger] {
        let failed = story.event("invoice.finalization_failed", 1, story.invoice("draft", 0, &[]));
        app.expect(&failed, "completed").await;
    }
    let unfinished = |story: &stripe::Story| json!({ "kind": "unfinished_invoice", "subject": story.invoice_id(0) });
    let all = open().await;
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
    assert_eq!(all[0], json!({ "kind": "second_subscription", "subject": other.subscription }));

    let gone = story.event("customer.deleted", 10, json!({ "id": story.customer, "object": "customer" }));
    app.expect(&gone, "completed").await;
    assert_eq!(open().await, json!([unfinished(&stranger)]));
    let rows =
        "SELECT provider_subscription_id AS id, status, is_primary AS counts FROM subscriptions WHERE provider = 'stripe' ORDER BY id";
    let ended = json!({ "id": story.subscription, "status": "canceled", "counts": true });
    let goes_on = json!({ "id": other.subscription, "status": "active", "counts": true });
    assert_eq!(app.db_rows(rows).await, json!([ended, goes_on]), "the other one counts now");
    let late = story.event("invoice.finalization_failed", 2, story.invoice("draft", 1, &[]));
    app.expect(&late, "tombstone").await;
    assert_eq!(open().await, json!([unfinished(&stranger)]));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_not_begun_when_its_customer_was_deleted_takes_no_trial_with_it_and_is_no_end() {
    let (app, owner, story) = stripe::app().await;
    let born = [("/created", json!(story.begin + 60))];
    app.expect(&story.event("customer.subscription.created", 60, story.state("incomplete", 0, &born)), "completed").await;
    app.expect(&story.event("customer.deleted", 90, json!({ "id": story.customer, "object": "customer" })), "completed").await;
    app.run_jobs().await;
    let rows = app.db_rows("SELECT provider, status FROM subscriptions ORDER BY provider").await;
    assert_eq!(rows, json!([{ "provider": "none", "status": "trialing" }, { "provider": "stripe", "status": "incomplete_expired" }]));
    let plan = owner.ok("{ viewer { account { entitlements { plan { key } } } } }", json!({})).await;
    assert_eq!(plan.data("viewer.account.entitlements.plan.key"), "pro");
    assert!(app.mails().iter().all(|mail| mail.mail != "billing"), "nothing has ended that had begun");
}
