//! What waits for the period's end: it changes the plan or the seats and nothing else, and it is known here, whoever has made it.

use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const STARTER: &str = "starter";

/// With a promotion code that takes half off; the subscription's id.
async fn half_off(shop: &Shop, duration: &str, seats: i32) -> String {
    shop.post("coupons", &[("id", "half"), ("percent_off", "50"), ("duration", duration)]).await;
    shop.post("promotion_codes", &[("promotion[type]", "coupon"), ("promotion[coupon]", "half"), ("code", "HALF")]).await;
    shop.subscribe(json!({ "promotionCode": "HALF", "seats": seats })).await
}

async fn next_period(shop: &mut Shop) {
    shop.settle().await;
    shop.pass(chrono::TimeDelta::days(32)).await;
    shop.settle().await;
}

async fn paid(shop: &Shop) -> Value {
    shop.app.db_value("SELECT json_agg(amount ORDER BY created_at) FROM payments").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_code_holds_after_a_downgrade_and_with_fewer_seats() {
    for (operation, input, after) in [("changePlan", json!({ "planKey": STARTER }), 1200), ("changeSeats", json!({ "seats": 1 }), 1450)] {
        let mut shop = Shop::open().await;
        let id = half_off(&shop, "forever", 2).await;
        let discounts = shop.sandbox.object(&id)["discounts"].clone();
        shop.changed(operation, input).await;
        assert_eq!(shop.sandbox.object(&id)["discounts"], discounts, "{operation}: until then, too");
        next_period(&mut shop).await;
        assert_eq!(paid(&shop).await, json!([2900, after]), "{operation}");
        assert_eq!(shop.sandbox.object(&id)["discounts"], discounts, "{operation}: it is the same one, and did not begin anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_code_for_once_is_not_given_twice() {
    let mut shop = Shop::open().await;
    half_off(&shop, "once", 2).await;
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    // Another one in its place.
    shop.changed("changePlan", json!({ "planKey": STARTER, "seats": 1 })).await;
    next_period(&mut shop).await;
    assert_eq!(paid(&shop).await, json!([2900, 1200]));
}

/// Checkout stores the card with the subscription, not with the customer.
#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_is_paid_with_the_card_of_the_checkout() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({ "seats": 2 })).await;
    let customer = shop.sandbox.object(shop.sandbox.object(&id)["customer"].as_str().unwrap());
    assert_eq!(customer["invoice_settings"]["default_payment_method"], Value::Null);
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    next_period(&mut shop).await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["status"], &now["needsAttention"]), (&json!(STARTER), &json!("ACTIVE"), &Value::Null));
    let paid = shop.app.db_value("SELECT json_agg(amount ORDER BY created_at) FROM payments WHERE status = 'succeeded'").await;
    assert_eq!(paid, json!([5800, 2400]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_is_paid_for_stays() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    let support = shop.post("products", &[("name", "A person who comes")]).await["id"].clone();
    let price = [("product", support.as_str().unwrap()), ("unit_amount", "500"), ("currency", "usd"), ("recurring[interval]", "month")];
    let price = shop.post("prices", &price).await["id"].clone();
    let item = [("subscription", id.as_str()), ("price", price.as_str().unwrap()), ("quantity", "3"), ("proration_behavior", "none")];
    shop.post("subscription_items", &item).await;
    shop.settle().await;
    let method = shop.sandbox.object(&id)["default_payment_method"].clone();
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    next_period(&mut shop).await;
    assert_eq!(paid(&shop).await, json!([2900, 1200 + 3 * 500]));
    assert_eq!(shop.sandbox.object(&id)["default_payment_method"], method);
}

/// All three answers are lost: it stands at Stripe, and nobody has written it down here.
#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_whose_answer_was_lost_is_known_all_the_same() {
    let shop = Shop::open().await;
    shop.subscribe(json!({ "seats": 2 })).await;
    shop.sandbox.plan_fault(Fault::ServerErrorAfter, "/v1/subscription_schedules/", 3);
    let refused = shop.change("changePlan", json!({ "planKey": STARTER, "seats": 1 })).await;
    assert_eq!(refused.refusals("changePlan"), ["STRIPE_UNAVAILABLE"]);
    assert_eq!(shop.subscription().await["pendingPlan"], Value::Null);
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], STARTER);
    let row = "SELECT pending_interval, pending_seats FROM subscriptions WHERE provider = 'stripe'";
    assert_eq!(shop.app.db_rows(row).await, json!([{ "pending_interval": "month", "pending_seats": 1 }]));
    // Another one takes its place, and nobody hears of that either.
    shop.sandbox.plan_fault(Fault::ServerErrorAfter, "POST /v1/subscription_schedules/", 3);
    let refused = shop.change("changePlan", json!({ "planKey": STARTER, "seats": 2 })).await;
    assert_eq!(refused.refusals("changePlan"), ["STRIPE_UNAVAILABLE"]);
    shop.settle().await;
    assert_eq!(shop.app.db_rows(row).await, json!([{ "pending_interval": "month", "pending_seats": 2 }]));
    shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_that_was_scheduled_at_stripe_is_known_here() {
    let mut shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.app.run_job(&Job::Billing(BillingJob::OfferPlans)).await;
    let schedule = shop.post("subscription_schedules", &[("from_subscription", &id)]).await;
    let phase = &schedule["phases"][0];
    let (start, end) = (phase["start_date"].to_string(), phase["end_date"].to_string());
    let starter = "SELECT provider_price_id FROM plan_prices JOIN plans ON plans.id = plan_id WHERE key = 'starter' AND interval = 'year'";
    let starter = shop.app.db_value(starter).await.as_str().unwrap().to_owned();
    let form = [
        ("phases[0][default_payment_method]", phase["default_payment_method"].as_str().unwrap()),
        ("phases[1][default_payment_method]", phase["default_payment_method"].as_str().unwrap()),
        ("phases[0][items][0][price]", phase["items"][0]["price"].as_str().unwrap()),
        ("phases[0][start_date]", &start),
        ("phases[0][end_date]", &end),
        ("phases[1][items][0][price]", &starter),
        ("phases[1][items][0][quantity]", "1"),
    ];
    let path = format!("subscription_schedules/{}", schedule["id"].as_str().unwrap());
    assert_eq!(shop.post(&path, &form).await["object"], "subscription_schedule");
    let reads = shop.sandbox.requests("GET", "/v1/subscription");
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], STARTER);
    assert_eq!(shop.app.db_value("SELECT pending_interval FROM subscriptions WHERE provider = 'stripe'").await, "year");
    assert_eq!(shop.sandbox.requests("GET", "/v1/subscription") - reads, 2, "the subscription and its schedule");
    next_period(&mut shop).await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["interval"], &now["pendingPlan"]), (&json!(STARTER), &json!("YEAR"), &Value::Null));
}

/// Half a second passes between the reading and the making of the schedule.
#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_writes_back_nothing_that_was_changed_at_that_moment() {
    for (more, ends) in [(true, false), (false, true)] {
        let shop = Shop::open().await;
        let id = shop.subscribe(json!({ "seats": 2 })).await;
        let item = shop.sandbox.object(&id)["items"]["data"][0]["id"].clone();
        shop.sandbox.plan_fault(Fault::Slow, "POST /v1/subscription_schedules", 1);
        let path = format!("/v1/subscriptions/{id}");
        let reads = shop.sandbox.requests("GET", &path);
        let (down, ()) = tokio::join!(shop.change("changePlan", json!({ "planKey": STARTER })), async {
            while shop.sandbox.requests("GET", &path) == reads {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            let params = if more { json!({ "items": [{ "id": item, "quantity": 10 }] }) } else { json!({ "cancel_at_period_end": true }) };
            shop.sandbox.act(Action::Update { subscription: id.clone(), params }).unwrap();
        });
        assert_eq!(down.refusals("changePlan"), ["WRONG_STATE"], "{}", down.text());
        let object = shop.sandbox.object(&id);
        assert_eq!((&object["items"]["data"][0]["quantity"], object["cancel_at"].is_number()), (&json!(if more { 10 } else { 2 }), ends));
        assert_eq!(object["schedule"], Value::Null, "the one that was made is no longer wanted");
        shop.settle().await;
        let now = shop.subscription().await;
        assert_eq!((&now["pendingPlan"], now["cancelAt"].is_string()), (&Value::Null, ends));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_changes_nothing_is_read_once() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    let reads = shop.sandbox.requests("GET", "/v1/subscription");
    shop.post("subscription_schedules", &[("from_subscription", &id)]).await;
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"], Value::Null);
    assert_eq!(shop.sandbox.requests("GET", "/v1/subscription") - reads, 2);
}
