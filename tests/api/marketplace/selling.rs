//! `listTree` and `unlistTree`.

use serde_json::{Value, json};

use super::{Market, NONE, list, marketplace, purchase, unlist};
use crate::support::people::colleague;
use crate::support::trees::{calling, create, looping, publish, published};

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_goes_on_sale_at_a_price_that_can_change_and_off_again() {
    let market = Market::open().await;
    let (tree, _) = published(&market.seller, "Printer", looping()).await;
    let listed = list(&market.seller, &tree, 2001, "USD").await.data("listTree.tree.listing");
    let shown = json!({
        "price": { "amount": 2001, "currency": "USD" }, "seller": "seller's account", "purchased": false,
        "tree": { "title": "Printer", "nodeCount": 3 },
    });
    assert_eq!(listed, shown);
    list(&market.seller, &tree, 2001, "USD").await;
    let tick = || market.shop.app.advance(chrono::TimeDelta::milliseconds(5));
    tick();
    let listed = list(&market.seller, &tree, 150_000, "JPY").await.data("listTree.tree.listing.price");
    assert_eq!(listed, json!({ "amount": 150_000, "currency": "JPY" }));
    tick();
    assert_eq!(unlist(&market.seller, &tree).await.data("unlistTree.tree"), json!({ "listing": null }));
    tick();
    assert_eq!(unlist(&market.seller, &tree).await.refusals("unlistTree"), ["WRONG_STATE"]);
    assert!(marketplace(&market.buyer, None).await.is_empty());
    assert_eq!(purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["NOT_FOUND"]);
    market.list(&tree, 100).await;
    assert_eq!(marketplace(&market.buyer, None).await, ["Printer"]);
    // Each change is a line in the seller's log, and nothing else is.
    let subjects =
        "SELECT string_agg(action || ' ' || subject, ', ' ORDER BY at, id) FROM audit_entries WHERE action IN ('listTree', 'unlistTree')";
    let lines = market.shop.app.db_value(subjects).await.as_str().unwrap().replace(&tree, "it");
    assert_eq!(lines, "listTree it for 20.01 USD, listTree it for 150,000 JPY, unlistTree it, listTree it for 1.00 USD");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_published_trees_of_the_account_are_sold_and_only_at_possible_prices() {
    let market = Market::open().await;
    let draft = create(&market.seller, "Draft", looping()).await.str("createTree.tree.id");
    assert_eq!(list(&market.seller, &draft, 2000, "USD").await.refusals("listTree"), ["NOT_PUBLISHED"]);
    let (foreign, _) = published(&market.buyer, "Foreign", looping()).await;
    assert_eq!(list(&market.seller, &foreign, 2000, "USD").await.refusals("listTree"), ["NOT_FOUND"]);
    assert_eq!(unlist(&market.seller, &foreign).await.refusals("unlistTree"), ["NOT_FOUND"]);
    let (tree, _) = published(&market.seller, "Printer", looping()).await;
    for (amount, currency) in
        [(99, "USD"), (0, "USD"), (-5, "USD"), (100_000_000, "USD"), (2000, "usd"), (2000, "XXQ"), (2000, "\0US"), (2005, "KWD")]
    {
        let refused = list(&market.seller, &tree, amount, currency).await;
        assert_eq!(refused.refusals("listTree"), ["INVALID"], "{amount} {currency}");
        assert_eq!(refused.data("listTree.userErrors.0.path"), json!(["price"]));
    }
    let archive = "mutation($id: ID!) { archiveTree(input: { id: $id, revision: 2 }) { userErrors { code } } }";
    market.seller.ok(archive, json!({ "id": tree })).await;
    assert_eq!(list(&market.seller, &tree, 2000, "USD").await.refusals("listTree"), ["NOT_PUBLISHED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_verified_admins_sell_and_only_where_the_plan_says_so() {
    let market = Market::open().await;
    let app = &market.shop.app;
    let (tree, _) = published(&market.seller, "Printer", looping()).await;
    for role in ["technician", "engineer"] {
        let person = colleague(app, &market.seller, role, role).await;
        assert_eq!(list(&person, &tree, 2000, "USD").await.refusals("listTree"), ["FORBIDDEN"]);
        assert_eq!(unlist(&person, &tree).await.refusals("unlistTree"), ["FORBIDDEN"]);
    }
    let admin = colleague(app, &market.seller, "admin", "admin").await;
    assert_eq!(list(&admin, &tree, 2000, "USD").await.refusals("listTree"), ["EMAIL_NOT_VERIFIED"]);
    app.db_verify("admin").await;
    assert_eq!(list(&admin, &tree, 2000, "USD").await.refusals("listTree"), NONE);
    app.db_plan("starter").await;
    let refused = list(&admin, &tree, 3000, "USD").await;
    assert_eq!(refused.refusals("listTree"), ["FEATURE_NOT_IN_PLAN"]);
    let sentence = "The Starter plan does not include selling trees. The Pro plan does.";
    assert_eq!(refused.data("listTree.userErrors.0.message"), sentence);
    assert_eq!(unlist(&admin, &tree).await.refusals("unlistTree"), NONE, "off sale it comes with any plan");
    assert_eq!(list(&app.anon(), &tree, 2000, "USD").await.refusals("listTree"), ["UNAUTHENTICATED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_tree_that_nobody_has_bought_can_be_deleted_unless_somebody_is_about_to() {
    let (market, tree) = Market::with_listing().await;
    market.page(&tree, None).await;
    let delete = "mutation($id: ID!) { deleteTree(input: { id: $id, revision: 2 }) { deletedId userErrors { code } } }";
    assert_eq!(market.seller.ok(delete, json!({ "id": tree })).await.refusals("deleteTree"), ["IN_USE"]);
    market.shop.app.db_execute("UPDATE checkouts SET status = 'expired'").await;
    assert_eq!(market.seller.ok(delete, json!({ "id": tree })).await.data("deleteTree.deletedId"), tree.as_str());
    assert!(marketplace(&market.buyer, None).await.is_empty());
    assert_eq!(market.shop.app.db_value("SELECT count(*) FROM listings WHERE unlisted_at IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn calling_other_trees_needs_a_plan_that_includes_it() {
    let market = Market::open().await;
    published(&market.seller, "Light", looping()).await;
    let tree = create(&market.seller, "Caller", calling("light")).await.str("createTree.tree.id");
    market
        .shop
        .app
        .db_execute("DELETE FROM plan_features WHERE feature = 'subtrees' AND plan_id <> (SELECT id FROM plans WHERE key = 'pro')")
        .await;
    let refused = publish(&market.seller, &tree, 1).await;
    assert_eq!(refused.refusals("publishTree"), ["FEATURE_NOT_IN_PLAN"]);
    let sentence = "The Enterprise plan does not include trees that call others. The Pro plan does.";
    assert_eq!(refused.data("publishTree.userErrors.0.message"), sentence);
    assert_eq!(refused.data("publishTree.tree"), Value::Null);
    market.shop.app.db_plan("pro").await;
    assert_eq!(publish(&market.seller, &tree, 1).await.refusals("publishTree"), NONE);
}
