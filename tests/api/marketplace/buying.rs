//! `purchaseTree`, and what buyer and seller see of it.

use fixpath::stripe::sandbox::faults::Fault;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::{Market, NONE, list, marketplace, purchase, unlist};
use crate::support::people::{colleague, ids};
use crate::support::trees::{looping, publish, published};

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_listed_found_bought_and_both_see_what_came_of_it() {
    let (market, tree) = Market::with_listing().await;
    assert_eq!(marketplace(&market.buyer, Some("printer")).await, ["Printer"]);
    let session = market.page(&tree, None).await;
    assert_eq!(market.shop.sandbox.object(&session)["amount_total"], 2001);
    assert_eq!(market.shop.sandbox.object(&session)["mode"], "payment");
    assert_eq!(market.purchases().await, json!([]), "nothing is bought before it is paid");
    assert_eq!(market.shop.pay(&session, "works"), "paid");
    // The page that the browser returns to may ask before the delivery arrives.
    market.shop.sync(&session).await;
    let bought = market.purchases().await;
    assert_eq!(bought[0]["status"], "ACTIVE");
    assert_eq!(bought[0]["tree"]["id"], tree.as_str());
    market.shop.settle().await;
    assert_eq!(market.purchases().await, bought, "and the delivery finds nothing left to do");
    let line = "SELECT action, account_id = (SELECT account_id FROM checkouts) AS buyers FROM audit_entries WHERE action = 'purchaseTree'";
    assert_eq!(market.shop.app.db_rows(line).await, json!([{ "action": "purchaseTree", "buyers": true }]));
    let sold = json!([{
        "id": bought[0]["id"], "treeTitle": "Printer", "status": "ACTIVE", "tree": { "id": tree },
        "amount": { "amount": 2001, "currency": "USD" }, "platformFee": { "amount": 300 }, "creatorPayout": { "amount": 1701 },
    }]);
    assert_eq!(bought, sold);
    assert_eq!(market.sales().await, sold);
    let listed = "{ marketplace { nodes { purchased } } }";
    assert_eq!(market.buyer.ok(listed, json!({})).await.data("marketplace.nodes"), json!([{ "purchased": true }]));
    let payment = "SELECT description, purpose, billing_reason, hosted_invoice_url LIKE '%/i/in_%' AS shown FROM payments";
    let paid = json!([{ "description": "Printer", "purpose": "purchase", "billing_reason": "manual", "shown": true }]);
    assert_eq!(market.shop.app.db_rows(payment).await, paid);
    assert_eq!(market.shop.app.db_rows("SELECT about FROM billing_mails").await, json!([]), "it is no subscription");
    // By its id, for those two accounts alone.
    let node = "query($id: ID!) { node(id: $id) { ... on Purchase { status } } }";
    let id = json!({ "id": bought[0]["id"] });
    for (who, seen) in [(&market.buyer, json!({ "status": "ACTIVE" })), (&market.seller, json!({ "status": "ACTIVE" }))] {
        assert_eq!(who.ok(node, id.clone()).await.data("node"), seen);
    }
    let stranger = market.shop.app.sign_up("stranger").await;
    assert_eq!(stranger.ok(node, id).await.data("node"), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_buys_what_is_their_own_what_they_have_or_what_is_not_on_sale() {
    let (market, tree) = Market::with_listing().await;
    assert_eq!(purchase(&market.seller, &tree, None).await.refusals("purchaseTree"), ["INVALID"]);
    let (other, _) = published(&market.seller, "Not for sale", looping()).await;
    assert_eq!(purchase(&market.buyer, &other, None).await.refusals("purchaseTree"), ["NOT_FOUND"]);
    market.buy(&tree).await;
    let again = purchase(&market.buyer, &tree, None).await;
    assert_eq!(again.refusals("purchaseTree"), ["WRONG_STATE"]);
    assert_eq!(again.data("purchaseTree.userErrors.0.message"), "This account has bought this tree already.");
    assert_eq!(market.shop.count("checkout.session"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_verified_owners_buy() {
    let (market, tree) = Market::with_listing().await;
    for role in ["technician", "engineer", "admin"] {
        let person = colleague(&market.shop.app, &market.buyer, role, role).await;
        assert_eq!(purchase(&person, &tree, None).await.refusals("purchaseTree"), ["FORBIDDEN"]);
    }
    let new = market.shop.app.sign_up("unverified").await;
    assert_eq!(purchase(&new, &tree, None).await.refusals("purchaseTree"), ["EMAIL_NOT_VERIFIED"]);
    assert_eq!(purchase(&market.shop.app.anon(), &tree, None).await.refusals("purchaseTree"), ["UNAUTHENTICATED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_gives_the_same_page_whatever_became_of_the_listing() {
    let (market, tree) = Market::with_listing().await;
    let session = market.page(&tree, Some("mine")).await;
    assert_eq!(market.page(&tree, Some("mine")).await, session);
    market.list(&tree, 9900).await;
    assert_eq!(market.page(&tree, Some("mine")).await, session);
    assert_eq!(unlist(&market.seller, &tree).await.refusals("unlistTree"), NONE);
    assert_eq!(market.page(&tree, Some("mine")).await, session);
    let (other, _) = published(&market.seller, "Other", looping()).await;
    market.list(&other, 2001).await;
    assert_eq!(purchase(&market.buyer, &other, Some("mine")).await.refusals("purchaseTree"), ["INVALID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_changes_meanwhile_leaves_what_was_agreed() {
    let (market, tree) = Market::with_listing().await;
    let session = market.page(&tree, None).await;
    market.list(&tree, 9900).await;
    assert_eq!(market.shop.pay(&session, "works"), "paid");
    market.shop.settle().await;
    assert_eq!(market.purchases().await[0]["amount"]["amount"], 2001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_price_makes_a_new_page_and_closes_the_old_one() {
    let (market, tree) = Market::with_listing().await;
    let before = market.page(&tree, None).await;
    list(&market.seller, &tree, 2001, "EUR").await;
    let after = market.page(&tree, None).await;
    assert_ne!(before, after);
    assert_eq!(market.shop.sandbox.object(&before)["status"], "expired");
    assert_eq!(market.shop.sandbox.object(&after)["currency"], "eur");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_pages_at_once_one_can_be_paid() {
    let (market, tree) = Market::with_listing().await;
    let (one, other) = tokio::join!(purchase(&market.buyer, &tree, Some("a")), purchase(&market.buyer, &tree, Some("b")));
    for answer in [one, other] {
        let refused = answer.refusals("purchaseTree");
        assert!(refused.is_empty() || refused == ["CHECKOUT_OPEN"], "{}", answer.text());
    }
    let open = market.shop.sandbox.world(|world| {
        let open = world.all("checkout.session").filter(|session| session["status"] == "open");
        open.map(|session| session["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(open.len(), 1);
    assert_eq!(market.shop.pay(&open[0], "works"), "paid");
    market.shop.settle().await;
    assert_eq!(market.statuses().await.iter().filter(|status| *status == "ACTIVE").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_payment_is_on_its_way_no_other_page_is_opened() {
    let (market, tree) = Market::with_listing().await;
    let session = market.page(&tree, None).await;
    assert_eq!(market.shop.pay(&session, "delayed"), "processing");
    market.shop.settle().await;
    assert_eq!(market.statuses().await, ["PENDING"]);
    assert_eq!(purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["CHECKOUT_OPEN"]);
    assert_eq!(market.sales().await, json!([]), "nothing is sold before it is paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_stripe_does_not_take_keeps_nobody_from_buying_something_else() {
    let (market, tree) = Market::with_listing().await;
    let (cheap, _) = published(&market.seller, "Cheap", looping()).await;
    assert_eq!(list(&market.seller, &cheap, 100, "HUF").await.refusals("listTree"), NONE);
    let refused = purchase(&market.buyer, &cheap, None).await;
    assert_eq!(refused.refusals("purchaseTree"), ["WRONG_STATE"]);
    assert!(refused.text().contains("at least 17500 huf"), "{}", refused.text());
    market.buy(&tree).await;
    assert_eq!(market.statuses().await, ["ACTIVE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_the_seller_must_still_include_selling() {
    let (market, tree) = Market::with_listing().await;
    market.shop.app.db_plan("free").await;
    assert_eq!(purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["WRONG_STATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_anew_is_what_is_sold() {
    let (market, tree) = Market::with_listing().await;
    market.buy(&tree).await;
    let update =
        "mutation($id: ID!, $document: JSON) { updateTree(input: { id: $id, revision: 2, document: $document }) { userErrors { code } } }";
    let mut document = looping();
    document["nodes"]["restart"]["title"] = json!("Pull the plug");
    market.seller.ok(update, json!({ "id": tree, "document": document })).await;
    assert_eq!(publish(&market.seller, &tree, 3).await.refusals("publishTree"), NONE);
    let query = "query($id: ID!) { tree(by: { id: $id }) { published { number } } }";
    assert_eq!(market.buyer.ok(query, json!({ "id": tree })).await.data("tree.published.number"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_counts_although_the_answer_that_made_the_page_was_lost() {
    let (market, tree) = Market::with_listing().await;
    // The page is made, and every answer that says so is lost.
    market.shop.sandbox.plan_fault(Fault::ResetAfter, "/v1/checkout/sessions", 3);
    assert_eq!(purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["STRIPE_UNAVAILABLE"]);
    let session = market.shop.sandbox.world(|world| world.all("checkout.session").next().unwrap()["id"].as_str().unwrap().to_owned());
    assert_eq!(market.shop.pay(&session, "works"), "paid");
    market.shop.settle().await;
    assert_eq!(market.statuses().await, ["ACTIVE"]);
    assert_eq!(purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["WRONG_STATE"]);
    assert_eq!(market.shop.count("checkout.session"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_purchases_of_an_account_cost_the_same_statements_however_many_they_are() {
    let market = Market::open().await;
    let (_, buyer) = ids(&market.buyer).await;
    for number in 0..4 {
        published(&market.seller, &format!("Tree {number}"), looping()).await;
    }
    let buy = "INSERT INTO purchases SELECT gen_random_uuid(), 'BUYER', account_id, id, title, 100, 'USD', 15, 85, 'active', NULL, NULL, now(), now()
        FROM trees";
    market.shop.app.db_execute(&buy.replace("BUYER", &uuid::Uuid::from(buyer).to_string())).await;
    let query = "{ viewer { account { purchases { nodes { treeTitle tree { title published { number } } } } } } }";
    let mut counts = Vec::new();
    for expected in [4, 4, 2] {
        let before = market.shop.app.app.db.statements();
        let nodes = market.buyer.ok(query, json!({})).await.data("viewer.account.purchases.nodes");
        assert_eq!(nodes.as_array().unwrap().iter().filter(|one| one["tree"]["published"]["number"] == 1).count(), expected);
        counts.push(market.shop.app.app.db.statements() - before);
        if counts.len() == 2 {
            market.shop.app.db_execute("DELETE FROM purchases WHERE tree_title IN ('Tree 0', 'Tree 1')").await;
        }
    }
    assert_eq!(counts[1..], [5, 5], "the account, the purchases, its own trees, bought ones, and once more for what they show");
}

/// In whichever order: a sale, and what becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_told_first_it_is_one_payment_and_one_purchase() {
    for seed in 0..4 {
        let (market, tree) = Market::with_listing().await;
        let session = market.page(&tree, None).await;
        market.shop.pay(&session, "works");
        let waiting = market.shop.sandbox.take_deliveries();
        let mut order: Vec<_> = waiting.iter().collect();
        for _ in 0..3 {
            order.shuffle(&mut StdRng::seed_from_u64(seed));
            for signed in &order {
                market.shop.deliver_one(signed).await;
            }
        }
        for signed in &waiting {
            market.shop.deliver_one(signed).await;
        }
        market.shop.settle().await;
        let rows = "SELECT p.status, p.purpose, p.hosted_invoice_url IS NOT NULL AS shown, bought.status AS bought \
             FROM payments p FULL JOIN purchases bought ON bought.payment_id = p.id";
        let one = json!([{ "status": "succeeded", "purpose": "purchase", "shown": true, "bought": "active" }]);
        assert_eq!(market.shop.app.db_rows(rows).await, one, "seed {seed}");
        market.refund(&session, None).await;
        assert_eq!(market.statuses().await, ["REFUNDED"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seller_hears_of_a_sale_and_of_what_becomes_of_it() {
    let (market, tree) = Market::with_listing().await;
    market.shop.app.app.notices.heard().await;
    let query = "subscription { billingUpdated { sales { nodes { status } } } }";
    let mut events = market.seller.events(query).await;
    let sales = |event: &Value| event["data"]["billingUpdated"]["sales"]["nodes"].clone();
    assert_eq!(sales(&events.next().await), json!([]));
    let session = market.buy(&tree).await;
    while sales(&events.next().await) != json!([{ "status": "ACTIVE" }]) {}
    market.refund(&session, None).await;
    while sales(&events.next().await) != json!([{ "status": "REFUNDED" }]) {}
}
