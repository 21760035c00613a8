//! What waits for its payment is not had, and whoever wants something else instead can no longer pay for it.

use std::time::Duration;

use fixpath::stripe::sandbox::actions::Action;
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::{Value, json};

use crate::support::shop::Shop;

const STARTER: &str = "starter";

fn cards(shop: &Shop, id: &str, card: &str) {
    let customer = shop.sandbox.object(id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::CardsBehave { customer, card: card.into() }).unwrap();
}

fn latest_invoice(shop: &Shop, id: &str) -> String {
    shop.sandbox.object(id)["latest_invoice"].as_str().unwrap().to_owned()
}

fn price(shop: &Shop, id: &str) -> Value {
    shop.sandbox.object(id)["items"]["data"][0]["price"]["unit_amount"].clone()
}

/// Has a plan, and an upgrade to another that this card does not pay; the subscription, and the invoice.
async fn unpaid(shop: &Shop, has: &str, wants: &str, card: &str) -> (String, String) {
    let id = shop.subscribe(json!({ "planKey": has })).await;
    cards(shop, &id, card);
    assert_eq!(shop.changed("changePlan", json!({ "planKey": wants })).await["pendingPlan"]["key"], wants);
    shop.settle().await;
    let invoice = latest_invoice(shop, &id);
    assert_eq!(shop.sandbox.object(&invoice)["status"], "open");
    (id, invoice)
}

fn is_over(shop: &Shop, invoice: &str) {
    assert_eq!(shop.sandbox.object(invoice)["status"], "void");
    assert!(shop.sandbox.act(Action::PayInvoice { invoice: invoice.to_owned(), card: "works".into() }).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_not_paid_can_be_taken_back() {
    for card in ["declined", "confirm_always"] {
        let shop = Shop::open().await;
        let (id, invoice) = unpaid(&shop, STARTER, "pro", card).await;
        assert_eq!(shop.change("changeSeats", json!({ "seats": 2 })).await.refusals("changeSeats"), ["WRONG_STATE"], "{card}");
        let back = shop.changed("changePlan", json!({ "planKey": STARTER })).await;
        assert_eq!((&back["plan"]["key"], &back["pendingPlan"]), (&json!(STARTER), &Value::Null), "{card}");
        is_over(&shop, &invoice);
        assert_eq!((price(&shop, &id), &shop.sandbox.object(&id)["pending_update"]), (json!(1200), &Value::Null), "{card}");
        shop.settle().await;
        let now = shop.subscription().await;
        assert_eq!((&now["pendingPlan"], &now["needsAttention"]), (&Value::Null, &Value::Null), "{card}");
        cards(&shop, &id, "works");
        assert_eq!(shop.changed("changeSeats", json!({ "seats": 2 })).await["seats"], 2, "{card}");
        shop.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_at_that_moment_is_had_and_not_taken_back() {
    let shop = Shop::open().await;
    let (id, invoice) = unpaid(&shop, STARTER, "pro", "declined").await;
    let path = format!("/v1/subscriptions/{id}");
    let reads = shop.sandbox.requests("GET", &path);
    shop.sandbox.plan_fault(Fault::Slow, "/v1/invoices/", 1);
    let (back, ()) = tokio::join!(shop.change("changePlan", json!({ "planKey": STARTER })), async {
        while shop.sandbox.requests("GET", &path) == reads {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        shop.sandbox.act(Action::PayInvoice { invoice: invoice.clone(), card: "works".into() }).unwrap();
    });
    assert_eq!(back.refusals("changePlan"), ["WRONG_STATE"], "{}", back.text());
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["pendingPlan"]), (&json!("pro"), &Value::Null), "before any event has told it");
    shop.settle().await;
    assert_eq!((shop.subscription().await["plan"]["key"].clone(), price(&shop, &id)), (json!("pro"), json!(2900)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_upgrade_takes_its_place() {
    let shop = Shop::open().await;
    let (id, first) = unpaid(&shop, STARTER, "pro", "declined").await;
    let other = shop.changed("changePlan", json!({ "planKey": "enterprise" })).await;
    assert_eq!(other["pendingPlan"]["key"], "enterprise");
    is_over(&shop, &first);
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], "enterprise");
    let second = latest_invoice(&shop, &id);
    cards(&shop, &id, "works");
    assert_eq!(shop.changed("changePlan", json!({ "planKey": "pro" })).await["plan"]["key"], "pro");
    is_over(&shop, &second);
    shop.settle().await;
    let now = shop.subscription().await;
    assert_eq!((&now["plan"]["key"], &now["pendingPlan"], &now["needsAttention"]), (&json!("pro"), &Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_takes_its_place() {
    let shop = Shop::open().await;
    let (id, invoice) = unpaid(&shop, "pro", "enterprise", "declined").await;
    let down = shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    assert_eq!((&down["plan"]["key"], &down["pendingPlan"]["key"]), (&json!("pro"), &json!(STARTER)));
    is_over(&shop, &invoice);
    shop.settle().await;
    assert_eq!((shop.subscription().await["pendingPlan"]["key"].clone(), price(&shop, &id)), (json!(STARTER), json!(2900)));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_the_subscription() {
    for immediately in [false, true] {
        let shop = Shop::open().await;
        let (_, invoice) = unpaid(&shop, STARTER, "pro", "declined").await;
        shop.changed("cancelSubscription", json!({ "immediately": immediately })).await;
        is_over(&shop, &invoice);
        shop.settle().await;
    }
}

fn settle_debit(shop: &Shop, success: bool) {
    let payment_intent = shop.sandbox.world(|world| {
        let under_way = world.all("payment_intent").find(|intent| intent["status"] == "processing");
        under_way.unwrap()["id"].as_str().unwrap().to_owned()
    });
    shop.sandbox.act(Action::Settle { payment_intent, success }).unwrap();
}

/// Stripe keeps a refusal for a day under its key.
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_taken_back_while_a_debit_was_under_way_can_be_when_it_has_failed() {
    let shop = Shop::open().await;
    let (_, invoice) = unpaid(&shop, STARTER, "pro", "declined").await;
    shop.sandbox.act(Action::PayInvoice { invoice: invoice.clone(), card: "delayed".into() }).unwrap();
    let back = || json!({ "planKey": STARTER, "idempotencyKey": "back" });
    assert_eq!(shop.change("changePlan", back()).await.refusals("changePlan"), ["WRONG_STATE"]);
    settle_debit(&shop, false);
    shop.settle().await;
    assert_eq!(shop.changed("changePlan", back()).await["pendingPlan"], Value::Null);
    assert_eq!(shop.sandbox.object(&invoice)["status"], "void");
    shop.settle().await;
}

/// What is deleted at once, nobody can have paid for.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_ends_at_once_while_a_debit_pays_for_more_of_it() {
    let shop = Shop::open().await;
    let (id, invoice) = unpaid(&shop, STARTER, "pro", "declined").await;
    shop.sandbox.act(Action::PayInvoice { invoice: invoice.clone(), card: "delayed".into() }).unwrap();
    let end = || json!({ "immediately": true, "idempotencyKey": "end" });
    let refused = shop.change("cancelSubscription", end()).await;
    assert_eq!(refused.refusals("cancelSubscription"), ["WRONG_STATE"], "{}", refused.text());
    assert_eq!((&shop.sandbox.object(&id)["status"], &shop.sandbox.object(&invoice)["status"]), (&json!("active"), &json!("open")));
    settle_debit(&shop, false);
    shop.settle().await;
    assert_eq!(shop.changed("cancelSubscription", end()).await["status"], "CANCELED");
    is_over(&shop, &invoice);
    shop.settle().await;
}

/// Both would be paid: a card pays for the other one at once, and nobody can call a debit back.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_debit_is_about_to_pay_gives_way_to_no_other_upgrade() {
    let shop = Shop::open().await;
    let (id, invoice) = unpaid(&shop, STARTER, "pro", "declined").await;
    shop.sandbox.act(Action::PayInvoice { invoice: invoice.clone(), card: "delayed".into() }).unwrap();
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    let debit = shop.change("changePlan", json!({ "planKey": "enterprise" })).await;
    assert_eq!(debit.refusals("changePlan"), ["PAYMENT_REQUIRED"], "nothing is paid at once by debit: {}", debit.text());
    shop.sandbox.act(Action::NewCard { customer, card: "works".into() }).unwrap();
    let refused = shop.change("changePlan", json!({ "planKey": "enterprise" })).await;
    assert_eq!(refused.refusals("changePlan"), ["WRONG_STATE"], "{}", refused.text());
    assert_eq!((price(&shop, &id), &shop.sandbox.object(&invoice)["status"]), (json!(1200), &json!("open")));
    settle_debit(&shop, true);
    shop.settle().await;
    assert_eq!(shop.subscription().await["plan"]["key"], "pro");
    assert_eq!(shop.changed("changePlan", json!({ "planKey": "enterprise" })).await["plan"]["key"], "enterprise");
    shop.settle().await;
}

/// Stripe refuses more for whoever pays by debit.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_payment_is_not_given_up_for_what_cannot_be_had() {
    let shop = Shop::open().await;
    let (id, invoice) = unpaid(&shop, STARTER, "pro", "declined").await;
    let customer = shop.sandbox.object(&id)["customer"].as_str().unwrap().to_owned();
    shop.sandbox.act(Action::NewCard { customer, card: "delayed".into() }).unwrap();
    assert_eq!(shop.change("changePlan", json!({ "planKey": "enterprise" })).await.refusals("changePlan"), ["PAYMENT_REQUIRED"]);
    assert_eq!(shop.sandbox.object(&invoice)["status"], "open");
    shop.settle().await;
    assert_eq!(shop.subscription().await["pendingPlan"]["key"], "pro");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_key_may_not_do_is_not_taken_for_done() {
    let shop = Shop::open().await;
    let (id, invoice) = unpaid(&shop, "pro", "enterprise", "declined").await;
    let cancel = "mutation { cancelSubscription(input: {}) { userErrors { code } } }";
    shop.sandbox.plan_fault(Fault::Forbidden, "POST /v1/invoices/", 1);
    assert_eq!(shop.owner.gql(cancel, json!({})).await.codes(), ["INTERNAL_SERVER_ERROR"]);
    assert_eq!((&shop.sandbox.object(&id)["cancel_at"], &shop.sandbox.object(&invoice)["status"]), (&Value::Null, &json!("open")));
    shop.changed("changePlan", json!({ "planKey": STARTER })).await;
    shop.settle().await;
    shop.sandbox.plan_fault(Fault::Forbidden, "POST /v1/subscription_schedules/", 1);
    assert_eq!(shop.owner.gql(cancel, json!({})).await.codes(), ["INTERNAL_SERVER_ERROR"]);
    assert!(shop.sandbox.object(&id)["schedule"].is_string());
    cards(&shop, &id, "works");
    shop.sandbox.plan_fault(Fault::Forbidden, "POST /v1/subscription_schedules/", 1);
    let more = "mutation { changePlan(input: { planKey: \"enterprise\" }) { userErrors { code } } }";
    assert_eq!(shop.owner.gql(more, json!({})).await.codes(), ["INTERNAL_SERVER_ERROR"]);
    assert_eq!((price(&shop, &id), shop.subscription().await["pendingPlan"]["key"].clone()), (json!(2900), json!(STARTER)));
    shop.settle().await;
}
