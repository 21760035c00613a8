//! A session at its limit of steps, and one that is watched while connections break.

use fixpath::db::notices::Notice;
use fixpath::session::commands::MAX_STEPS;
use serde_json::{Value, json};

use super::live::Socket;
use super::support::people::ids;
use super::support::trees::{answer, looping, published, start};
use super::support::{Actor, Answer, TestApp};

const NOTE: &str =
    "mutation($input: NoteSessionInput!) { noteSession(input: $input) { session { revision } userErrors { code message } } }";
const UNDO: &str = "mutation($input: UndoSessionInput!) { undoSession(input: $input) { userErrors { code message } } }";
const COMPLETE: &str = "mutation($input: CompleteSessionInput!) { completeSession(input: $input) {
    session { revision status } userErrors { code message } } }";
const EXPORT: &str = "mutation($input: ExportSessionInput!) { exportSession(input: $input) { export { content } userErrors { code } } }";
const STEPS: &str = "query($id: ID!, $after: String) { session(id: $id) { revision steps(first: 100, after: $after) {
    nodes { seq } pageInfo { hasNextPage endCursor } } } }";

async fn note(who: &Actor, session: &str, revision: i64) -> Answer {
    who.ok(NOTE, json!({ "input": { "sessionId": session, "revision": revision, "note": "Still here" } })).await
}

/// A session whose last step has this number: all but the first two are notes.
async fn long_session(app: &TestApp, owner: &Actor, steps: i32) -> String {
    let (tree, _) = published(owner, "Light", looping()).await;
    let session = start(owner, &tree).await;
    answer(owner, &session, 1, "light", json!({ "option": "no" })).await;
    app.db_execute(&format!(
        "INSERT INTO session_steps
             SELECT account_id, session_id, n, 'NOTED', version_id, node_key, NULL, NULL, 'note ' || n, detail, NULL, by_user, at, 0
             FROM (SELECT * FROM session_steps WHERE seq = 1) first, generate_series(3, {steps}) n;
         UPDATE sessions SET revision = {steps}, state = jsonb_set(state::jsonb, '{{revision}}', '{steps}')::json"
    ))
    .await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_two_thousand_steps_can_only_be_ended_and_is_kept_whole() {
    let (app, _, owner) = TestApp::with_owner().await;
    let session = long_session(&app, &owner, MAX_STEPS - 3).await;
    let revision = i64::from(MAX_STEPS) - 3;
    assert_eq!(note(&owner, &session, revision).await.data("noteSession.session.revision"), revision + 1);
    let full = revision + 1;
    let said = format!("A session has at most {MAX_STEPS} steps; this one can only be ended now.");
    let refusal = json!([{ "code": "TOO_MANY", "message": said }]);
    assert_eq!(note(&owner, &session, full).await.data("noteSession.userErrors"), refusal);
    let undone = owner.ok(UNDO, json!({ "input": { "sessionId": session, "revision": full } })).await;
    assert_eq!(undone.data("undoSession.userErrors"), refusal);
    let answered = answer(&owner, &session, full, "restart", json!({ "continue": true })).await;
    assert_eq!(answered.refusals("answerSession"), ["TOO_MANY"]);

    let input = json!({ "sessionId": session, "revision": full, "outcome": "ESCALATED" });
    let completed = owner.ok(COMPLETE, json!({ "input": input })).await;
    assert_eq!(completed.data("completeSession.session"), json!({ "revision": full + 1, "status": "COMPLETED" }), "{}", completed.text());

    let (mut seqs, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = owner.ok(STEPS, json!({ "id": session, "after": after })).await;
        seqs.extend(page.data("session.steps.nodes").as_array().unwrap().iter().map(|step| step["seq"].as_i64().unwrap()));
        after = page.data("session.steps.pageInfo.endCursor");
        if page.data("session.steps.pageInfo.hasNextPage") == false {
            break;
        }
    }
    assert_eq!(seqs, (1..=full + 1).collect::<Vec<_>>());
    for (format, last) in [("JSON", "note 1997"), ("MARKDOWN", "note 1997"), ("HTML", "note 1997"), ("CSV", "note 1997")] {
        let export = owner.ok(EXPORT, json!({ "input": { "sessionId": session, "format": format, "redactPii": false } })).await;
        assert!(export.str("exportSession.export.content").contains(last), "{format}: {}", export.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_writes_while_nothing_can_be_heard_is_told_afterwards() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let session = start(&owner, &tree).await;
    let (_, account) = ids(&owner).await;
    app.app.notices.heard().await;
    let listener = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid = ANY($1)";
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    // Before the other process comes, one connection listens.
    let ours: Vec<i32> = client.query_one(LISTENERS, &[]).await.unwrap().get(0);
    assert_eq!(ours.len(), 1);

    let (other, router) = app.second_process();
    let writer = owner.through(router);
    other.notices.heard().await;
    let mut heard = other.notices.subscribe();
    let mut socket = Socket::greeted(&app.serve().await, owner.token.as_deref().unwrap()).await;
    socket.subscribe("watch", "subscription($id: ID!) { sessionUpdated(id: $id) { revision } }", json!({ "id": session })).await;
    assert_eq!(socket.next().await["payload"]["data"]["sessionUpdated"]["revision"], 1);
    // Opens the connection that it will write with.
    assert_eq!(note(&writer, &session, 1).await.data("noteSession.session.revision"), 2);
    assert_eq!(socket.next().await["payload"]["data"]["sessionUpdated"]["revision"], 2);

    app.database.admit(false).await;
    client.execute(listener, &[&ours]).await.unwrap();
    assert_eq!(note(&writer, &session, 2).await.data("noteSession.session.revision"), 3);
    // The notice has gone out, and the watching process has not heard it.
    while !matches!(heard.recv().await.unwrap(), Notice::Session(of, _) if of == account) {}
    assert_eq!(app.app.notices.epoch(), None);
    app.database.admit(true).await;
    assert_eq!(socket.next().await["payload"]["data"]["sessionUpdated"]["revision"], 3, "read again once it is connected");

    assert_eq!(note(&writer, &session, 3).await.data("noteSession.session.revision"), 4);
    assert_eq!(socket.next().await["payload"]["data"]["sessionUpdated"]["revision"], 4, "and it hears again");
    other.stop.cancel();
}

const LISTENERS: &str = "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database() AND (query LIKE 'LISTEN %' OR query LIKE '%pg_notify%') \
     AND pid <> pg_backend_pid()";
