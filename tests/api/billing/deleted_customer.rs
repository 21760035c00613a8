//! Rule 7: a deleted customer is a tombstone.

use serde_json::{Value, json};

use crate::support::stripe;

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
