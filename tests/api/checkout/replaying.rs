//! Whoever repeats a key is answered by Stripe as before, and nothing is done. What is true by then is another matter.

use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

fn keyed(mut input: Value) -> Value {
    input["idempotencyKey"] = json!("lost");
    input
}

/// It is done at Stripe, and events tell of it; but all answers are lost.
async fn lost(shop: &Shop, path: &str, mutation: &str, input: Value) {
    shop.sandbox.plan_fault(Fault::ResetAfter, &format!("POST /v1/{path}"), 3);
    assert_eq!(shop.change(mutation, keyed(input)).await.refusals(mutation), ["STRIPE_UNAVAILABLE"]);
    shop.settle().await;
}

/// Its key is repeated when somebody else has changed the subscription: that is not told as done, and what is stored stays.
async fn is_looked_at_again(shop: &Shop, mutation: &str, input: Value) {
    shop.settle().await;
    let row = "SELECT status, seats, cancel_at, canceled_at, pending_plan_id, pending_seats, needs_refetch FROM subscriptions";
    let (before, mails) = (shop.app.db_rows(row).await, shop.app.mails().len());
    for _ in 0..2 {
        let again = shop.change(mutation, keyed(input.clone())).await;
        assert_eq!(again.refusals(mutation), ["WRONG_STATE"], "{}", again.text());
        let message = again.str(&format!("{mutation}.userErrors.0.message"));
        assert_eq!(message, "The subscription was changed meanwhile: look at it again.");
        assert_eq!(shop.app.db_rows(row).await, before);
        shop.settle().await;
    }
    assert_eq!((shop.app.db_rows(row).await, shop.app.mails().len()), (before, mails));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_was_taken_back_meanwhile_is_not_told_as_done() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    lost(&shop, &format!("subscriptions/{id}"), "cancelSubscription", json!({})).await;
    assert!(shop.subscription().await["cancelAt"].is_string());
    shop.changed("resumeSubscription", json!({})).await;
    is_looked_at_again(&shop, "cancelSubscription", json!({})).await;
    assert_eq!(shop.sandbox.object(&id)["cancel_at"], Value::Null);
    assert!(shop.changed("cancelSubscription", json!({ "idempotencyKey": "another" })).await["cancelAt"].is_string());
    // What the lost one has asked for is so now, whoever has done it.
    assert!(shop.changed("cancelSubscription", keyed(json!({}))).await["cancelAt"].is_string());
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumption_that_was_undone_meanwhile_is_not_told_as_done() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.changed("cancelSubscription", json!({})).await;
    lost(&shop, &format!("subscriptions/{id}"), "resumeSubscription", json!({})).await;
    shop.changed("cancelSubscription", json!({})).await;
    is_looked_at_again(&shop, "resumeSubscription", json!({})).await;
    assert!(shop.sandbox.object(&id)["cancel_at"].is_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_of_a_trial_that_were_changed_meanwhile_are_not_told_as_changed_back() {
    let shop = Shop::open().await;
    shop.app.db_execute("DELETE FROM trial_grants").await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    lost(&shop, &format!("subscriptions/{id}"), "changeSeats", json!({ "seats": 5 })).await;
    assert_eq!(shop.changed("changeSeats", json!({ "seats": 3 })).await["seats"], 3);
    is_looked_at_again(&shop, "changeSeats", json!({ "seats": 5 })).await;
    assert_eq!(shop.sandbox.object(&id)["items"]["data"][0]["quantity"], 3);
}

/// Its first step was done, and somebody has taken that back.
#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_whose_schedule_is_over_is_not_told_as_done() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    lost(&shop, "subscription_schedules", "changePlan", json!({ "planKey": "starter" })).await;
    assert!(shop.sandbox.object(&id)["schedule"].is_string());
    shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    is_looked_at_again(&shop, "changePlan", json!({ "planKey": "starter" })).await;
    assert_eq!(shop.sandbox.object(&id)["schedule"], Value::Null);
    assert_eq!(shop.changed("changePlan", json!({ "planKey": "starter" })).await["pendingPlan"]["key"], "starter");
    shop.settle().await;
}

/// The account has bought another one since.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_was_done_does_not_end_what_was_bought_since() {
    for immediately in [true, false] {
        let mut shop = Shop::open().await;
        let first = shop.subscribe(json!({})).await;
        let method = if immediately { "DELETE" } else { "POST" };
        shop.sandbox.plan_fault(Fault::ResetAfter, &format!("{method} /v1/subscriptions/{first}"), 3);
        let end = || keyed(json!({ "immediately": immediately }));
        assert_eq!(shop.change("cancelSubscription", end()).await.refusals("cancelSubscription"), ["STRIPE_UNAVAILABLE"]);
        shop.settle().await;
        if !immediately {
            shop.pass(chrono::TimeDelta::days(32)).await;
            shop.settle().await;
        }
        assert_eq!(shop.sandbox.object(&first)["status"], "canceled");
        let second = shop.subscribe(json!({ "planKey": "starter" })).await;
        let told = shop.changed("cancelSubscription", end()).await;
        assert_eq!((&told["status"], &told["cancelAt"]), (&json!("ACTIVE"), &Value::Null), "the other one goes on");
        shop.settle().await;
        let object = shop.sandbox.object(&second);
        assert_eq!((&object["status"], &object["cancel_at"]), (&json!("active"), &Value::Null));
        assert!(shop.changed("cancelSubscription", json!({})).await["cancelAt"].is_string());
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_subscription_that_is_over_is_not_made_to_another_one() {
    let shop = Shop::open().await;
    let first = shop.subscribe(json!({})).await;
    lost(&shop, &format!("subscriptions/{first}"), "changeSeats", json!({ "seats": 5 })).await;
    shop.changed("cancelSubscription", json!({ "immediately": true })).await;
    shop.settle().await;
    let second = shop.subscribe(json!({})).await;
    is_looked_at_again(&shop, "changeSeats", json!({ "seats": 5 })).await;
    assert_eq!(shop.sandbox.object(&second)["items"]["data"][0]["quantity"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_was_done_leaves_alone_what_waits_since() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    lost(&shop, &format!("subscriptions/{id}"), "changePlan", json!({ "planKey": "enterprise" })).await;
    shop.changed("changePlan", json!({ "planKey": "starter" })).await;
    shop.settle().await;
    let told = shop.changed("changePlan", keyed(json!({ "planKey": "enterprise" }))).await;
    assert_eq!((&told["plan"]["key"], &told["pendingPlan"]["key"]), (&json!("enterprise"), &json!("starter")));
    assert!(shop.sandbox.object(&id)["schedule"].is_string());
    shop.settle().await;
}

/// Whoever has it already does not take back what others have decided since.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_was_done_is_told_as_done_although_the_end_was_asked_for_since() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": "starter" })).await;
    lost(&shop, &format!("subscriptions/{id}"), "changePlan", json!({ "planKey": "pro" })).await;
    assert!(shop.changed("cancelSubscription", json!({})).await["cancelAt"].is_string());
    shop.settle().await;
    let again = shop.changed("changePlan", keyed(json!({ "planKey": "pro" }))).await;
    assert_eq!((&again["plan"]["key"], again["cancelAt"].is_string()), (&json!("pro"), true), "{again}");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_waits_for_its_payment_still_waits_when_its_key_is_repeated() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": "starter" })).await;
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::CardsBehave { customer, card: "declined".into() }).unwrap();
    lost(&shop, &format!("subscriptions/{id}"), "changePlan", json!({ "planKey": "pro" })).await;
    let invoice = shop.sandbox.object(&id)["latest_invoice"].clone();
    let told = shop.changed("changePlan", keyed(json!({ "planKey": "pro" }))).await;
    assert_eq!((&told["plan"]["key"], &told["pendingPlan"]["key"]), (&json!("starter"), &json!("pro")));
    assert_eq!(shop.sandbox.object(invoice.as_str().unwrap())["status"], "open");
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_seats_that_were_had_are_not_fewer_seats_later() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    lost(&shop, &format!("subscriptions/{id}"), "changeSeats", json!({ "seats": 5 })).await;
    assert_eq!(shop.changed("changeSeats", json!({ "seats": 8 })).await["seats"], 8);
    is_looked_at_again(&shop, "changeSeats", json!({ "seats": 5 })).await;
    let object = shop.sandbox.object(&id);
    assert_eq!((&object["items"]["data"][0]["quantity"], &object["schedule"]), (&json!(8), &Value::Null));
}

/// A single answer is lost, and asked for again within the call.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_as_it_was_asked_for_is_done() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({ "planKey": "starter" })).await;
    let subscription = format!("POST /v1/subscriptions/{id}");
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    let lose = async |path: &str| {
        shop.settle().await;
        shop.sandbox.plan_fault(Fault::ResetAfter, path, 1);
    };
    lose(&subscription).await;
    assert!(shop.changed("cancelSubscription", json!({})).await["cancelAt"].is_string());
    lose(&subscription).await;
    assert_eq!(shop.changed("resumeSubscription", json!({})).await["cancelAt"], Value::Null);
    lose(&subscription).await;
    assert_eq!(shop.changed("changeSeats", json!({ "seats": 3 })).await["seats"], 3);
    lose("POST /v1/subscription_schedules").await;
    assert_eq!(shop.changed("changeSeats", json!({ "seats": 2 })).await["pendingPlan"]["key"], "starter");
    let declined = Action::CardsBehave { customer, card: "declined".into() };
    shop.sandbox.act(declined).unwrap();
    lose(&subscription).await;
    let waits = shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    assert_eq!((&waits["plan"]["key"], &waits["pendingPlan"]["key"]), (&json!("starter"), &json!("pro")), "until it is paid");
    shop.settle().await;
}
