//! A plan that is paid by bank debit: the money comes days after the checkout, or does not.

use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

/// Somebody without a trial, who has just paid by bank debit; the session's id.
async fn paid_by_debit(shop: &Shop) -> String {
    let session = shop.start(json!({ "seats": 2 })).await;
    assert_eq!(shop.pay(&session, "delayed"), "processing");
    session
}

fn the_money(shop: &Shop, success: bool) {
    let payment_intent = shop.sandbox.world(|world| {
        let waiting = world.all("payment_intent").find(|intent| intent["status"] == "processing").unwrap();
        waiting["id"].as_str().unwrap().to_owned()
    });
    shop.sandbox.act(Action::Settle { payment_intent, success }).unwrap();
}

/// What the account may do, and its payments.
async fn stands(shop: &Shop) -> (Value, Value) {
    let query = "{ viewer { account { entitlements { plan { key } reason } payments { nodes { status hostedInvoiceUrl } } } } }";
    let answer = shop.owner.ok(query, json!({})).await;
    (answer.data("viewer.account.entitlements"), answer.data("viewer.account.payments.nodes"))
}

const WAITS: &str = "The first payment for the Pro plan has not arrived yet. Until then, the Free plan counts.";

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_had_when_the_money_has_come() {
    for synced in [false, true] {
        let shop = Shop::open().await;
        let session = paid_by_debit(&shop).await;
        if synced {
            let answer = shop.sync(&session).await;
            assert_eq!(answer.data("syncCheckout.subscription.status"), "INCOMPLETE", "{}", answer.text());
        }
        shop.settle().await;
        assert_eq!(shop.subscription().await["status"], "INCOMPLETE");
        let on_its_way = json!([{ "status": "PENDING", "hostedInvoiceUrl": null }]);
        assert_eq!(stands(&shop).await, (json!({ "plan": { "key": "free" }, "reason": WAITS }), on_its_way));
        the_money(&shop, true);
        shop.settle().await;
        let now = shop.subscription().await;
        assert_eq!((&now["status"], &now["plan"]["key"], &now["seats"]), (&json!("ACTIVE"), &json!("pro"), &json!(2)));
        let (entitled, payments) = stands(&shop).await;
        assert_eq!((&entitled["plan"]["key"], &payments[0]["status"]), (&json!("pro"), &json!("SUCCEEDED")));
        assert_eq!(payments.as_array().unwrap().len(), 1, "{payments}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_does_not_come_gives_nothing_and_the_invoice_can_be_paid_with_a_card() {
    let shop = Shop::open().await;
    paid_by_debit(&shop).await;
    shop.settle().await;
    the_money(&shop, false);
    shop.settle().await;
    let (entitled, payments) = stands(&shop).await;
    assert_eq!(entitled, json!({ "plan": { "key": "free" }, "reason": WAITS }));
    assert_eq!((payments.as_array().unwrap().len(), &payments[0]["status"]), (1, &json!("FAILED")));
    let told = shop.subscription().await;
    assert_eq!((&told["status"], &told["needsAttention"]), (&json!("INCOMPLETE"), &json!("The last payment failed: check your card.")));
    assert_eq!(shop.app.db_value("SELECT status FROM checkouts").await, "failed");
    let page = payments[0]["hostedInvoiceUrl"].as_str().unwrap();
    let answer = reqwest::Client::new().post(page).form(&[("card", "works")]).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    shop.settle().await;
    assert_eq!(shop.subscription().await["status"], "ACTIVE");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_is_heard_of_before_its_checkout_is_one_payment_all_the_same() {
    for success in [true, false] {
        let shop = Shop::open().await;
        paid_by_debit(&shop).await;
        the_money(&shop, success);
        let mut waiting = shop.sandbox.take_deliveries();
        waiting.reverse();
        for signed in &waiting {
            shop.deliver_one(signed).await;
        }
        shop.settle().await;
        let paid = "SELECT status, amount, purpose, description, provider_subscription_id IS NOT NULL AS named FROM payments";
        let status = if success { "succeeded" } else { "failed" };
        let one = json!([{ "status": status, "amount": 5800, "purpose": "subscription", "description": "2 × Pro", "named": true }]);
        assert_eq!(shop.app.db_rows(paid).await, one);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_ours_goes_on_whether_the_purchase_beside_it_fails_or_is_given_up() {
    let shop = Shop::open().await;
    let trier = shop.app.sign_up("trier").await;
    shop.app.db_verify("trier").await;
    let shop = Shop { owner: trier, ..shop };
    let trial = shop.subscription().await;
    assert_eq!((&trial["status"], &trial["providerId"]), (&json!("TRIALING"), &Value::Null));
    paid_by_debit(&shop).await;
    shop.settle().await;
    assert_eq!(shop.subscription().await, trial, "while the money is on its way");
    assert_eq!(stands(&shop).await.1[0]["status"], "PENDING", "which is all that there is to see of it");
    the_money(&shop, false);
    shop.settle().await;
    assert_eq!(shop.subscription().await, trial, "when it has not come");
    let given_up = shop.changed("cancelSubscription", json!({})).await;
    assert_eq!(given_up, trial, "nothing but the purchase was given up");
    shop.settle().await;
    assert_eq!(shop.subscription().await, trial);
    assert_eq!(shop.app.db_value("SELECT status FROM subscriptions WHERE provider = 'stripe'").await, "incomplete_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_paid_can_be_given_up_and_bought_anew() {
    let shop = Shop::open().await;
    paid_by_debit(&shop).await;
    the_money(&shop, false);
    shop.settle().await;
    shop.changed("cancelSubscription", json!({})).await;
    shop.settle().await;
    let session = shop.start(json!({ "planKey": "starter" })).await;
    assert_eq!(shop.pay(&session, "works"), "paid");
    shop.settle().await;
    assert_eq!(shop.subscription().await["plan"]["key"], "starter");
    assert_eq!(shop.app.db_value("SELECT count(*) FROM subscriptions WHERE status = 'active'").await, 1);
}

/// Stripe would end the subscription at once, and the bank would pay for it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_paid_is_not_given_up_before_the_bank_has_answered() {
    for (immediately, success, status) in
        [(false, true, "ACTIVE"), (true, true, "CANCELED"), (false, false, "INCOMPLETE_EXPIRED"), (true, false, "INCOMPLETE_EXPIRED")]
    {
        let shop = Shop::open().await;
        paid_by_debit(&shop).await;
        shop.settle().await;
        let give_up = || json!({ "immediately": immediately, "idempotencyKey": "k" });
        for _ in 0..2 {
            let refused = shop.change("cancelSubscription", give_up()).await;
            assert_eq!(refused.refusals("cancelSubscription"), ["CHECKOUT_OPEN"], "{}", refused.text());
            let message = "A checkout was completed, and its payment is on the way: wait for it.";
            assert_eq!(refused.data("cancelSubscription.userErrors.0.message"), message);
            shop.settle().await;
            assert_eq!(shop.subscription().await["status"], "INCOMPLETE");
        }
        the_money(&shop, success);
        shop.settle().await;
        assert_eq!(shop.subscription().await["status"], if success { "ACTIVE" } else { "INCOMPLETE" });
        let given_up = shop.changed("cancelSubscription", give_up()).await;
        assert_eq!((&given_up["status"], given_up["cancelAt"].is_string()), (&json!(status), status == "ACTIVE"), "{given_up}");
        shop.settle().await;
        let open = shop.sandbox.world(|world| world.all("invoice").filter(|invoice| invoice["status"] == "open").count());
        assert_eq!(open, 0, "nobody can pay for what was given up");
    }
}

/// Its invoice is void, and then Stripe was gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_half_way_is_given_up_by_whoever_asks_next() {
    for buys_anew in [false, true] {
        let shop = Shop::open().await;
        paid_by_debit(&shop).await;
        the_money(&shop, false);
        shop.settle().await;
        let id = shop.subscription().await["providerId"].as_str().unwrap().to_owned();
        shop.sandbox.plan_fault(Fault::Reset, &format!("DELETE /v1/subscriptions/{id}"), 3);
        let refused = shop.change("cancelSubscription", json!({})).await;
        assert_eq!(refused.refusals("cancelSubscription"), ["STRIPE_UNAVAILABLE"]);
        assert_eq!(shop.sandbox.object(&id)["status"], "incomplete");
        if buys_anew {
            shop.start(json!({ "planKey": "starter" })).await;
        } else {
            assert_eq!(shop.changed("cancelSubscription", json!({})).await["status"], "INCOMPLETE_EXPIRED");
        }
        assert_eq!(shop.sandbox.object(&id)["status"], "incomplete_expired");
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_in_the_moment_in_which_it_is_given_up_is_had_until_the_period_ends() {
    let shop = Shop::open().await;
    paid_by_debit(&shop).await;
    the_money(&shop, false);
    shop.settle().await;
    let invoice = shop.sandbox.world(|world| world.all("invoice").next().unwrap()["id"].as_str().unwrap().to_owned());
    // Half a second passes between the reading and the voiding.
    shop.sandbox.plan_fault(Fault::Slow, "/v1/invoices", 1);
    let requests = shop.sandbox.requests("GET", "/v1/subscriptions");
    let (given_up, ()) = tokio::join!(shop.changed("cancelSubscription", json!({})), async {
        while shop.sandbox.requests("GET", "/v1/subscriptions") == requests {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        shop.sandbox.act(Action::PayInvoice { invoice, card: "works".into() }).unwrap();
    });
    assert_eq!((&given_up["status"], &given_up["cancelAt"]), (&json!("ACTIVE"), &given_up["currentPeriodEnd"]));
    shop.settle().await;
    assert_eq!(stands(&shop).await.0["plan"]["key"], "pro");
}

async fn has_paid_by_debit(shop: &Shop) -> String {
    paid_by_debit(shop).await;
    the_money(shop, true);
    shop.settle().await;
    shop.subscription().await["providerId"].as_str().unwrap().to_owned()
}

fn new_card(shop: &Shop, id: &str) {
    let customer = shop.sandbox.object(id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::NewCard { customer, card: "works".into() }).unwrap();
}

/// Stripe lets nothing wait for a bank debit, and what is not paid is not had.
#[tokio::test(flavor = "multi_thread")]
async fn who_pays_by_debit_adds_a_card_for_more_and_keeps_what_waits_until_then() {
    let shop = Shop::open().await;
    let id = has_paid_by_debit(&shop).await;
    let invoices = shop.count("invoice");
    for waits in [false, true] {
        if waits {
            shop.changed("changeSeats", json!({ "seats": 1 })).await;
            shop.settle().await;
        }
        for (mutation, input) in [("changePlan", json!({ "planKey": "enterprise" })), ("changeSeats", json!({ "seats": 3 }))] {
            let refused = shop.change(mutation, input).await;
            assert_eq!(refused.refusals(mutation), ["PAYMENT_REQUIRED"], "{mutation}: {}", refused.text());
            let message = refused.str(&format!("{mutation}.userErrors.0.message"));
            assert!(message.contains("add a card in the billing portal"), "{message}");
        }
        shop.settle().await;
        let now = shop.subscription().await;
        assert_eq!((&now["plan"]["key"], &now["seats"], now["pendingPlan"].is_object()), (&json!("pro"), &json!(2), waits));
        assert_eq!(shop.sandbox.object(&id)["schedule"].is_string(), waits);
    }
    assert_eq!(shop.count("invoice"), invoices);
    new_card(&shop, &id);
    assert_eq!(shop.changed("changeSeats", json!({ "seats": 3 })).await["seats"], 3);
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn during_a_trial_more_is_had_at_once_by_debit_too() {
    let shop = Shop::open().await;
    shop.app.db_execute("DELETE FROM trial_grants").await;
    let session = shop.start(json!({})).await;
    shop.pay(&session, "delayed");
    shop.settle().await;
    let up = shop.changed("changePlan", json!({ "planKey": "enterprise" })).await;
    assert_eq!((&up["plan"]["key"], &up["status"]), (&json!("enterprise"), &json!("TRIALING")));
    shop.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_and_adds_a_card_repeats_the_key() {
    let shop = Shop::open().await;
    let id = has_paid_by_debit(&shop).await;
    let more = || json!({ "seats": 3, "idempotencyKey": "more" });
    for _ in 0..2 {
        assert_eq!(shop.change("changeSeats", more()).await.refusals("changeSeats"), ["PAYMENT_REQUIRED"]);
    }
    new_card(&shop, &id);
    for _ in 0..2 {
        assert_eq!(shop.changed("changeSeats", more()).await["seats"], 3);
    }
    shop.settle().await;
    assert_eq!(shop.app.db_value("SELECT count(*) FROM payments WHERE billing_reason = 'subscription_update'").await, 1);
}
