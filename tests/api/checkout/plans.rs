//! What is sold, at Stripe.

use fixpath::billing::jobs::BillingJob;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const OFFER: Job = Job::Billing(BillingJob::OfferPlans);

async fn prices(shop: &Shop) -> Value {
    let query = "SELECT plans.key, interval, unit_amount, provider_price_id FROM plan_prices JOIN plans ON plans.id = plan_id \
         WHERE retired_at IS NULL AND unit_amount > 0 ORDER BY plans.id, interval";
    shop.app.db_rows(query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_that_costs_something_becomes_a_product_with_its_prices() {
    let shop = Shop::open().await;
    shop.app.run_job(&OFFER).await;
    assert_eq!((shop.count("product"), shop.count("price")), (3, 6));
    for row in prices(&shop).await.as_array().unwrap() {
        let price = shop.sandbox.object(row["provider_price_id"].as_str().unwrap());
        assert_eq!(price["unit_amount"], row["unit_amount"]);
        assert_eq!(price["currency"], "usd");
        assert_eq!(price["recurring"]["interval"], row["interval"]);
    }
    let writes = shop.sandbox.requests("POST", "/v1/");
    shop.app.run_job(&OFFER).await;
    assert_eq!(shop.sandbox.requests("POST", "/v1/"), writes, "nothing is told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_and_not_heard_of_is_found_again() {
    let shop = Shop::open().await;
    for path in ["/v1/products", "/v1/prices"] {
        shop.sandbox.plan_fault(Fault::ResetAfter, path, 2);
    }
    shop.app.run_job(&OFFER).await;
    // Days later, when the idempotency keys are gone.
    shop.app
        .db_execute(
            "UPDATE plans SET provider_product_id = NULL, provider_revision = NULL; UPDATE plan_prices SET provider_price_id = NULL",
        )
        .await;
    shop.app.advance(chrono::TimeDelta::days(3));
    shop.app.run_job(&OFFER).await;
    assert_eq!((shop.count("product"), shop.count("price")), (3, 6));
    assert!(prices(&shop).await.as_array().unwrap().iter().all(|row| row["provider_price_id"].is_string()));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_amount_is_a_new_price_and_subscribers_keep_theirs() {
    let shop = Shop::open().await;
    let subscription = shop.subscribe(json!({})).await;
    let old = shop.sandbox.object(&subscription)["items"]["data"][0]["price"]["id"].as_str().unwrap().to_owned();
    let change =
        "UPDATE plan_prices SET retired_at = now() FROM plans WHERE plans.id = plan_id AND plans.key = 'pro' AND interval = 'month';
        INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, created_at)
        SELECT gen_random_uuid(), id, 'month', 3900, 'USD', now() FROM plans WHERE key = 'pro';
        UPDATE plans SET revision = revision + 1, name = 'Professional' WHERE key = 'pro'";
    shop.app.db_execute(change).await;
    shop.app.run_job(&OFFER).await;
    assert_eq!(shop.sandbox.object(&old)["active"], false);
    let product = shop.sandbox.object(&old)["product"].as_str().unwrap().to_owned();
    assert_eq!(shop.sandbox.object(&product)["name"], "Professional");
    let new = prices(&shop).await.as_array().unwrap().iter().find(|row| row["unit_amount"] == 3900).unwrap()["provider_price_id"].clone();
    assert_eq!(shop.sandbox.object(new.as_str().unwrap())["unit_amount"], 3900);
    // More seats, at the old price.
    shop.changed("changeSeats", json!({ "seats": 2 })).await;
    assert_eq!(shop.sandbox.object(&subscription)["items"]["data"][0]["price"]["id"], old);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_that_knows_nothing_of_it_is_told_everything_again() {
    let shop = Shop::open().await;
    let unknown = "UPDATE plans SET provider_product_id = 'prod_elsewhere', provider_revision = revision WHERE key = 'pro';
        UPDATE plan_prices SET provider_price_id = 'price_' || interval FROM plans WHERE plans.id = plan_id AND plans.key = 'pro';
        INSERT INTO customers (id, account_id, provider_customer_id, created_at)
        SELECT gen_random_uuid(), id, 'cus_elsewhere', now() FROM accounts";
    shop.app.db_execute(unknown).await;
    shop.subscribe(json!({})).await;
    assert_eq!(shop.subscription().await["plan"]["key"], "pro");
    assert_eq!((shop.count("customer"), shop.count("product")), (1, 1));
}
