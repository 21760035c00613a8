//! At most one statement a level and table: what an answer costs does not depend on how many things it is about.

use fixpath::app::App;
use serde_json::{Value, json};

use crate::marketplace::Market;
use crate::support::members::{invite, roomy};
use crate::support::people::colleague;
use crate::support::trees::{CREATE, PUBLISH, START, UPDATE, answer, calling, looping, publish, start};
use crate::support::{Actor, Answer, TestApp};

/// A caller, and another tree that it calls, each of its own; with two versions, a session that has called and stands in the callee,
/// and an invitation.
async fn make(app: &TestApp, owner: &Actor, number: usize) -> Vec<Value> {
    let mut ids = Vec::new();
    for (title, document) in [(format!("Callee {number}"), looping()), (format!("Caller {number}"), calling(&format!("callee-{number}")))] {
        let category = if number.is_multiple_of(2) { "network" } else { "printing" };
        let input = json!({ "title": title, "category": category, "source": { "document": document } });
        let made = owner.ok(CREATE, json!({ "input": input })).await;
        let tree = made.str("createTree.tree.id");
        for revision in 1..3 {
            let version = publish(owner, &tree, revision).await;
            ids.push(version.data("publishTree.version.id"));
        }
        ids.push(tree.into());
    }
    let session = start(owner, ids[5].as_str().unwrap()).await;
    answer(owner, &session, 2, "light", json!({ "option": "no" })).await;
    let invited = invite(app, owner, &format!("guest-{number}@example.com"), "TECHNICIAN").await;
    ids.extend([session.into(), invited.data("inviteMember.invitation.id")]);
    // Nobody's, and perhaps bought: looked up among these, too.
    ids.push(format!("version_01jd0000000000000000000{number:03}").into());
    ids
}

const QUERIES: [&str; 5] = [
    "{ sessions { nodes { id tree { title } version { number publishedBy { username } } assignee { username } current { key }
        steps { nodes { seq nodeTitle label by { username } } } } } }",
    "{ sessions { nodes { steps(first: 1) { nodes { seq nodeTitle } } rest: steps(first: 2, after: null) { nodes { seq } } } } }",
    "{ trees { nodes { title category { name treeCount } createdBy { username } listing { seller }
        versions { nodes { number publishedBy { username } } } newest: versions(first: 1) { nodes { number } } } } }",
    "{ trees { nodes { draft { issues { code } digest } published { number issues { code } } } } }",
    "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Session { steps(first: 5) { nodes { nodeTitle } } } ... on Tree { title versions(first: 3) { nodes { number } } }
        ... on TreeVersion { number tree { title } issues { code } }
        ... on Invitation { email invitedBy { username } } } }",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_costs_the_same_statements_however_much_is_in_it() {
    let (app, owner) = roomy().await;
    let mut ids = Vec::new();
    let mut costs = vec![Vec::new(); QUERIES.len()];
    for number in 0..5 {
        ids.extend(make(&app, &owner, number).await);
        if [1, 4].contains(&number) {
            for (query, costs) in QUERIES.iter().zip(&mut costs) {
                // Nothing in memory but who asks: a second process.
                let (second, router) = app.second_process();
                let reader = owner.through(router);
                second.notices.heard().await;
                reader.ok("{ viewer { user { username } } }", json!({})).await;
                for _ in 0..2 {
                    let before = second.db.statements();
                    reader.ok(query, json!({ "ids": ids })).await;
                    costs.push(second.db.statements() - before);
                }
                second.stop.cancel();
                second.db.close();
            }
        }
    }
    for (query, costs) in QUERIES.iter().zip(&costs) {
        let [cold, warm, cold_later, warm_later] = costs[..] else { panic!("{costs:?}") };
        assert_eq!(warm, warm_later, "{query}");
        // Into an empty memory, one version may be read twice, for two fields of a level: whichever is first spares the other the statement.
        assert!(cold_later <= cold + 2, "{costs:?} {query}");
    }
}

/// Sends an operation, which must not be refused, and must cost just so many statements.
async fn costs(statements: u64, app: &App, who: &Actor, query: &str, variables: Value) -> Answer {
    let before = app.db.statements();
    let answer = who.ok(query, variables).await;
    assert!(!answer.text().contains("\"userErrors\":[{"), "{}", answer.text());
    assert_eq!(app.db.statements() - before, statements, "{query}");
    answer
}

/// The same for a query that was answered before: who asks and what is published are in memory.
async fn costs_again(statements: u64, app: &App, who: &Actor, query: &str) {
    who.ok(query, json!({})).await;
    costs(statements, app, who, query, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_standard_query_costs_these_statements() {
    let (app, owner) = roomy().await;
    for number in 0..3 {
        make(&app, &owner, number).await;
    }
    for name in ["ada", "grace"] {
        colleague(&app, &owner, name, "engineer").await;
    }
    let tree =
        "{ tree(by: { slug: \"caller-1\" }) { title sessionCount category { name treeCount } createdBy { username } listing { seller }
        draft { issues { code } nodes { title ... on SubtreeNode { tree { title } } } } published { number issues { code } }
        versions { nodes { number publishedBy { username } } } } }";
    let sessions = "{ sessions { totalCount nodes { status tree { title } version { number } assignee { username } current { title }
        steps { nodes { nodeTitle label by { username } } } } } }";
    let members = "{ viewer { account { members { totalCount nodes { role user { username } account { name } } } } } }";
    let allowed =
        "{ viewer { account { entitlements { reason plan { key } } limits { key max used } subscription { status plan { key } } } } }";
    for (statements, query) in [
        // The person, the account.
        (2, "{ viewer { role user { username email } account { name } } }"),
        // The account, its members, how many, who they are, and the account as theirs.
        (5, members),
        // The memberships and their accounts.
        (2, "{ viewer { memberships { role account { name } } } }"),
        (1, "{ viewer { signIns { current lastUsedAt } } }"),
        // The account, the invitations, who invited.
        (3, "{ viewer { account { invitations { email invitedBy { username } } } } }"),
        // The account, the entries, who did it and where.
        (4, "{ viewer { account { auditLog { nodes { action actor { username } account { name } } } } } }"),
        // The account; its subscriptions and their plans, once for the three fields; people, invitations, trees and sessions of the month;
        // the subscription and its plan.
        (9, allowed),
        // The account, the balance, the entries.
        (3, "{ viewer { account { credits { balance entries { nodes { delta } } } } } }"),
        // The tree; then its draft, versions, category, maker, sessions and listing, and what the published version calls; then the category's
        // trees, who published, and what the draft calls.
        (11, tree),
        // The sessions, how many, who has them, their steps, who made these. (The trees are in memory.)
        (5, sessions),
        (0, "{ templates { key title summary } }"),
        (1, "{ categories { name treeCount } }"),
        (1, "{ plans { key prices { interval unitAmount { amount } } limits { key max } features } }"),
        (1, "{ creditPacks { key price { amount } } }"),
    ] {
        costs_again(statements, &app.app, &owner, query).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_standard_mutation_costs_these_statements() {
    let (app, owner) = roomy().await;
    let (app, owner) = (&app.app, &owner);
    // Who asks, as for every mutation. BEGIN, the category, the account's lock, what its plan allows (2), slugs that are taken, the tree,
    // its words (2), COMMIT.
    let input = json!({ "title": "Light", "category": "network", "source": { "document": looping() } });
    let create =
        "mutation($input: CreateTreeInput!) { createTree(input: $input) { tree { id } version { issues { code } } userErrors { code } } }";
    let tree = costs(11, app, owner, create, json!({ "input": input })).await.str("createTree.tree.id");
    // BEGIN, the tree's lock, the tree, its words (2), COMMIT.
    costs(7, app, owner, UPDATE, json!({ "input": { "id": tree, "revision": 1, "document": looping() } })).await;
    // BEGIN, the lock of what calls what, the tree's lock, the draft, the version's number, the version, the tree, its words (2), COMMIT.
    costs(11, app, owner, PUBLISH, json!({ "id": tree, "revision": 2 })).await;
    // As above, with the draft and the version that are published, and the words of both (4).
    costs(11, app, owner, UPDATE, json!({ "input": { "id": tree, "revision": 3, "title": "Green light" } })).await;

    // BEGIN, the tree, the month's count, what the plan allows (2), the tree's count, the session, its steps, COMMIT. The version is in memory.
    let started = costs(10, app, owner, START, json!({ "input": { "tree": { "id": tree } } })).await;
    let session = started.str("startSession.session.id");
    // The key, too; and once more nothing but the key.
    let keyed = json!({ "input": { "tree": { "id": tree }, "idempotencyKey": "twice" } });
    costs(11, app, owner, START, keyed.clone()).await;
    costs(4, app, owner, START, keyed).await;

    // The session, and what was done with it. For an undo and an export, all its steps, too.
    for (statements, name, input) in [
        (3, "answer", json!({ "revision": 1, "nodeKey": "light", "answer": { "option": "no" } })),
        (3, "note", json!({ "revision": 2, "note": "It blinks." })),
        (4, "undo", json!({ "revision": 3 })),
        (3, "pause", json!({ "revision": 4 })),
        (3, "resume", json!({ "revision": 5 })),
        (3, "complete", json!({ "revision": 6, "outcome": "RESOLVED" })),
    ] {
        let kind = format!("{}{}SessionInput", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation($input: {kind}!) {{ {name}Session(input: $input) {{ session {{ revision current {{ title }} }} step {{ label }} userErrors {{ code }} }} }}"
        );
        let mut about = json!({ "sessionId": session });
        about.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        costs(statements, app, owner, &query, json!({ "input": about })).await;
    }
    // The session, its tree, its steps, the people in them.
    let export =
        "mutation($id: ID!) { exportSession(input: { sessionId: $id, format: MARKDOWN }) { export { content url } userErrors { code } } }";
    costs(5, app, owner, export, json!({ "id": session })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_bought_and_sold_costs_these_statements() {
    let (market, tree) = Market::with_listing().await;
    market.buy(&tree).await;
    let app = &market.shop.app.app;
    // The account and the payments.
    let payments = "{ viewer { account { payments { nodes { status amount { amount } description hostedInvoiceUrl } } } } }";
    costs_again(2, app, &market.buyer, payments).await;
    // The account, the purchases, its own trees, bought ones, and these once more for what they show.
    let purchases = "{ viewer { account { purchases { nodes { status tree { title published { number } } } } } } }";
    costs_again(5, app, &market.buyer, purchases).await;
    // The account and the sales. (The tree is in memory.)
    costs_again(2, app, &market.seller, &purchases.replace("purchases", "sales")).await;
}
