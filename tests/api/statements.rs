//! At most one statement a level and table: what an answer costs does not depend on how many things it is about.

use serde_json::{Value, json};

use crate::support::members::{invite, roomy};
use crate::support::trees::{CREATE, answer, calling, looping, publish, start};
use crate::support::{Actor, TestApp};

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
