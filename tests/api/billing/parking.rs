//! What cannot be placed yet waits, and goes on by itself.

use serde_json::json;
use uuid::Uuid;

use crate::support::stripe::{self, Story, event, object, with};
use crate::support::{TestApp, people};

async fn status(app: &TestApp, kind: &str) -> serde_json::Value {
    app.db_value(&format!("SELECT status FROM webhook_deliveries WHERE type = '{kind}'")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_unknown_customer_wait_until_somebody_says_whose_it_is() {
    let (app, owner, _story) = stripe::app().await;
    let stranger = Story::new("stranger");
    for told in stranger.life() {
        let answer = app.deliver(&told).await;
        assert_eq!((answer.status.as_u16(), answer.json()["applied"] == json!(true)), (200, told["type"] == "invoice_payment.paid"));
    }
    assert_eq!(app.db_value("SELECT count(*) FROM webhook_deliveries WHERE status = 'parked'").await, json!(11));
    assert_eq!(app.db_value("SELECT count(*) FROM stripe_events").await, json!(1), "what is parked is not decided");

    let account = Uuid::from(people::ids(&owner).await.1).to_string();
    let customer = with(object("customer.updated"), &[("/id", json!(stranger.customer)), ("/metadata", json!({ "account": account }))]);
    app.expect(&stranger.event("customer.updated", 5, customer), "completed").await;
    app.run_jobs().await;
    assert_eq!(app.db_rows("SELECT type FROM webhook_deliveries WHERE status = 'parked'").await, json!([]));
    let row = "SELECT provider_subscription_id AS id, status FROM subscriptions WHERE provider = 'stripe'";
    assert_eq!(app.db_rows(row).await, json!([{ "id": stranger.subscription, "status": "canceled" }]));
    assert_eq!(app.db_value("SELECT count(*) FROM payments WHERE status = 'succeeded'").await, json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_waits_for_its_payment_whichever_event_joins_them() {
    let (app, _owner, story) = stripe::app().await;
    app.expect(&story.event("refund.created", 50, story.refund("re_1", 0, 2000, "succeeded")), "parked").await;
    app.expect(&story.event("invoice.paid", 1, story.invoice("paid", 0, &[])), "completed").await;
    app.run_jobs().await;
    assert_eq!(status(&app, "refund.created").await, json!("parked"), "nothing joins the invoice to the intent yet");
    app.expect(&story.event("invoice_payment.paid", 1, story.invoice_payment(0)), "completed").await;
    app.run_jobs().await;
    assert_eq!(status(&app, "refund.created").await, json!("completed"));
    let payment = app.db_rows("SELECT status, refunded FROM payments").await;
    assert_eq!(payment, json!([{ "status": "partially_refunded", "refunded": 2000 }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_price_waits_and_is_found_within_a_minute() {
    let (app, _owner, story) = stripe::app().await;
    let other = [("/items/data/0/price/id", json!("price_new")), ("/items/data/0/price/product", json!("prod_new"))];
    let told = story.event("customer.subscription.created", 0, story.state("active", 0, &other));
    app.expect(&told, "parked").await;
    app.run_job(&fixpath::jobs::Job::Billing(fixpath::billing::jobs::BillingJob::RetryOverdue)).await;
    assert_eq!(status(&app, "customer.subscription.created").await, json!("parked"));
    app.db_execute("UPDATE plan_prices SET provider_price_id = 'price_new' WHERE provider_price_id = 'price_pro_month'").await;
    app.run_job(&fixpath::jobs::Job::Billing(fixpath::billing::jobs::BillingJob::RetryOverdue)).await;
    assert_eq!(status(&app, "customer.subscription.created").await, json!("completed"));
    app.expect(&told, "duplicate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_at_stripe_is_noticed() {
    let (app, _owner, _story) = stripe::app().await;
    app.db_execute("UPDATE plans SET provider_product_id = 'prod_pro' WHERE key = 'pro'").await;
    let note = async || app.db_value("SELECT provider_note FROM plans WHERE key = 'pro'").await;
    let product =
        |kind: &str, name: &str| event(kind, 1, with(object("product.created"), &[("/id", json!("prod_pro")), ("/name", json!(name))]));
    app.expect(&product("product.updated", "Pro"), "completed").await;
    assert_eq!(note().await, json!(null));
    app.expect(&product("product.updated", "Professional"), "completed").await;
    assert_eq!(note().await, json!("its product is called `Professional` at Stripe"));
    let alerts = async || app.db_rows("SELECT kind, subject FROM alerts WHERE closed_at IS NULL").await;
    let alert = |subject: &str| json!([{ "kind": "plan_differs", "subject": subject }]);
    assert_eq!(alerts().await, alert("prod_pro"));
    app.expect(&product("product.updated", "Pro"), "completed").await;
    assert_eq!(alerts().await, json!([]));
    let price = |amount: i64| with(object("price.created"), &[("/id", json!(stripe::PRO)), ("/unit_amount", json!(amount))]);
    app.expect(&event("price.updated", 2, price(2900)), "completed").await;
    assert_eq!(note().await, json!(null));
    app.expect(&event("price.updated", 3, price(1)), "completed").await;
    assert_eq!(note().await, json!("the price price_pro_month is 1 at Stripe and 2900 here"));
    assert_eq!(alerts().await, alert(stripe::PRO));
    app.expect(&event("product.created", 3, object("product.created")), "ignored").await;
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_no_customer_waits_for_its_subscription() {
    let (app, _owner, story) = stripe::app().await;
    let invoice = story.invoice("paid", 0, &[("/customer", json!(null)), ("/customer_email", json!(null))]);
    app.expect(&story.event("invoice.paid", 1, invoice), "parked").await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.run_jobs().await;
    assert_eq!(status(&app, "invoice.paid").await, json!("completed"));
    assert_eq!(app.db_rows("SELECT status FROM payments").await, json!([{ "status": "succeeded" }]));
}
