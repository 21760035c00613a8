//! Promotion codes that are not for everybody.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::ORIGIN;
use crate::support::shop::Shop;

/// A code that takes so much off, and whatever else is said of it.
async fn code(shop: &Shop, word: &str, percent: &str, more: &[(&str, &str)]) -> Value {
    let coupon = shop.post("coupons", &[("percent_off", percent), ("duration", "forever")]).await;
    let form = [("promotion[type]", "coupon"), ("promotion[coupon]", coupon["id"].as_str().unwrap()), ("code", word)];
    shop.post("promotion_codes", &[&form[..], more].concat()).await
}

async fn amount(shop: &Shop, word: &str) -> Value {
    let page = shop.start(json!({ "promotionCode": word })).await;
    shop.sandbox.object(&page)["amount_total"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_a_code_for_several_customers_is_each_ones_own() {
    let shop = Shop::open().await;
    let page = shop.start(json!({})).await;
    let ours = shop.sandbox.object(&page)["customer"].as_str().unwrap().to_owned();
    let other = shop.post("customers", &[]).await["id"].as_str().unwrap().to_owned();
    let refused = async || {
        let answer = shop.start_as(&shop.owner, json!({ "promotionCode": "WELCOME" })).await;
        let error = answer.data("startCheckout.userErrors.0");
        (error["code"].clone(), error["path"].clone())
    };
    // The newest goes first in Stripe's list.
    code(&shop, "WELCOME", "10", &[("customer", &other)]).await;
    assert_eq!(refused().await, (json!("INVALID"), json!(["promotionCode"])), "it is another one's");
    code(&shop, "WELCOME", "20", &[]).await;
    let another = shop.post("customers", &[]).await["id"].as_str().unwrap().to_owned();
    code(&shop, "WELCOME", "30", &[("customer", &another)]).await;
    assert_eq!(amount(&shop, "WELCOME").await, 2320);
    code(&shop, "WELCOME", "50", &[("customer", &ours)]).await;
    for number in 0..3 {
        let one_more = shop.post("customers", &[("name", &number.to_string())]).await["id"].as_str().unwrap().to_owned();
        code(&shop, "WELCOME", "40", &[("customer", &one_more)]).await;
    }
    assert_eq!(amount(&shop, "WELCOME").await, 1450);
    assert_eq!(shop.count("promotion_code"), 7);
    shop.settle().await;
}

/// Stripe names no parameter.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_this_customer_cannot_use_is_refused_in_words() {
    let shop = Shop::open().await;
    code(&shop, "FIRST", "50", &[("restrictions[first_time_transaction]", "true")]).await;
    assert_eq!(amount(&shop, "FIRST").await, 1450);
    shop.subscribe(json!({})).await;
    shop.changed("cancelSubscription", json!({ "immediately": true })).await;
    shop.settle().await;
    let refused = shop.start_as(&shop.owner, json!({ "promotionCode": "FIRST" })).await;
    let message = "This promotion code cannot be redeemed because the associated customer has prior transactions.";
    let error = json!({ "code": "INVALID", "message": message, "path": ["promotionCode"] });
    assert_eq!(refused.data("startCheckout.userErrors.0"), error);
    shop.start(json!({})).await;
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_of_stripe_a_code_changes_nothing() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_verify("owner").await;
    let query = "mutation($input: StartCheckoutInput!) { startCheckout(input: $input) { userErrors { code message } } }";
    for code in [Value::Null, json!("WELCOME")] {
        let input = json!({ "planKey": "pro", "successUrl": ORIGIN, "cancelUrl": ORIGIN, "promotionCode": code });
        let told = owner.ok(query, json!({ "input": input })).await.data("startCheckout.userErrors");
        assert_eq!(told, json!([{ "code": "STRIPE_UNAVAILABLE", "message": "payments are not set up on this server" }]), "{code}");
    }
}
