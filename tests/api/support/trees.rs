//! What tests do with trees: make them, publish them, walk them.

use serde_json::{Value, json};

use super::{Actor, Answer};

pub const CREATE: &str = "mutation($input: CreateTreeInput!) { createTree(input: $input) {
    tree { id slug title revision status tags category { slug } }
    version { digest issues { code severity nodeKey message } }
    userErrors { __typename code message path ... on LimitReached { limit { key max used } upgradeTo { key } } } } }";
pub const PUBLISH: &str = "mutation($id: ID!, $revision: Int!) { publishTree(input: { id: $id, revision: $revision }) {
    tree { id revision status } version { id number digest }
    userErrors { code message ... on TreeInvalid { issues { code severity nodeKey } } ... on RevisionConflict { currentRevision } } } }";
pub const UPDATE: &str = "mutation($input: UpdateTreeInput!) { updateTree(input: $input) {
    tree { revision title summary tags } version { issues { code } }
    userErrors { code message path ... on RevisionConflict { currentRevision } } } }";

/// A question that loops through an action until it is answered with yes.
pub fn looping() -> Value {
    json!({
        "schema": 1, "root": "light",
        "nodes": {
            "light": { "kind": "question", "title": "Is the light green?", "ask": "yes_no", "loops": true,
                "options": [{ "key": "yes", "label": "Yes", "to": "works" }, { "key": "no", "label": "No", "to": "restart" }] },
            "restart": { "kind": "action", "title": "Restart the box", "next": "light" },
            "works": { "kind": "resolution", "title": "It works", "outcome": "resolved" }
        }
    })
}

/// Calls another tree, then ends as that one did.
pub fn calling(slug: &str) -> Value {
    json!({
        "schema": 1, "root": "call", "variables": [{ "name": "ended", "kind": "text", "default": "" }],
        "nodes": {
            "call": { "kind": "subtree", "title": "Check the light", "tree": slug, "variable": "ended", "next": "how" },
            "how": { "kind": "decision", "title": "Did it help?", "rules": [{ "when": "ended == 'resolved'", "to": "good" }], "otherwise": "bad" },
            "good": { "kind": "resolution", "title": "Solved", "outcome": "resolved" },
            "bad": { "kind": "resolution", "title": "Not solved", "outcome": "escalated" }
        }
    })
}

pub async fn create(author: &Actor, title: &str, document: Value) -> Answer {
    author.ok(CREATE, json!({ "input": { "title": title, "source": { "document": document } } })).await
}

/// Makes and publishes a tree; its id and the revision after.
pub async fn published(author: &Actor, title: &str, document: Value) -> (String, i64) {
    let created = create(author, title, document).await;
    let id = created.str("createTree.tree.id");
    let answer = publish(author, &id, 1).await;
    assert_eq!(answer.refusals("publishTree"), Vec::<String>::new(), "{}", answer.text());
    (id, 2)
}

pub async fn publish(author: &Actor, id: &str, revision: i64) -> Answer {
    author.ok(PUBLISH, json!({ "id": id, "revision": revision })).await
}

pub const START: &str = "mutation($input: StartSessionInput!) { startSession(input: $input) {
    session { id revision status current { key } variables version { number } }
    userErrors { __typename code message path ... on LimitReached { limit { max used } } } } }";
pub const ANSWER: &str = "mutation($input: AnswerSessionInput!) { answerSession(input: $input) {
    session { revision status current { key } variables } step { seq kind label }
    userErrors { code message path ... on RevisionConflict { currentRevision } } } }";

/// Starts a session; its id.
pub async fn start(technician: &Actor, tree: &str) -> String {
    let answer = technician.ok(START, json!({ "input": { "tree": { "id": tree } } })).await;
    answer.str("startSession.session.id")
}

pub async fn answer(technician: &Actor, session: &str, revision: i64, node: &str, answer: Value) -> Answer {
    let input = json!({ "sessionId": session, "revision": revision, "nodeKey": node, "answer": answer });
    technician.ok(ANSWER, json!({ "input": input })).await
}
