//! The standard answers, whole, as a client gets them. Each snapshot is one operation and what came back for it, and reads like
//! documentation (`INSTA_UPDATE=always` writes them anew).

use std::collections::HashMap;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use fixpath::id;
use serde_json::{Value, json};

use super::support::app::pretty;
use super::support::trees::{CREATE, START, answer, calling, create, looping, publish, published};
use super::support::{Actor, Answer, TestApp};

/// Different each time, wherever they stand. (How well a hit fits is PostgreSQL's own arithmetic.)
const RANDOM: [&str; 5] = ["accessToken", "cursor", "endCursor", "startCursor", "score"];

/// Sends it, and compares what comes back with the snapshot of this name: the operation, the status, the body.
async fn pin(name: &str, who: &Actor, query: &str, variables: Value) -> Answer {
    let answer = who.gql(query, variables).await;
    compare(name, query, &answer);
    answer
}

fn compare(name: &str, query: &str, answer: &Answer) {
    let operation = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let body = pretty(&Names::default().steady(answer.json()));
    let text = format!("{operation}\n\n{} {}\n{body}", answer.status, answer.header("content-type"));
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, text) });
}

/// What ids are called instead: `tree_1`, `tree_2`…, so that one still sees which are the same.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn steady(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => self.name(text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.steady(item)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| {
                    let random = RANDOM.contains(&name.as_str()) && !value.is_null();
                    let steady = if random { format!("[{name}]").into() } else { self.steady(value) };
                    (name, steady)
                })
                .collect(),
            other => other,
        }
    }

    fn name(&mut self, text: String) -> String {
        let Some(prefix) = id::decode(&text).map(|(prefix, _)| prefix.to_owned()) else { return text };
        let number = self.0.values().filter(|name| name.starts_with(&format!("{prefix}_"))).count() + 1;
        self.0.entry(text).or_insert_with(|| format!("{prefix}_{number}")).clone()
    }
}

/// Calls `light`, and has a step that nobody gets to and that leads nowhere.
fn faulty() -> Value {
    let mut document = calling("light");
    document["nodes"]["lost"] = json!({ "kind": "action", "title": "Ask the neighbours", "next": "nowhere" });
    document
}

const UPDATE: &str = "mutation Update($input: UpdateTreeInput!) { updateTree(input: $input) {
    tree { id revision } version { id digest issues { code } }
    userErrors { __typename code message path ... on RevisionConflict { currentRevision } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn who_asks() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let query = "query Viewer { viewer { role staff pendingEmail
        user { id username email emailVerified firstName lastName avatarUrl active createdAt signInMethods }
        account { id name deletesAt invitations { email }
            members { totalCount nodes { role since user { id username } account { id } } pageInfo { hasNextPage } } }
        memberships { role since account { id name } }
        signIns { id current createdAt lastUsedAt userAgent } } }";
    pin("viewer", &owner, query, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_with_its_draft_issues_and_versions() {
    let (_app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Light", looping()).await;
    let (tree, revision) = published(&owner, "Green light", calling("light")).await;
    owner.ok(UPDATE, json!({ "input": { "id": tree, "revision": revision, "document": faulty(), "category": "network" } })).await;
    let query = "query Tree($id: ID!) { tree(by: { id: $id }) {
        id slug title summary status revision locale tags sessionCount createdAt updatedAt createdBy { username } category { slug name }
        draft { id number digest rootKey variables { name kind pii } issues { severity code nodeKey message }
            nodes { __typename key title body
                ... on DecisionNode { rules { when to } otherwise } ... on SubtreeNode { tree { slug } variable after: next }
                ... on ActionNode { url next } ... on ResolutionNode { outcome } } }
        published { id number issues { code } }
        versions { nodes { id number digest notes publishedAt publishedBy { username } } pageInfo { hasNextPage endCursor } } } }";
    pin("tree", &owner, query, json!({ "id": tree })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_a_page_at_a_time() {
    let (_app, _, owner) = TestApp::with_owner().await;
    for title in ["Cellar", "Attic", "Bathroom"] {
        create(&owner, title, looping()).await;
    }
    let query = "query Trees($after: String) { trees(first: 2, after: $after, orderBy: { field: TITLE, direction: ASC }) { totalCount
        edges { cursor node { id title status } } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } }";
    let first = pin("trees", &owner, query, json!({})).await;
    pin("trees_next_page", &owner, query, json!({ "after": first.str("trees.pageInfo.endCursor") })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_of_a_search_by_a_word_and_by_a_misspelling() {
    let (_app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Green light", looping()).await;
    let query = "query Search($query: String!) { searchTrees(query: $query) {
        edges { cursor score nodeKey snippet node { id title } } pageInfo { hasNextPage endCursor } } }";
    pin("search_by_word", &owner, query, json!({ "query": "restart" })).await;
    pin("search_by_misspelling", &owner, query, json!({ "query": "resart" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_trees_start_from_and_are_filed() {
    let (_app, _, owner) = TestApp::with_owner().await;
    pin("templates", &owner, "query Templates { templates { key title summary } categories { slug name treeCount } }", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_between_two_versions() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (tree, revision) = published(&owner, "Light", looping()).await;
    let mut document = looping();
    document["nodes"]["light"]["options"][1]["label"] = json!("No, it is red");
    document["nodes"]["restart"] = json!({ "kind": "action", "title": "Unplug the box", "body": "Wait a minute.", "next": "light" });
    document["nodes"]["light"]["options"][0]["to"] = json!("clean");
    document["nodes"]["clean"] = json!({ "kind": "action", "title": "Wipe the light", "next": "works" });
    owner.ok(UPDATE, json!({ "input": { "id": tree, "revision": revision, "document": document } })).await;
    publish(&owner, &tree, revision + 1).await;
    let versions = "query($id: ID!) { tree(by: { id: $id }) { versions { nodes { id } } } }";
    let versions = owner.ok(versions, json!({ "id": tree })).await;
    let (new, old) = (versions.str("tree.versions.nodes.0.id"), versions.str("tree.versions.nodes.1.id"));
    let query = "query Diff($old: ID!, $new: ID!) { node(id: $new) { id ... on TreeVersion { number diff(from: $old) { markdown
        changes { nodeKey kind fields before { __typename title body } after { __typename title body } } } } } }";
    pin("diff", &owner, query, json!({ "old": old, "new": new })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_the_midst_of_its_walk() {
    let (_app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Light", looping()).await;
    let (tree, _) = published(&owner, "Green light", calling("light")).await;
    let started = owner.ok(START, json!({ "input": { "tree": { "id": tree }, "subject": "Ticket 4711" } })).await;
    let session = started.str("startSession.session.id");
    answer(&owner, &session, 2, "light", json!({ "option": "no" })).await;
    answer(&owner, &session, 3, "restart", json!({ "continue": true })).await;
    let query = "query Session($id: ID!) { session(id: $id) {
        id revision status subject variables startedAt endedAt activeSeconds outcome { kind } assignee { username }
        tree { slug title } version { number }
        current { __typename key title body ... on QuestionNode { ask options { key label hint to } } }
        steps { nodes { seq kind nodeKey nodeTitle optionKey label value note at seconds by { username } } pageInfo { hasNextPage } } } }";
    pin("session", &owner, query, json!({ "id": session })).await;
    let query = "mutation Answer($input: AnswerSessionInput!) { answerSession(input: $input) {
        session { revision status variables current { __typename key title } } step { seq kind nodeKey optionKey label }
        userErrors { code } } }";
    let input = json!({ "sessionId": session, "revision": 4, "nodeKey": "light", "answer": { "option": "yes" } });
    pin("session_answered", &owner, query, json!({ "input": input })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_why() {
    let (app, anon, owner) = TestApp::with_owner().await;
    published(&owner, "Light", looping()).await;
    let tree = create(&owner, "Green light", faulty()).await.str("createTree.tree.id");

    pin("refused_revision_conflict", &owner, UPDATE, json!({ "input": { "id": tree, "revision": 7, "title": "Red light" } })).await;
    let publish = "mutation Publish($id: ID!) { publishTree(input: { id: $id, revision: 1 }) { tree { id } version { id }
        userErrors { __typename code message path ... on TreeInvalid { issues { severity code nodeKey message } } } } }";
    pin("refused_tree_invalid", &owner, publish, json!({ "id": tree })).await;
    pin("refused_required", &owner, CREATE, json!({ "input": { "title": " " } })).await;
    pin("refused_unauthenticated", &anon, CREATE, json!({ "input": { "title": "Nobody's" } })).await;

    app.db_plan("free").await;
    for title in ["Cellar", "Attic", "Bathroom"] {
        create(&owner, title, looping()).await;
    }
    pin("refused_plan_limit", &owner, CREATE, json!({ "input": { "title": "One too many" } })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_operation_has_a_status_and_a_code() {
    let (_app, anon, owner) = TestApp::with_owner().await;
    let costly = "{ trees(first: 100) { nodes { versions(first: 100) { nodes { number } } } } }";
    for (name, query) in [
        ("error_parse", "{ trees { nodes { title } }"),
        ("error_validation", "{ trees { shrubs } }"),
        ("error_bad_user_input", "{ trees(first: 101) { totalCount } }"),
        ("error_cost_limit", costly),
    ] {
        pin(name, &owner, query, json!({})).await;
    }
    pin("error_unauthenticated", &anon, "{ trees { totalCount } plan(key: \"pro\") { name } }", json!({})).await;

    // Clients of the older kind take every status but 200 for a failure of the transport.
    let query = "{ trees { shrubs } }";
    let request = Request::post("/graphql").header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/json");
    let answer = owner.send(request.body(Body::from(json!({ "query": query }).to_string())).unwrap()).await;
    compare("error_validation_as_json", query, &answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold() {
    let app = TestApp::new().await;
    let query = "query Plans {
        plans { id key name description tier trialDays onSale revision features limits { key max } prices { interval unitAmount { amount currency } } }
        creditPacks { key name credits price { amount currency } } }";
    pin("plans", &app.anon(), query, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_may_do_and_why() {
    let (app, _, owner) = TestApp::with_owner().await;
    create(&owner, "Light", looping()).await;
    let query = "query Entitlements { viewer { account {
        entitlements { features reason until plan { key name } } limits { key max used }
        subscription { id status provider providerId seats interval trialEnd cancelAt collectionPaused needsAttention plan { key } pendingPlan { key } }
        credits { balance shortfall entries { nodes { delta } } } payments { nodes { status } } } } }";
    pin("entitlements_on_trial", &owner, query, json!({})).await;
    app.db_execute("DELETE FROM subscriptions").await;
    pin("entitlements_for_nothing", &owner, query, json!({})).await;
}
