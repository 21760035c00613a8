//! Money that comes for what nobody can have any more: its payer was deleted meanwhile.

use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use super::{Market, NONE};

const DELETE: &str = "mutation($id: ID!) { deleteTree(input: { id: $id, revision: 2 }) { deletedId userErrors { code } } }";

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
            let credits = "mutation { buyCredits(input: { packKey: \"credits-100\", successUrl: \"http://localhost:3000/\", \
                 cancelUrl: \"http://localhost:3000/\" }) { userErrors { code message } } }";
            assert_eq!(market.buyer.ok(credits, json!({})).await.refusals("buyCredits"), NONE);
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
