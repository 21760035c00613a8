//! Rules 4 and 14: credits have nothing to do with seats; what is written at Stripe is keyed, and no transaction waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::app::ORIGIN;
use crate::support::shop::Shop;

async fn buy_credits(shop: &Shop) {
    let query = "mutation($input: BuyCreditsInput!) { buyCredits(input: $input) { checkout { id } userErrors { code } } }";
    let input = json!({ "packKey": "credits-100", "successUrl": format!("{ORIGIN}/ok"), "cancelUrl": format!("{ORIGIN}/no") });
    let session = shop.owner.ok(query, json!({ "input": input })).await.str("buyCredits.checkout.id");
    assert_eq!(shop.pay(&session, "works"), "paid");
    shop.settle().await;
}

/// Rule 4.
#[tokio::test(flavor = "multi_thread")]
async fn seats_in_the_middle_of_a_period_grant_no_credits_again() {
    let mut shop = Shop::open().await;
    shop.subscribe(json!({ "seats": 2 })).await;
    buy_credits(&shop).await;
    let credits = "SELECT balance, shortfall, (SELECT count(*) FROM credit_entries) AS entries FROM credit_balances";
    let bought = json!([{ "balance": 100, "shortfall": 0, "entries": 1 }]);
    for seats in [5, 9, 3, 9] {
        shop.pass(chrono::TimeDelta::days(3)).await;
        shop.changed("changeSeats", json!({ "seats": seats })).await;
        shop.settle().await;
        assert_eq!(shop.app.db_rows(credits).await, bought, "{seats} seats");
    }
    let paid = "SELECT count(*) FROM payments WHERE purpose = 'subscription' AND status = 'succeeded'";
    assert_eq!(shop.app.db_value(paid).await, 3, "the first invoice, and twice more seats");
}

/// All that customers can make us write at Stripe.
async fn everything(shop: &Shop) {
    shop.subscribe(json!({ "planKey": "starter" })).await;
    buy_credits(shop).await;
    shop.changed("changePlan", json!({ "planKey": "pro" })).await;
    shop.changed("changeSeats", json!({ "seats": 3 })).await;
    shop.changed("changePlan", json!({ "planKey": "starter" })).await;
    shop.changed("cancelSubscription", json!({})).await;
    shop.changed("resumeSubscription", json!({})).await;
    let portal = "mutation($url: URL!) { openBillingPortal(input: { returnUrl: $url }) { url userErrors { code } } }";
    shop.owner.ok(portal, json!({ "url": format!("{ORIGIN}/plans") })).await;
    shop.changed("cancelSubscription", json!({ "immediately": true })).await;
    shop.settle().await;
}

/// Rule 14.
#[tokio::test(flavor = "multi_thread")]
async fn every_write_has_a_key_of_a_row_of_ours() {
    let shop = Shop::open().await;
    everything(&shop).await;
    let state = reqwest::get(format!("{}/sandbox/state", shop.sandbox.base_url())).await.unwrap();
    let state: Value = state.json().await.unwrap();
    let requests = state["requests"].as_array().unwrap();
    // Stripe heeds no key of a DELETE: what is gone cannot go twice.
    let writes: Vec<&Value> = requests.iter().filter(|request| request["method"] == "POST").collect();
    assert!(writes.len() > 15, "{}", writes.len());
    for write in &writes {
        let key = write["idempotency_key"].as_str().unwrap_or_else(|| panic!("no key: {write}"));
        // The row's id, and which of its calls it is.
        assert!(key.split(':').any(|part| fixpath::id::decode(part).is_some()), "{key} of {write}");
        // A time is none of ours: it would be another one for whoever asks again.
        assert!(!key.split(':').any(|part| part.len() > 5 && part.parse::<u64>().is_ok()), "{key} of {write}");
    }
    let mut keys: Vec<_> = writes.iter().map(|write| write["idempotency_key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), writes.len(), "nothing was lost, so nothing was repeated");
}

/// Rule 14.
#[tokio::test(flavor = "multi_thread")]
async fn no_transaction_is_open_while_stripe_is_waited_for() {
    let shop = Shop::open().await;
    // Half a second each.
    shop.sandbox.plan_fault(Fault::Slow, "/v1/", 1000);
    let over = AtomicBool::new(false);
    let watch = async {
        let open = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%' \
             AND now() - state_change > interval '300 ms'";
        let mut looks = 0;
        while !over.load(Ordering::Relaxed) {
            assert_eq!(shop.app.db_rows(open).await, json!([]));
            looks += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        looks
    };
    let buy = async {
        everything(&shop).await;
        over.store(true, Ordering::Relaxed);
    };
    let (looks, ()) = tokio::join!(watch, buy);
    assert!(looks > 50, "{looks}");
}
