//! Money that comes for what nobody can have any more: its payer or its tree was deleted meanwhile.

use chrono::TimeDelta;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use super::{Market, NONE};
use crate::support::people::device;

const DELETE: &str = "mutation($id: ID!) { deleteTree(input: { id: $id, revision: 2 }) { deletedId userErrors { code } } }";

const CREDITS: &str = "mutation { buyCredits(input: { packKey: \"credits-100\", successUrl: \"http://localhost:3000/\", \
     cancelUrl: \"http://localhost:3000/\" }) { checkout { id } userErrors { code message } } }";

async fn alerts(market: &Market) -> Value {
    market.shop.app.db_rows("SELECT kind, subject FROM alerts WHERE closed_at IS NULL").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_of_a_customer_who_was_deleted_is_not_waited_for() {
    for found_gone in [false, true] {
        let (market, tree) = Market::with_listing().await;
        let session = market.page(&tree, None).await;
        assert_eq!(market.shop.pay(&session, "delayed"), "processing");
        market.shop.settle().await;
        let told = market.shop.sandbox.object(&session);
        let id = |name: &str| told[name].as_str().unwrap().to_owned();
        market.shop.sandbox.act(Action::DeleteCustomer { customer: id("customer") }).unwrap();
        if found_gone {
            // Another purchase finds them gone before we are told.
            assert_eq!(market.buyer.ok(CREDITS, json!({})).await.refusals("buyCredits"), NONE);
        }
        market.shop.settle().await;
        assert_eq!(market.statuses().await, ["EXPIRED"], "{found_gone}");
        assert_eq!(alerts(&market).await, json!([]));

        market.act(Action::Settle { payment_intent: id("payment_intent"), success: true }).await;
        assert_eq!(market.statuses().await, ["EXPIRED"], "the money has come all the same");
        assert_eq!(alerts(&market).await, json!([{ "kind": "paid_for_nothing", "subject": id("customer") }]));
        market.refund(&session, Some(1)).await;
        assert_eq!(alerts(&market).await.as_array().unwrap().len(), 1, "and the most of it is still here");
        market.refund(&session, None).await;
        assert_eq!(alerts(&market).await, json!([]));
        if found_gone {
            assert_eq!(market.seller.ok(DELETE, json!({ "id": tree })).await.refusals("deleteTree"), NONE);
        } else {
            market.buy(&tree).await;
            assert_eq!(market.statuses().await, ["ACTIVE", "EXPIRED"]);
        }
    }
}

/// A bank takes its time, and nobody is left to have what it pays for.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_for_an_account_that_is_gone_goes_back_by_itself() {
    let (market, tree) = Market::with_listing().await;
    let pages = [market.page(&tree, None).await, market.buyer.ok(CREDITS, json!({})).await.str("buyCredits.checkout.id")];
    for page in &pages {
        assert_eq!(market.shop.pay(page, "delayed"), "processing");
    }
    market.shop.settle().await;
    let delete = "mutation { deleteAccount(input: { confirmName: \"owner's account\" }) { userErrors { code } } }";
    assert_eq!(market.buyer.ok(delete, json!({})).await.refusals("deleteAccount"), NONE);
    market.shop.app.advance(TimeDelta::days(7));
    market.shop.app.run_job(&Job::EraseAccounts).await;
    market.shop.settle().await;
    assert_eq!(market.shop.app.database_text("SELECT status FROM purchases").await, ["pending"]);
    for page in &pages {
        let payment_intent = market.shop.sandbox.object(page)["payment_intent"].as_str().unwrap().to_owned();
        market.shop.sandbox.act(Action::Settle { payment_intent, success: true }).unwrap();
    }
    market.shop.deliver().await;
    assert_eq!(alerts(&market).await.as_array().unwrap().len(), 2, "until it is back");
    market.shop.app.run_jobs().await;
    market.shop.settle().await;
    let payments = market.shop.app.db_rows("SELECT status, refunded = amount AS back FROM payments").await;
    assert_eq!(payments, json!([{ "status": "refunded", "back": true }, { "status": "refunded", "back": true }]));
    assert_eq!(market.shop.app.database_text("SELECT status FROM purchases").await, ["refunded"]);
    assert_eq!(market.shop.app.db_rows("SELECT 1 FROM credit_entries").await, json!([]));
    assert_eq!(alerts(&market).await, json!([]));
    // The bank sends both back: they need another way.
    let refunds = market.shop.sandbox.world(|world| world.all("refund").map(|refund| refund["id"].clone()).collect::<Vec<_>>());
    for refund in refunds {
        let refund = refund.as_str().unwrap().to_owned();
        market.act(Action::FailRefund { refund }).await;
    }
    assert_eq!(alerts(&market).await.as_array().unwrap().len(), 2);
    assert_eq!(market.shop.app.database_text("SELECT status FROM purchases").await, ["refunded"], "there is nobody to have it");
}

/// What was applied before its customer was deleted is money for something, however often it is told.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_had_when_its_customer_was_deleted_was_not_for_nothing() {
    let (market, tree) = Market::with_listing().await;
    let session = market.page(&tree, None).await;
    assert_eq!(market.shop.pay(&session, "works"), "paid");
    market.shop.sync(&session).await;
    let late = market.shop.sandbox.take_deliveries();
    let customer = market.shop.sandbox.object(&session)["customer"].as_str().unwrap().to_owned();
    market.act(Action::DeleteCustomer { customer }).await;
    for delivery in &late {
        market.shop.deliver_one(delivery).await;
    }
    market.shop.settle().await;
    assert_eq!(market.statuses().await, ["ACTIVE"]);
    assert_eq!(alerts(&market).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_stays_while_its_payment_may_still_be_told_and_one_that_is_gone_is_paid_back() {
    let (mut market, tree) = Market::with_listing().await;
    let session = market.page(&tree, None).await;
    assert_eq!(market.shop.pay(&session, "works"), "paid");
    // The page was good for 23 hours; Stripe tells for three days, and nothing of it arrives.
    for (hours, refused) in [(23 + 72, &["IN_USE"][..]), (25, &[])] {
        market.shop.app.advance(TimeDelta::hours(hours));
        market.seller = device(&market.shop.app, "seller").await.0;
        assert_eq!(market.seller.ok(DELETE, json!({ "id": tree })).await.refusals("deleteTree"), refused);
    }
    market.buyer = device(&market.shop.app, "owner").await.0;
    // It was only late: told, paid back, and told of that.
    market.shop.settle().await;
    assert_eq!(market.statuses().await, ["REFUNDED"]);
    assert_eq!(market.shop.app.db_rows("SELECT status, refunded FROM payments").await, json!([{ "status": "refunded", "refunded": 2001 }]));
    let all = market.shop.app.db_rows("SELECT kind, closed_at IS NULL AS open FROM alerts").await;
    assert_eq!(all, json!([{ "kind": "paid_for_nothing", "open": false }]), "over when the money is back");
    let refund = market.shop.sandbox.world(|world| world.all("refund").next().unwrap()["id"].as_str().unwrap().to_owned());
    market.act(Action::FailRefund { refund }).await;
    assert_eq!(market.statuses().await, ["REFUNDED"], "there is nothing to have");
    assert_eq!(alerts(&market).await[0]["kind"], "paid_for_nothing");
}
