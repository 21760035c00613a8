//! `buyCredits`.

use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use crate::support::Answer;
use crate::support::app::ORIGIN;
use crate::support::shop::Shop;

pub async fn buy(shop: &Shop, pack: &str, quantity: i32) -> Answer {
    buy_with(shop, pack, quantity, None).await
}

async fn buy_with(shop: &Shop, pack: &str, quantity: i32, key: Option<&str>) -> Answer {
    let query = "mutation($input: BuyCreditsInput!) { buyCredits(input: $input) { checkout { id url } userErrors { code message path } } }";
    let input = json!({ "packKey": pack, "quantity": quantity, "successUrl": format!("{ORIGIN}/ok"), "cancelUrl": format!("{ORIGIN}/no"),
        "idempotencyKey": key });
    shop.owner.ok(query, json!({ "input": input })).await
}

pub async fn balance(shop: &Shop) -> Value {
    shop.app.db_value("SELECT balance FROM credit_balances").await
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_there_once_they_are_paid_and_once_only() {
    let shop = Shop::open().await;
    let session = buy(&shop, "credits-500", 2).await.str("buyCredits.checkout.id");
    assert_eq!(shop.sandbox.object(&session)["amount_total"], 9000);
    assert_eq!(shop.pay(&session, "works"), "paid");
    shop.sync(&session).await;
    assert_eq!(balance(&shop).await, 1000);
    shop.sync(&session).await;
    shop.settle().await;
    assert_eq!(balance(&shop).await, 1000);
    assert_eq!(shop.app.db_value("SELECT count(*) FROM credit_entries").await, 1);
    let charge = shop.sandbox.world(|world| world.all("charge").next().unwrap()["id"].as_str().unwrap().to_owned());
    shop.sandbox.act(Action::Refund { charge, amount: Some(4500) }).unwrap();
    shop.settle().await;
    assert_eq!(balance(&shop).await, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_payment_grants_when_it_arrives() {
    let shop = Shop::open().await;
    let session = buy(&shop, "credits-100", 1).await.str("buyCredits.checkout.id");
    assert_eq!(shop.pay(&session, "delayed"), "processing");
    shop.sync(&session).await;
    shop.settle().await;
    assert_eq!(balance(&shop).await, Value::Null);
    let payment_intent = shop.sandbox.object(&session)["payment_intent"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::Settle { payment_intent, success: true }).unwrap();
    shop.settle().await;
    assert_eq!(balance(&shop).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_payment_that_fails_grants_nothing() {
    let shop = Shop::open().await;
    let session = buy(&shop, "credits-100", 1).await.str("buyCredits.checkout.id");
    shop.pay(&session, "delayed");
    shop.settle().await;
    let payment_intent = shop.sandbox.object(&session)["payment_intent"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::Settle { payment_intent, success: false }).unwrap();
    shop.settle().await;
    assert_eq!(balance(&shop).await, Value::Null);
    assert_eq!(shop.app.db_value("SELECT status FROM checkouts").await, "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_and_credits_are_bought_on_two_pages_at_once() {
    let shop = Shop::open().await;
    let plan = shop.start(json!({})).await;
    let credits = buy(&shop, "credits-100", 1).await.str("buyCredits.checkout.id");
    shop.pay(&credits, "works");
    shop.pay(&plan, "works");
    shop.settle().await;
    assert_eq!(balance(&shop).await, 100);
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
    assert_eq!(shop.count("customer"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sold_is_refused() {
    let shop = Shop::open().await;
    assert_eq!(buy(&shop, "credits-7", 1).await.refusals("buyCredits"), ["NOT_FOUND"]);
    assert_eq!(buy(&shop, "credits-100", 0).await.refusals("buyCredits"), ["INVALID"]);
    assert_eq!(buy(&shop, "credits-100", 101).await.refusals("buyCredits"), ["INVALID"]);
    assert_eq!(shop.count("checkout.session"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_the_same_page_whatever_became_of_the_pack() {
    let shop = Shop::open().await;
    let page = async || buy_with(&shop, "credits-100", 2, Some("k")).await.str("buyCredits.checkout.id");
    let first = page().await;
    for change in ["unit_amount = 2000, credits = 90", "on_sale = false"] {
        shop.app.db_execute(&format!("UPDATE credit_packs SET {change} WHERE key = 'credits-100'")).await;
        assert_eq!(page().await, first, "{change}");
    }
    for (pack, quantity) in [("credits-100", 1), ("credits-500", 2), ("credits-7", 2)] {
        let other = buy_with(&shop, pack, quantity, Some("k")).await;
        assert_eq!(other.refusals("buyCredits"), ["INVALID"], "{quantity} of {pack}");
        assert_eq!(other.data("buyCredits.userErrors.0.path"), json!(["idempotencyKey"]));
    }
    assert_eq!(shop.start_as(&shop.owner, json!({ "idempotencyKey": "k" })).await.refusals("startCheckout"), ["INVALID"]);
    assert_eq!(shop.pay(&first, "works"), "paid");
    shop.settle().await;
    assert_eq!(balance(&shop).await, 200);
}
