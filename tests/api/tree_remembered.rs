//! Trees are read once while nothing changes them, and whatever changes them is seen: at once by whoever changed it, within milliseconds
//! through every other process.

use std::time::Duration;

use fixpath::db::remembered::Remembered;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::trees::{PUBLISH, UPDATE, looping, published, start};
use crate::support::{Actor, TestApp};

const TREE: &str = "query($id: ID!) { tree(by: { id: $id }) { title status revision published { number } } }";
const ARCHIVE: &str =
    "mutation($id: ID!, $revision: Int!) { archiveTree(input: { id: $id, revision: $revision }) { userErrors { code } } }";
const RESTORE: &str =
    "mutation($id: ID!, $revision: Int!) { restoreTree(input: { id: $id, revision: $revision }) { userErrors { code } } }";
const DELETE: &str = "mutation($id: ID!, $revision: Int!) { deleteTree(input: { id: $id, revision: $revision }) { userErrors { code } } }";

async fn shown(reader: &Actor, tree: &str) -> Value {
    reader.ok(TREE, json!({ "id": tree })).await.data("tree")
}

async fn rename(author: &Actor, tree: &str, revision: i64, title: &str) {
    let answer = author.ok(UPDATE, json!({ "input": { "id": tree, "revision": revision, "title": title } })).await;
    assert_eq!(answer.refusals("updateTree"), Vec::<String>::new());
}

/// Until nothing is left to be heard of what was done so far, and the tree is in memory.
async fn remembered(app: &TestApp, reader: &Actor, tree: &str) -> Value {
    let mut free = 0;
    loop {
        let before = app.app.db.statements();
        let seen = shown(reader, tree).await;
        free = if app.app.db.statements() == before { free + 1 } else { 0 };
        if free == 5 {
            return seen;
        }
    }
}

/// Until what was done elsewhere has been heard: milliseconds.
async fn until_shown(reader: &Actor, tree: &str, wanted: Value) {
    let patience = timeout(Duration::from_secs(5), async {
        while shown(reader, tree).await != wanted {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    patience.await.expect("it is heard within seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_read_once_while_nothing_changes() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let read = timeout(Duration::from_secs(5), remembered(&app, &owner, &tree)).await.expect("it is kept");
    assert_eq!(read, json!({ "title": "Light", "status": "PUBLISHED", "revision": 2, "published": { "number": 1 } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_a_tree_sees_it_at_once_and_everybody_else_soon() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (second, router) = app.second_process();
    let elsewhere = owner.through(router);
    app.app.notices.heard().await;
    second.notices.heard().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let version = owner.ok("query($id: ID!) { tree(by: { id: $id }) { published { id } } }", json!({ "id": tree })).await;
    let revert = json!({ "input": { "id": tree, "revision": 4, "versionId": version.str("tree.published.id") } });
    let is = |title: &str, status: &str, revision: i64, number: i64| json!({ "title": title, "status": status, "revision": revision, "published": { "number": number } });
    // After each, both have read the tree before the next.
    let changes = [
        (UPDATE, json!({ "input": { "id": tree, "revision": 2, "title": "Lamp" } }), is("Lamp", "PUBLISHED", 3, 1)),
        (PUBLISH, json!({ "id": tree, "revision": 3 }), is("Lamp", "PUBLISHED", 4, 2)),
        ("mutation($input: RevertTreeInput!) { revertTree(input: $input) { userErrors { code } } }", revert, is("Lamp", "PUBLISHED", 5, 2)),
        (ARCHIVE, json!({ "id": tree, "revision": 5 }), is("Lamp", "ARCHIVED", 6, 2)),
        (RESTORE, json!({ "id": tree, "revision": 6 }), is("Lamp", "PUBLISHED", 7, 2)),
        (DELETE, json!({ "id": tree, "revision": 7 }), Value::Null),
    ];
    for (mutation, variables, after) in changes {
        shown(&elsewhere, &tree).await;
        let answer = owner.ok(mutation, variables).await;
        assert_eq!(shown(&owner, &tree).await, after, "{}", answer.text());
        until_shown(&elsewhere, &tree, after).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_tells_of_changes() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let mut wanted = shown(&owner, &tree).await;
    app.db_execute("UPDATE trees SET title = 'By hand'").await;
    wanted["title"] = json!("By hand");
    until_shown(&owner, &tree, wanted).await;
    app.db_execute("UPDATE trees SET published_version_id = NULL; DELETE FROM tree_versions; DELETE FROM trees").await;
    until_shown(&owner, &tree, Value::Null).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_the_connection_broke_counts_no_more() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let mut wanted = remembered(&app, &owner, &tree).await;
    let epoch = app.app.notices.epoch();
    // It stands for a change whose announcement went by while nobody listened.
    app.db_execute("ALTER TABLE trees DISABLE TRIGGER trees_changed; UPDATE trees SET title = 'Unheard'").await;
    assert_eq!(shown(&owner, &tree).await, wanted, "it is in memory");
    app.database.disconnect_all().await;
    while app.app.notices.epoch() == epoch {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    wanted["title"] = json!("Unheard");
    let patience = timeout(Duration::from_secs(5), async {
        while owner.gql(TREE, json!({ "id": tree })).await.data("tree") != wanted {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    patience.await.expect("it is read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_counted_as_they_start() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    let counts = "query($id: ID!) { tree(by: { id: $id }) { sessionCount } trees { nodes { sessionCount } } }";
    for count in 0..3 {
        let answer = owner.ok(counts, json!({ "id": tree })).await;
        assert_eq!((answer.data("tree.sessionCount"), answer.data("trees.nodes.0.sessionCount")), (json!(count), json!(count)));
        start(&owner, &tree).await;
    }
}

#[tokio::test]
async fn a_read_that_a_change_overtakes_is_not_kept() {
    let app = TestApp::new().await;
    app.app.notices.heard().await;
    let rows: Remembered<&str, &str> = Remembered::start(10, &app.app.notices, app.app.stop.clone(), |_| None);
    let (before, overtaken) = (rows.begin(), rows.begin());
    rows.keep(&before, "tree", |_| "old");
    assert_eq!(rows.get(&"tree"), Some("old"));
    rows.forget(&"tree");
    rows.keep(&overtaken, "tree", |_| "old");
    assert_eq!(rows.get(&"tree"), None);
    rows.keep(&rows.begin(), "tree", |_| "new");
    assert_eq!(rows.get(&"tree"), Some("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_while_others_write_sees_the_last_change_afterwards() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (tree, _) = published(&owner, "Light", looping()).await;
    for revision in 2..22 {
        let (title, reads) = (format!("Light {revision}"), (0..8).map(|_| shown(&owner, &tree)));
        let ((), _) = tokio::join!(rename(&owner, &tree, revision, &title), futures_util::future::join_all(reads));
        assert_eq!(shown(&owner, &tree).await["title"], title.as_str());
    }
}
