//! What buyers do with what they have bought.

use chrono::TimeDelta;
use fixpath::jobs::Job;
use serde_json::{Value, json};

use super::Market;
use crate::support::people::ids;
use crate::support::trees::{START, answer, looping, published, start};
use crate::support::{Actor, Answer};

/// Everything that a tree shows.
pub const TREE: &str =
    "query($id: ID!) { tree(by: { id: $id }) { title draft { digest } published { number notes nodes { key } issues { code }
    publishedBy { username } tree { title } document } versions { nodes { number } } createdBy { username } listing { seller } } }";
const SESSION: &str =
    "query($id: ID!) { session(id: $id) { status tree { title } version { number nodes { key } tree { title draft { digest }
    published { number } versions { nodes { number } } } } current { key title ... on SubtreeNode { tree { id } } }
    steps { nodes { kind nodeTitle } } } }";

pub async fn try_start(who: &Actor, tree: &str) -> Answer {
    who.ok(START, json!({ "input": { "tree": { "id": tree } } })).await
}

pub async fn session(who: &Actor, id: &str) -> Value {
    who.ok(SESSION, json!({ "id": id })).await.data("session")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_technician_walks_what_the_owner_has_bought_through_the_trees_that_it_calls() {
    let (market, tree, callee) = Market::with_calls().await;
    let technician = market.technician().await;
    assert_eq!(try_start(&technician, &tree).await.refusals("startSession"), ["NOT_FOUND"], "not before it is bought");
    market.buy(&tree).await;
    // They find it among what the account has bought.
    let bought = "{ viewer { account { purchases { nodes { tree { id } } } } } }";
    let found = technician.ok(bought, json!({})).await;
    assert_eq!(found.str("viewer.account.purchases.nodes.0.tree.id"), tree);
    let id = start(&technician, &tree).await;
    let walked = session(&technician, &id).await;
    assert_eq!(walked["tree"]["title"], "Printer");
    assert_eq!(walked["current"]["key"], "light", "of the tree that it calls");
    assert_eq!(answer(&technician, &id, 2, "light", json!({ "option": "yes" })).await.refusals("answerSession"), super::NONE);
    let after = session(&technician, &id).await;
    let kinds: Vec<_> = after["steps"]["nodes"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["STARTED", "ENTERED_SUBTREE", "ANSWERED", "LEFT_SUBTREE", "DECIDED"]);
    let complete =
        "mutation($id: ID!) { completeSession(input: { sessionId: $id, revision: 5 }) { session { status } userErrors { code } } }";
    assert_eq!(technician.ok(complete, json!({ "id": id })).await.data("completeSession.session.status"), "COMPLETED");
    // It is the buyer's session, and counts against the buyer's plan; the seller does not see it.
    assert_eq!(market.shop.app.db_value("SELECT count(*) FROM session_usage JOIN sessions USING (account_id)").await, 1);
    assert_eq!(market.seller.ok("{ sessions { totalCount } }", json!({})).await.data("sessions.totalCount"), 0);
    assert_eq!(session(&market.seller, &id).await, Value::Null);
    // What is called was not bought.
    assert_eq!(try_start(&technician, &callee).await.refusals("startSession"), ["NOT_FOUND"]);
    assert_eq!(market.buyer.ok(TREE, json!({ "id": callee })).await.data("tree"), Value::Null);
    // Everybody sees that it helps.
    let rate = "{ marketplace { nodes { tree { resolvedRate } } } }";
    assert_eq!(technician.ok(rate, json!({})).await.data("marketplace.nodes.0.tree.resolvedRate"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_reads_what_is_published_and_neither_draft_nor_other_versions() {
    let (market, tree) = Market::with_listing().await;
    let update =
        "mutation($id: ID!, $revision: Int!, $document: JSON) { updateTree(input: { id: $id, revision: $revision, document: $document })
        { userErrors { code } } }";
    let mut document = crate::support::trees::looping();
    document["nodes"]["restart"]["title"] = json!("Second");
    market.seller.ok(update, json!({ "id": tree, "revision": 2, "document": document })).await;
    let publish = "mutation($id: ID!) { publishTree(input: { id: $id, revision: 3, notes: \"For us\" }) { userErrors { code } } }";
    assert_eq!(market.seller.ok(publish, json!({ "id": tree })).await.refusals("publishTree"), super::NONE);
    document["nodes"]["restart"]["title"] = json!("Third, a secret");
    market.seller.ok(update, json!({ "id": tree, "revision": 4, "document": document })).await;
    market.buy(&tree).await;
    let seen = market.buyer.ok(TREE, json!({ "id": tree })).await;
    assert!(!seen.text().contains("secret"), "{}", seen.text());
    let tree_seen = seen.data("tree");
    assert_eq!(tree_seen["draft"], Value::Null);
    assert_eq!(tree_seen["createdBy"], Value::Null);
    assert_eq!(tree_seen["published"]["number"], 2);
    assert_eq!(tree_seen["published"]["notes"], Value::Null);
    assert_eq!(tree_seen["published"]["publishedBy"], Value::Null);
    assert_eq!(tree_seen["published"]["issues"], json!([]));
    assert_eq!(tree_seen["published"]["tree"]["title"], "Printer");
    assert_eq!(tree_seen["versions"]["nodes"], json!([{ "number": 2 }]));
    let node = "query($id: ID!) { node(id: $id) { ... on TreeVersion { number } } }";
    let versions = "{ trees { nodes { versions { nodes { id } } } } }";
    let versions = market.seller.ok(versions, json!({})).await.data("trees.nodes.0.versions.nodes");
    let seen = market.buyer.ok(node, json!({ "id": versions[0]["id"] })).await.data("node");
    assert_eq!(seen, json!({ "number": 2 }));
    assert_eq!(market.buyer.ok(node, json!({ "id": versions[1]["id"] })).await.data("node"), Value::Null, "an older one");
    // None of the ways into somebody's content that are for its account.
    let draft = tree.replace("tree_", "draft_");
    assert_eq!(market.buyer.ok(node, json!({ "id": draft })).await.data("node"), Value::Null);
    let copy = "mutation($id: ID!) { createTree(input: { title: \"Copy\", source: { treeId: $id } }) { userErrors { code } } }";
    assert_eq!(market.buyer.ok(copy, json!({ "id": tree })).await.refusals("createTree"), ["NOT_FOUND"]);
    for change in ["archiveTree", "deleteTree"] {
        let query = format!("mutation($id: ID!) {{ {change}(input: {{ id: $id, revision: 5 }}) {{ userErrors {{ code }} }} }}");
        assert_eq!(market.buyer.ok(&query, json!({ "id": tree })).await.refusals(change), ["NOT_FOUND"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stays_on_the_version_that_it_began_with() {
    let (market, tree) = Market::with_listing().await;
    market.buy(&tree).await;
    let id = start(&market.buyer, &tree).await;
    let mut document = crate::support::trees::looping();
    document["nodes"]["light"]["title"] = json!("Is it blue?");
    let update =
        "mutation($id: ID!, $document: JSON) { updateTree(input: { id: $id, revision: 2, document: $document }) { userErrors { code } } }";
    market.seller.ok(update, json!({ "id": tree, "document": document })).await;
    assert_eq!(crate::support::trees::publish(&market.seller, &tree, 3).await.refusals("publishTree"), super::NONE);
    let walked = session(&market.buyer, &id).await;
    assert_eq!(walked["current"]["title"], "Is the light green?");
    assert_eq!(walked["version"]["number"], 1);
    let anew = start(&market.buyer, &tree).await;
    assert_eq!(session(&market.buyer, &anew).await["current"]["title"], "Is it blue?");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_outlives_listing_and_archive_and_cannot_be_deleted() {
    let (market, tree) = Market::with_listing().await;
    market.buy(&tree).await;
    let delete =
        "mutation($id: ID!, $revision: Int!) { deleteTree(input: { id: $id, revision: $revision }) { userErrors { code message } } }";
    let refused = market.seller.ok(delete, json!({ "id": tree, "revision": 2 })).await;
    assert_eq!(refused.refusals("deleteTree"), ["IN_USE"]);
    assert_eq!(super::marketplace(&market.buyer, None).await, ["Printer"], "a deletion that is refused changes nothing");
    let archive = "mutation($id: ID!) { archiveTree(input: { id: $id, revision: 2 }) { tree { listing { seller } } userErrors { code } } }";
    let archived = market.seller.ok(archive, json!({ "id": tree })).await;
    assert_eq!(archived.refusals("archiveTree"), super::NONE);
    assert_eq!(archived.data("archiveTree.tree.listing"), Value::Null);
    assert!(super::marketplace(&market.buyer, None).await.is_empty());
    let id = start(&market.buyer, &tree).await;
    assert_eq!(session(&market.buyer, &id).await["current"]["key"], "light");
    // For the seller's own people it is out of use.
    assert_eq!(try_start(&market.seller, &tree).await.refusals("startSession"), ["NOT_PUBLISHED"]);
    let restore = "mutation($id: ID!) { restoreTree(input: { id: $id, revision: 3 }) { tree { listing { seller } } userErrors { code } } }";
    assert_eq!(market.seller.ok(restore, json!({ "id": tree })).await.data("restoreTree.tree.listing"), Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_outlives_the_account_of_its_seller() {
    let (mut market, tree, callee) = Market::with_calls().await;
    published(&market.seller, "Unsold", looping()).await;
    market.buy(&tree).await;
    let begun = start(&market.buyer, &tree).await;
    let delete = "mutation { deleteAccount(input: { confirmName: \"seller's account\" }) { userErrors { code } } }";
    assert_eq!(market.seller.ok(delete, json!({})).await.refusals("deleteAccount"), super::NONE);
    let (_, account) = ids(&market.seller).await;
    market.shop.pass(TimeDelta::days(7)).await;
    market.buyer = market.shop.owner.clone();
    market.shop.app.run_job(&Job::EraseAccounts).await;
    market.shop.app.run_jobs().await;
    let left = "SELECT string_agg(title || ' ' || status, ', ' ORDER BY title) FROM trees WHERE account_id = ";
    let left = market.shop.app.db_value(&format!("{left}'{}'", uuid::Uuid::from(account))).await;
    assert_eq!(left, "Light archived, Printer archived");
    assert_eq!(session(&market.buyer, &begun).await["current"]["key"], "light");
    let anew = start(&market.buyer, &tree).await;
    assert_eq!(answer(&market.buyer, &anew, 2, "light", json!({ "option": "yes" })).await.refusals("answerSession"), super::NONE);
    assert_eq!(market.buyer.ok(TREE, json!({ "id": callee })).await.data("tree"), Value::Null);
    market.shop.app.leave_jobs();
}
