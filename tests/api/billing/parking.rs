//! What cannot be placed yet waits, and goes on by itself.

use chrono::TimeDelta;
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
    let product =
        |kind: &str, name: &str| event(kind, 1, with(object("product.created"), &[("/id", json!("prod_pro")), ("/name", json!(name))]));
    let message = async || app.db_value("SELECT message FROM alerts WHERE closed_at IS NULL").await;
    app.expect(&product("product.updated", "Pro"), "completed").await;
    assert_eq!(message().await, json!(null));
    app.expect(&product("product.updated", "Professional"), "completed").await;
    let undo = "undo that there, or change the plan with updatePlan.";
    assert_eq!(message().await, format!("The plan `pro` was changed at Stripe: its product is called `Professional` there; {undo}"));
    let alerts = async || app.db_rows("SELECT kind, subject FROM alerts WHERE closed_at IS NULL").await;
    let alert = |subject: &str| json!([{ "kind": "plan_differs", "subject": subject }]);
    assert_eq!(alerts().await, alert("prod_pro"));
    app.expect(&product("product.updated", "Pro"), "completed").await;
    assert_eq!(alerts().await, json!([]));
    let price = |amount: i64| with(object("price.created"), &[("/id", json!(stripe::PRO)), ("/unit_amount", json!(amount))]);
    app.expect(&event("price.updated", 2, price(2900)), "completed").await;
    assert_eq!(message().await, json!(null));
    app.expect(&event("price.updated", 3, price(1)), "completed").await;
    let told = format!("The plan `pro` was changed at Stripe: the price price_pro_month is 1 there and 2900 here; {undo}");
    assert_eq!(message().await, told);
    assert_eq!(alerts().await, alert(stripe::PRO));
    // One of the two is well again, and the other is not: each has its own alert.
    app.expect(&product("product.updated", "Professional"), "completed").await;
    app.expect(&event("price.updated", 4, price(2900)), "completed").await;
    assert_eq!(alerts().await, alert("prod_pro"));
    app.expect(&event("product.created", 3, object("product.created")), "ignored").await;
    app.run_jobs().await;
}

/// What has failed is sent again, after what followed it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_at_stripe_before_says_nothing_of_now() {
    let (app, _owner, _story) = stripe::app().await;
    app.db_execute("UPDATE plans SET provider_product_id = 'prod_pro' WHERE key = 'pro'").await;
    let alerts = async || app.db_rows("SELECT subject FROM alerts WHERE closed_at IS NULL ORDER BY subject").await;
    let told = |kind: &str, id: &str, at: i64, active: bool| {
        let changes = [("/id", json!(id)), ("/active", json!(active)), ("/unit_amount", json!(2900)), ("/name", json!("Pro"))];
        event(&format!("{kind}.updated"), at, with(object(&format!("{kind}.created")), &changes))
    };
    for (kind, id) in [("product", "prod_pro"), ("price", stripe::PRO)] {
        app.expect(&told(kind, id, 2, false), "completed").await;
        app.expect(&told(kind, id, 1, true), "stale").await;
    }
    assert_eq!(alerts().await, json!([{ "subject": stripe::PRO }, { "subject": "prod_pro" }]));
    for (kind, id) in [("product", "prod_pro"), ("price", stripe::PRO)] {
        app.expect(&told(kind, id, 3, true), "completed").await;
        app.expect(&told(kind, id, 2, false), "stale").await;
    }
    assert_eq!(alerts().await, json!([]));
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

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_vain_is_dead_after_a_week_and_goes_on_all_the_same_once_its_subscription_appears() {
    let (app, _owner, story) = stripe::app().await;
    super::plans::staff(&app).await;
    let minute = async || app.run_job(&fixpath::jobs::Job::Billing(fixpath::billing::jobs::BillingJob::RetryOverdue)).await;
    let invoice = story.invoice("paid", 0, &[("/customer", json!(null)), ("/customer_email", json!(null))]);
    let told = story.event("invoice.paid", 1, invoice);
    app.expect(&told, "parked").await;
    app.advance(TimeDelta::days(7));
    // After a week one signs in anew.
    let support = people::device(&app, "support").await.0;
    let alerts = async || support.ok("{ staff { alerts { kind message } } }", json!({})).await.data("staff.alerts");
    minute().await;
    assert_eq!(status(&app, "invoice.paid").await, json!("parked"), "the week is not over");
    assert_eq!(alerts().await[0]["kind"], "parked_deliveries");
    let message = alerts().await[0]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("After 7 days each is DEAD."), "{message}");
    app.advance(TimeDelta::seconds(1));
    minute().await;
    assert_eq!(alerts().await, json!([]), "nothing waits, and nothing has failed");

    let query = "query($event: String!) { staff { webhookDelivery(eventId: $event) { status decision lastError attempts } } }";
    let shown = support.ok(query, json!({ "event": told["id"] })).await.data("staff.webhookDelivery");
    let id = &story.subscription;
    let expected = json!({ "status": "DEAD", "decision": format!("the subscription {id} is not known yet"),
        "lastError": format!("it has waited in vain: {id} never appeared"), "attempts": 0 });
    assert_eq!(shown, expected);
    let retry = "mutation($events: [String!]) { retryWebhooks(input: { eventIds: $events }) { retried succeeded deliveries { status } } }";
    let retried = async |events: serde_json::Value| support.ok(retry, json!({ "events": events })).await.data("retryWebhooks");
    assert_eq!(retried(json!(null)).await["retried"], 0, "it would find the same");
    let by_name = retried(json!([told["id"]])).await;
    assert_eq!((&by_name["retried"], &by_name["deliveries"][0]["status"]), (&json!(1), &json!("PARKED")));
    minute().await;
    assert_eq!((status(&app, "invoice.paid").await, alerts().await), (json!("dead"), json!([])));

    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.run_jobs().await;
    assert_eq!(status(&app, "invoice.paid").await, json!("completed"));
    assert_eq!(app.db_rows("SELECT status FROM payments").await, json!([{ "status": "succeeded" }]));
}

/// A customer of ours buys something else there. What waits after that is news again.
#[tokio::test(flavor = "multi_thread")]
async fn what_else_a_known_customer_buys_is_given_up_as_well() {
    let (app, _owner, story) = stripe::app().await;
    let minute = async || {
        app.run_job(&fixpath::jobs::Job::Billing(fixpath::billing::jobs::BillingJob::RetryOverdue)).await;
        app.db_value("SELECT count(*) FROM alerts WHERE kind = 'parked_deliveries' AND closed_at IS NULL").await
    };
    let other = [("/items/data/0/price/id", json!("price_other")), ("/items/data/0/price/product", json!("prod_other"))];
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &other)), "parked").await;
    app.advance(TimeDelta::days(7));
    assert_eq!(minute().await, json!(1));
    app.advance(TimeDelta::seconds(1));
    assert_eq!(minute().await, json!(0));
    assert_eq!(status(&app, "customer.subscription.created").await, json!("dead"));
    let stranger = Story::new("stranger");
    app.expect(&stranger.event("invoice.paid", 0, stranger.invoice("paid", 0, &[])), "parked").await;
    app.advance(TimeDelta::minutes(2));
    assert_eq!(minute().await, json!(1));
    assert_eq!(app.db_value("SELECT count(*) FROM alerts").await, json!(2), "staff are told anew");
    // It was ours after all.
    app.db_execute("UPDATE plan_prices SET provider_price_id = 'price_other' WHERE provider_price_id = 'price_pro_month'").await;
    minute().await;
    assert_eq!(status(&app, "customer.subscription.created").await, json!("completed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_after_a_week_although_nobody_has_said_so_is_not_given_up() {
    let (app, _owner, _story) = stripe::app().await;
    let late = Story::new("late");
    app.expect(&late.event("invoice.paid", 1, late.invoice("paid", 0, &[])), "parked").await;
    app.advance(TimeDelta::days(30));
    late.link(&app, super::permutations::account(&app).await).await;
    app.run_job(&fixpath::jobs::Job::Billing(fixpath::billing::jobs::BillingJob::RetryOverdue)).await;
    assert_eq!(status(&app, "invoice.paid").await, json!("completed"));
}
