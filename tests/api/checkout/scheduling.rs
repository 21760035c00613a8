//! What waits for the period's end: it changes the plan or the seats and nothing else.

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
