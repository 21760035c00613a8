//! Prices that Stripe does not take, or was never told: they keep nobody from buying.

use std::time::Duration;

use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

/// More than Stripe takes.
const WRONG: &str =
    "UPDATE plan_prices SET unit_amount = 100000000 FROM plans WHERE plans.id = plan_id AND key = 'pro' AND interval = 'month'";

/// What staff do.
async fn change_price(shop: &Shop, amount: i64) {
    let sql = format!(
        "UPDATE plan_prices SET retired_at = now() FROM plans
         WHERE plans.id = plan_id AND key = 'pro' AND interval = 'month' AND retired_at IS NULL;
         INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, created_at)
         SELECT gen_random_uuid(), id, 'month', {amount}, 'USD', now() FROM plans WHERE key = 'pro'"
    );
    shop.app.db_execute(&sql).await;
}

async fn codes(shop: &Shop, more: Value) -> Vec<String> {
    shop.start_as(&shop.owner, more).await.refusals("startCheckout")
}

/// How many of our rows are open, and how many of Stripe's pages.
async fn open(shop: &Shop) -> (Value, usize) {
    let pages = shop.sandbox.world(|world| world.all("checkout.session").filter(|page| page["status"] == "open").count());
    (shop.app.db_value("SELECT count(*) FROM checkouts WHERE status = 'open'").await, pages)
}

async fn amount(shop: &Shop, more: Value) -> Value {
    let page = shop.start(more).await;
    shop.sandbox.object(&page)["amount_total"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_stripe_refuses_cannot_be_bought_and_keeps_nobody_from_other_plans() {
    let shop = Shop::open().await;
    shop.app.db_execute(WRONG).await;
    let refused = shop.start_as(&shop.owner, json!({ "idempotencyKey": "k" })).await;
    let sentence = "This plan cannot be bought at present: nothing was charged. Try again later.";
    let error = json!({ "code": "PLAN_UNAVAILABLE", "message": sentence, "path": ["planKey"] });
    assert_eq!(refused.data("startCheckout.userErrors.0"), error);
    assert_eq!(codes(&shop, json!({ "idempotencyKey": "k" })).await, ["WRONG_STATE"], "another key is needed");
    assert_eq!(codes(&shop, json!({})).await, ["PLAN_UNAVAILABLE"]);
    assert_eq!(open(&shop).await, (json!(0), 0), "no page is in the way");
    assert_eq!(amount(&shop, json!({ "planKey": "starter" })).await, 1200);
    change_price(&shop, 3900).await;
    assert_eq!(amount(&shop, json!({})).await, 3900);
    assert_eq!(open(&shop).await, (json!(1), 1));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_dinars_can_be_bought() {
    let shop = Shop::open().await;
    shop.app.db_execute("UPDATE plan_prices SET currency = 'KWD', unit_amount = 9990 WHERE unit_amount > 0").await;
    assert_eq!(amount(&shop, json!({})).await, 9990);
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_another_plan_is_told_the_same_of_a_price_that_stripe_refuses() {
    let shop = Shop::open().await;
    shop.subscribe(json!({ "planKey": "starter" })).await;
    shop.app.db_execute(WRONG).await;
    assert_eq!(shop.change("changePlan", json!({ "planKey": "pro" })).await.refusals("changePlan"), ["PLAN_UNAVAILABLE"]);
    shop.settle().await;
}

/// Stripe was away before it was told, and then staff have changed it.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_was_retired_before_stripe_was_told_keeps_nobody_from_buying() {
    for (again, refusals) in [
        (json!({ "planKey": "starter" }), &[][..]),
        (json!({ "idempotencyKey": "k" }), &["PLAN_UNAVAILABLE"]),
        (json!({ "idempotencyKey": "other" }), &["PLAN_UNAVAILABLE"]),
    ] {
        let shop = Shop::open().await;
        shop.sandbox.plan_fault(Fault::ServerError, "/v1/customers", 3);
        assert_eq!(codes(&shop, json!({ "idempotencyKey": "k" })).await, ["STRIPE_UNAVAILABLE"]);
        assert_eq!(open(&shop).await, (json!(1), 0));
        // The new price is wrong, too.
        change_price(&shop, 100_000_000).await;
        assert_eq!(codes(&shop, again.clone()).await, refusals, "{again}");
        change_price(&shop, 3900).await;
        assert_eq!(amount(&shop, json!({})).await, 3900, "{again}");
        assert_eq!(open(&shop).await, (json!(1), 1), "{again}");
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_is_retired_while_stripe_is_told_has_no_page() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::Slow, "POST /v1/prices", 2);
    let (told, ()) = tokio::join!(codes(&shop, json!({})), async {
        while shop.sandbox.requests("GET", "/v1/prices") == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        change_price(&shop, 3900).await;
    });
    assert_eq!((told, shop.count("checkout.session")), (vec!["PLAN_UNAVAILABLE".to_owned()], 0));
    assert_eq!(amount(&shop, json!({})).await, 3900);
    assert_eq!(open(&shop).await, (json!(1), 1));
    shop.settle().await;
}

/// The answer that told of it is lost: it could still be paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_nobody_has_heard_of_is_closed_before_another_is_opened_although_its_price_is_retired() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::ResetAfter, "/v1/checkout/sessions", 3);
    assert_eq!(codes(&shop, json!({})).await, ["STRIPE_UNAVAILABLE"]);
    assert_eq!(open(&shop).await, (json!(1), 1));
    change_price(&shop, 3900).await;
    assert_eq!(amount(&shop, json!({ "planKey": "starter" })).await, 1200);
    assert_eq!((open(&shop).await, shop.count("checkout.session")), ((json!(1), 1), 2));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_cannot_be_made_any_more_gives_way_to_another_at_once() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::Reset, "/v1/checkout/sessions", 3);
    assert_eq!(codes(&shop, json!({})).await, ["STRIPE_UNAVAILABLE"]);
    let price = "SELECT provider_price_id FROM plan_prices JOIN plans ON plans.id = plan_id WHERE key = 'pro' AND interval = 'month'";
    let price = shop.app.db_value(price).await;
    shop.post(&format!("prices/{}", price.as_str().unwrap()), &[("active", "false")]).await;
    assert_eq!(amount(&shop, json!({ "planKey": "starter" })).await, 1200);
    assert_eq!(open(&shop).await, (json!(1), 1));
    shop.settle().await;
}
