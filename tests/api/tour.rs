//! The README's tour, run as it is printed: what a newcomer pastes works.

use serde_json::{Value, json};

use crate::support::TestApp;

/// The fenced blocks of one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let readme = include_str!("../../README.md");
    let tour = readme.split("## A tour in five minutes").nth(1).unwrap().split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    tour.split(&fence).skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

fn block(named: &str) -> String {
    blocks("graphql").into_iter().find(|block| block.contains(named)).unwrap_or_else(|| panic!("no block with {named}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_tour_works_as_printed() {
    let app = TestApp::new().await;
    app.leave_jobs();
    let signed_up = app.anon().ok(&block("mutation SignUp"), json!({})).await;
    assert_eq!(signed_up.refusals("signUp"), Vec::<String>::new());
    let ada = app.anon().signed_in(&signed_up.str("signUp.accessToken"));

    let templates = ada.ok(&block("query Templates"), json!({})).await;
    assert!(templates.data("templates").as_array().unwrap().len() >= 3);
    let made = ada.ok(&block("mutation FromTemplate"), json!({})).await;
    assert_eq!(made.data("createTree.version.issues"), json!([]), "a template has no issues");

    let drawn = ada.ok(&block("mutation FromMermaid"), json!({})).await;
    assert_eq!(drawn.data("createTree.version.issues.0.code"), "UNDECLARED_CYCLE");
    let tree = drawn.str("createTree.tree.id");
    let refused = ada.ok(&block("mutation Publish"), json!({ "id": tree, "revision": 1 })).await;
    assert_eq!(refused.data("publishTree.userErrors.0.code"), "TREE_INVALID");

    let mut fix: Value = serde_json::from_str(blocks("json").iter().find(|block| block.contains("\"document\"")).unwrap()).unwrap();
    fix["id"] = json!(tree);
    let fixed = ada.ok(&block("mutation Fix"), fix).await;
    assert_eq!(fixed.data("updateTree.version.issues"), json!([]));
    let published = ada.ok(&block("mutation Publish"), json!({ "id": tree, "revision": 2 })).await;
    assert_eq!(published.data("publishTree.version.number"), 1);

    let started = ada.ok(&block("mutation Start"), json!({})).await;
    let session = started.str("startSession.session.id");
    let again = ada.ok(&block("mutation Start"), json!({})).await;
    assert_eq!(again.str("startSession.session.id"), session, "the same key gives the same session");

    let answers: Vec<Value> =
        blocks("json").iter().filter(|block| block.contains("\"answer\"")).map(|block| serde_json::from_str(block).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    let mut current = Value::Null;
    for mut variables in answers.clone() {
        variables["session"] = json!(session);
        let answered = ada.ok(&block("mutation Answer"), variables).await;
        assert_eq!(answered.data("answerSession.userErrors"), json!([]));
        current = answered.data("answerSession.session.current.key");
    }
    assert_eq!(current, "works");

    let undone = ada.ok(&block("mutation Undo"), json!({ "session": session, "revision": 4 })).await;
    assert_eq!(undone.data("undoSession.session.current.key"), "again");
    let noted = ada.ok(&block("mutation Note"), json!({ "session": session, "revision": 5 })).await;
    let mut last = answers[2].clone();
    last["session"] = json!(session);
    last["revision"] = noted.data("noteSession.session.revision");
    let answered = ada.ok(&block("mutation Answer"), last).await;
    let revision = answered.data("answerSession.session.revision");

    let completed = ada.ok(&block("mutation Complete"), json!({ "session": session, "revision": revision })).await;
    assert_eq!(completed.data("completeSession.session.outcome.kind"), "RESOLVED");
    let exported = ada.ok(&block("mutation Export"), json!({ "session": session })).await;
    let content = exported.str("exportSession.export.content");
    for words in ["Green light", "Ticket 4711", "The light needs about a minute.", "Restarted the box"] {
        assert!(content.contains(words), "{words} is in the export:\n{content}");
    }
    let url = exported.str("exportSession.export.url");
    let linked = app.get(url.trim_start_matches("http://localhost:8080")).await;
    assert_eq!(linked.text(), content, "the link shows the same without a token");
}
