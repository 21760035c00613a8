//! Refunds and disputes: access follows the money.

use fixpath::stripe::sandbox::actions::Action;
use serde_json::{Value, json};

use super::walking::{TREE, session, try_start};
use super::{Market, NONE, purchase};
use crate::support::trees::{answer, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_of_the_whole_takes_it_back_and_a_part_does_not() {
    let (market, tree) = Market::with_listing().await;
    let paid = market.buy(&tree).await;
    let id = start(&market.buyer, &tree).await;
    market.refund(&paid, Some(1000)).await;
    assert_eq!(market.statuses().await, ["ACTIVE"]);
    market.refund(&paid, None).await;
    assert_eq!(market.statuses().await, ["REFUNDED"]);
    assert_eq!(market.sales().await[0]["status"], "REFUNDED");
    assert_eq!(market.purchases().await[0]["tree"], Value::Null);
    assert_eq!(market.sales().await[0]["tree"]["id"], tree.as_str(), "to its seller it is what it was");
    // No new sessions; what began stays readable and goes on to its end.
    assert_eq!(try_start(&market.buyer, &tree).await.refusals("startSession"), ["NOT_FOUND"]);
    assert_eq!(market.buyer.ok(TREE, json!({ "id": tree })).await.data("tree"), Value::Null);
    let walked = session(&market.buyer, &id).await;
    assert_eq!(walked["tree"], Value::Null);
    assert_eq!(walked["version"]["number"], 1);
    assert_eq!(walked["version"]["tree"], json!({ "title": "Printer", "draft": null, "published": null, "versions": { "nodes": [] } }));
    assert_eq!(answer(&market.buyer, &id, 1, "light", json!({ "option": "yes" })).await.refusals("answerSession"), NONE);
    let complete =
        "mutation($id: ID!) { completeSession(input: { sessionId: $id, revision: 2 }) { session { status } userErrors { code } } }";
    assert_eq!(market.buyer.ok(complete, json!({ "id": id })).await.data("completeSession.session.status"), "COMPLETED");
    let export =
        "mutation($id: ID!) { exportSession(input: { sessionId: $id, format: MARKDOWN }) { export { content } userErrors { code } } }";
    let exported = market.buyer.ok(export, json!({ "id": id })).await.str("exportSession.export.content");
    assert!(exported.contains("Printer"), "{exported}");
    // And it can be bought anew.
    market.buy(&tree).await;
    assert_eq!(market.statuses().await, ["ACTIVE", "REFUNDED"]);
    start(&market.buyer, &tree).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_takes_it_back_until_it_is_won() {
    let (market, tree) = Market::with_listing().await;
    let paid = market.buy(&tree).await;
    let dispute = market.act(Action::Dispute { charge: market.charge(&paid), amount: None }).await["id"].as_str().unwrap().to_owned();
    assert_eq!(market.statuses().await, ["DISPUTED"]);
    assert_eq!(try_start(&market.buyer, &tree).await.refusals("startSession"), ["NOT_FOUND"]);
    assert_eq!(purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["WRONG_STATE"]);
    market.act(Action::CloseDispute { dispute, won: true }).await;
    assert_eq!(market.statuses().await, ["ACTIVE"]);
    start(&market.buyer, &tree).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_dispute_takes_it_back_for_good() {
    let (market, tree) = Market::with_listing().await;
    let paid = market.buy(&tree).await;
    let dispute = market.act(Action::Dispute { charge: market.charge(&paid), amount: None }).await["id"].as_str().unwrap().to_owned();
    market.act(Action::CloseDispute { dispute, won: false }).await;
    assert_eq!(market.statuses().await, ["REFUNDED"]);
    assert_eq!(try_start(&market.buyer, &tree).await.refusals("startSession"), ["NOT_FOUND"]);
    market.buy(&tree).await;
    assert_eq!(market.statuses().await, ["ACTIVE", "REFUNDED"], "it can be bought anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_dispute_about_a_part_leaves_it_unless_the_rest_was_paid_back() {
    for (refunded, left) in [(None, "ACTIVE"), (Some(1001), "REFUNDED")] {
        let (market, tree) = Market::with_listing().await;
        let paid = market.buy(&tree).await;
        if let Some(amount) = refunded {
            market.refund(&paid, Some(amount)).await;
            assert_eq!(market.statuses().await, ["ACTIVE"]);
        }
        let told = market.act(Action::Dispute { charge: market.charge(&paid), amount: Some(1000) }).await;
        assert_eq!(market.statuses().await, ["DISPUTED"], "while it is open");
        market.act(Action::CloseDispute { dispute: told["id"].as_str().unwrap().to_owned(), won: false }).await;
        assert_eq!(market.statuses().await, [left]);
        assert_eq!(market.sales().await[0]["status"], left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_told_to_have_gone_before_it_is_told_to_have_come_gives_nothing() {
    let (market, tree) = Market::with_listing().await;
    let session = market.page(&tree, None).await;
    assert_eq!(market.shop.pay(&session, "delayed"), "processing");
    market.shop.settle().await;
    let payment_intent = market.shop.sandbox.object(&session)["payment_intent"].as_str().unwrap().to_owned();
    market.shop.sandbox.act(Action::Settle { payment_intent, success: true }).unwrap();
    let arrived = market.shop.sandbox.take_deliveries();
    market.shop.sandbox.act(Action::Refund { charge: market.charge(&session), amount: None }).unwrap();
    let gone = market.shop.sandbox.take_deliveries();
    for delivery in gone.iter().chain(&arrived) {
        market.shop.deliver_one(delivery).await;
    }
    market.shop.settle().await;
    assert_eq!(market.statuses().await, ["REFUNDED"]);
    assert_eq!(try_start(&market.buyer, &tree).await.refusals("startSession"), ["NOT_FOUND"]);
    assert_eq!(market.shop.app.db_value("SELECT status FROM payments").await, "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_entered_also_when_its_checkout_is_erased() {
    let (market, tree) = Market::with_listing().await;
    let paid = market.buy(&tree).await;
    market.shop.app.db_execute("DELETE FROM checkouts").await;
    market.refund(&paid, None).await;
    assert_eq!(market.statuses().await, ["REFUNDED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_was_given_up_and_arrives_after_all_is_paid_back() {
    let (market, tree) = Market::with_listing().await;
    let late = market.page(&tree, None).await;
    assert_eq!(market.shop.pay(&late, "works"), "paid");
    // Its deliveries are on their way for long, and meanwhile the page counts as closed.
    let deliveries = market.shop.sandbox.take_deliveries();
    market.shop.app.db_execute("UPDATE checkouts SET status = 'expired'").await;
    market.buy(&tree).await;
    for delivery in &deliveries {
        market.shop.deliver_one(delivery).await;
    }
    // The refund is made, and then told.
    market.shop.settle().await;
    market.shop.settle().await;
    let mut statuses = market.statuses().await;
    statuses.sort();
    assert_eq!(statuses, ["ACTIVE", "REFUNDED"]);
    assert_eq!(market.shop.count("refund"), 1);
    let refunded = market.shop.sandbox.world(|world| world.all("refund").next().unwrap()["charge"].clone());
    assert_eq!(refunded, market.charge(&late).as_str());
    assert_eq!(market.shop.app.db_value("SELECT count(*) FROM payments WHERE status = 'refunded'").await, 1);
    start(&market.buyer, &tree).await;
}

/// Stripe keeps a refusal for a day under its key.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_paid_back_at_first_is_paid_back_when_it_can_be() {
    let (mut market, tree) = Market::with_listing().await;
    let late = market.page(&tree, None).await;
    assert_eq!(market.shop.pay(&late, "works"), "paid");
    let deliveries = market.shop.sandbox.take_deliveries();
    market.shop.app.db_execute("UPDATE checkouts SET status = 'expired'").await;
    market.buy(&tree).await;
    for delivery in &deliveries {
        market.shop.deliver_one(delivery).await;
    }
    let charge = market.charge(&late);
    let paid = |paid: bool| market.shop.sandbox.world(|world| world.edit(&charge, json!({ "paid": paid })));
    paid(false);
    market.shop.settle().await;
    assert_eq!((market.shop.count("refund"), market.shop.sandbox.requests("POST", "/v1/refunds")), (0, 1));
    paid(true);
    market.shop.pass(chrono::TimeDelta::minutes(1)).await;
    market.shop.settle().await;
    market.shop.settle().await;
    assert_eq!(market.shop.count("refund"), 1);
    assert_eq!(market.shop.app.db_value("SELECT count(*) FROM payments WHERE status = 'refunded'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_fails_after_it_was_bought_anew_is_told_to_staff() {
    let (market, tree) = Market::with_listing().await;
    let first = market.buy(&tree).await;
    let refund = market.refund(&first, None).await["id"].as_str().unwrap().to_owned();
    market.buy(&tree).await;
    market.act(Action::FailRefund { refund }).await;
    assert_eq!(market.statuses().await, ["ACTIVE", "REFUNDED"]);
    assert_eq!(market.shop.app.db_value("SELECT kind FROM alerts WHERE closed_at IS NULL").await, "paid_twice");
    assert_eq!(market.shop.app.db_value("SELECT count(*) FROM webhook_deliveries WHERE status IN ('failed', 'dead')").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_fails_gives_it_back() {
    let (market, tree) = Market::with_listing().await;
    let paid = market.buy(&tree).await;
    let refund = market.refund(&paid, None).await["id"].as_str().unwrap().to_owned();
    assert_eq!(market.statuses().await, ["REFUNDED"]);
    market.act(Action::FailRefund { refund }).await;
    assert_eq!(market.statuses().await, ["ACTIVE"]);
}

/// Nothing of the first payment is left to be paid back by anybody.
#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_about_what_was_paid_back_and_bought_anew_needs_nobody() {
    let (market, tree) = Market::with_listing().await;
    let first = market.buy(&tree).await;
    market.refund(&first, None).await;
    market.buy(&tree).await;
    let told = market.act(Action::Dispute { charge: market.charge(&first), amount: Some(2001) }).await;
    for won in [None, Some(false)] {
        if let Some(won) = won {
            market.act(Action::CloseDispute { dispute: told["id"].as_str().unwrap().to_owned(), won }).await;
        }
        assert_eq!(market.statuses().await, ["ACTIVE", "REFUNDED"]);
        assert_eq!(market.shop.app.db_rows("SELECT kind FROM alerts").await, json!([]));
    }
}
