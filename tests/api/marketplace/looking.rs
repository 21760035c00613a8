//! `marketplace`: what strangers see.

use serde_json::{Value, json};

use super::{Market, marketplace};
use crate::support::trees::{CREATE, looping, publish, published};

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_what_others_sell_the_newest_first_a_page_at_a_time() {
    let market = Market::open().await;
    for title in ["Alpha", "Beta", "Gamma", "Delta", "Epsilon"] {
        let (tree, _) = published(&market.seller, title, looping()).await;
        market.list(&tree, 2000).await;
        market.shop.app.advance(chrono::TimeDelta::milliseconds(5));
    }
    let (own, _) = published(&market.buyer, "Own", looping()).await;
    super::list(&market.buyer, &own, 2000, "USD").await;
    assert_eq!(marketplace(&market.buyer, None).await, ["Epsilon", "Delta", "Gamma", "Beta", "Alpha"]);
    assert_eq!(marketplace(&market.seller, None).await, ["Own"]);
    let query =
        "query($after: String) { marketplace(first: 2, after: $after) { nodes { tree { title } } pageInfo { hasNextPage endCursor } } }";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = market.buyer.ok(query, json!({ "after": after })).await;
        seen.push(page.data("marketplace.nodes").as_array().unwrap().len());
        if page.data("marketplace.pageInfo.hasNextPage") == false {
            break;
        }
        after = page.data("marketplace.pageInfo.endCursor");
    }
    assert_eq!(seen, [2, 2, 1]);
    assert_eq!(market.shop.app.anon().gql("{ marketplace { nodes { seller } } }", json!({})).await.codes(), ["UNAUTHENTICATED"]);
    for wrong in ["marketplace(first: 101)", "marketplace(after: \"x\")", &format!("marketplace(query: \"{}\")", "x".repeat(201))] {
        assert_eq!(market.buyer.gql(&format!("{{ {wrong} {{ nodes {{ seller }} }} }}"), json!({})).await.codes(), ["BAD_USER_INPUT"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_searched_by_what_trees_are_called_and_never_by_what_their_nodes_say() {
    let market = Market::open().await;
    for (title, summary, tags) in [("Printer on fire", "Smoke and noise", ["office"]), ("Network outage", "Nobody can work", ["office"])] {
        let input = json!({ "title": title, "summary": summary, "tags": tags, "source": { "document": looping() } });
        let tree = market.seller.ok(CREATE, json!({ "input": input })).await.str("createTree.tree.id");
        publish(&market.seller, &tree, 1).await;
        market.list(&tree, 2000).await;
        market.shop.app.advance(chrono::TimeDelta::milliseconds(5));
    }
    for (query, found) in [
        ("printer", vec!["Printer on fire"]),
        ("prin", vec!["Printer on fire"]),
        ("pinter", vec!["Printer on fire"]),
        ("smoke", vec!["Printer on fire"]),
        ("office", vec!["Network outage", "Printer on fire"]),
        ("  ", vec!["Network outage", "Printer on fire"]),
        ("office printer", vec!["Printer on fire"]),
        // The nodes' words.
        ("restart", vec![]),
        ("green", vec![]),
        ("!!!", vec![]),
        ("\u{0}", vec![]),
    ] {
        assert_eq!(marketplace(&market.buyer, Some(query)).await, found, "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_statements_however_long_it_is() {
    let market = Market::open().await;
    let query = "{ marketplace { nodes { price { amount } seller purchased tree { id title summary nodeCount resolvedRate category { name } } } } }";
    let mut counts = Vec::new();
    for round in 0..3 {
        for number in 0..3 {
            let input = json!({ "title": format!("Tree {round} {number}"), "category": "network", "source": { "document": looping() } });
            let tree = market.seller.ok(CREATE, json!({ "input": input })).await.str("createTree.tree.id");
            publish(&market.seller, &tree, 1).await;
            market.list(&tree, 2000).await;
        }
        let before = market.shop.app.app.db.statements();
        let seen = market.buyer.ok(query, json!({})).await;
        assert_eq!(seen.data("marketplace.nodes").as_array().unwrap().len(), 3 * (round + 1));
        counts.push(market.shop.app.app.db.statements() - before);
    }
    assert_eq!(counts[1..], [4, 4], "listings, what was bought, how often it helped, categories");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_about_to_go_sells_nothing() {
    let (market, tree) = Market::with_listing().await;
    let delete = "mutation { deleteAccount(input: { confirmName: \"seller's account\" }) { userErrors { code } } }";
    assert_eq!(market.seller.ok(delete, json!({})).await.refusals("deleteAccount"), super::NONE);
    assert!(marketplace(&market.buyer, None).await.is_empty());
    assert_eq!(super::purchase(&market.buyer, &tree, None).await.refusals("purchaseTree"), ["NOT_FOUND"]);
    market.shop.app.leave_jobs();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sellers_plan_does_not_include_any_more_is_not_shown_and_pages_stay_full() {
    let market = Market::open().await;
    let lapsed = market.shop.app.sign_up("lapsed").await;
    market.shop.app.db_verify("lapsed").await;
    market.shop.app.db_plan("enterprise").await;
    for number in 0..4 {
        for (seller, whose) in [(&market.seller, "Kept"), (&lapsed, "Lapsed")] {
            let (tree, _) = published(seller, &format!("{whose} {number}"), looping()).await;
            assert_eq!(super::list(seller, &tree, 2000, "USD").await.refusals("listTree"), super::NONE);
            market.shop.app.advance(chrono::TimeDelta::milliseconds(5));
        }
    }
    assert_eq!(marketplace(&market.buyer, None).await.len(), 8);
    let account = uuid::Uuid::from(crate::support::people::ids(&lapsed).await.1);
    market.shop.app.db_execute(&format!("DELETE FROM subscriptions WHERE account_id = '{account}'")).await;
    assert_eq!(marketplace(&market.buyer, None).await, ["Kept 3", "Kept 2", "Kept 1", "Kept 0"]);
    assert_eq!(marketplace(&market.buyer, Some("lapsed")).await, Vec::<String>::new());
    assert_eq!(marketplace(&market.buyer, Some("kept")).await.len(), 4);
    let query = "{ marketplace(first: 3) { nodes { tree { title } } pageInfo { hasNextPage } } }";
    let page = market.buyer.ok(query, json!({})).await;
    assert_eq!(page.data("marketplace.nodes").as_array().unwrap().len(), 3);
    assert_eq!(page.data("marketplace.pageInfo.hasNextPage"), true);
}
