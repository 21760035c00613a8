//! Reads that may lag come from the replica, and nothing else does.

use std::time::{Duration, Instant};

use fixpath::app::App;
use fixpath::db::tls::Target;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::support::database::Database;
use super::support::trees::{UPDATE, looping, published, start};
use super::support::{Actor, TestApp};

const LIST: &str = "{ trees(first: 10) { nodes { title } totalCount } }";
const TREE: &str = "query($id: ID!) { tree(by: { id: $id }) { title } }";
const SEARCH: &str = "query($query: String!) { searchTrees(query: $query) { edges { nodeKey } } }";

/// An owner with a tree and a session, the copy of their database, and the same owner through a process that has the copy as its replica.
struct Story {
    /// Keeps the primary.
    _app: TestApp,
    replica: Database,
    owner: Actor,
    tree: String,
    session: String,
    process: App,
}

impl Story {
    async fn begin() -> Self {
        let (app, _, owner) = TestApp::with_owner().await;
        let (tree, _) = published(&owner, "Light", looping()).await;
        let session = start(&owner, &tree).await;
        // A database can be copied while nobody is connected to it.
        app.app.stop.cancel();
        app.app.db.close();
        let replica = app.database.copy().await;
        let (process, router) = app.second_process_with(&[("DATABASE_REPLICA_URL", &replica.url)]);
        Self { owner: owner.through(router), _app: app, replica, tree, session, process }
    }

    /// Lets the replica differ from the primary, so that it shows who answered.
    async fn db_execute_on_replica(&self, sql: &str) {
        let (client, connection) = Target::parse(&self.replica.url).unwrap().connect().await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    async fn listed(&self) -> Value {
        self.owner.ok(LIST, json!({})).await.data("trees.nodes.0.title")
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        self.process.stop.cancel();
        self.process.db.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_searches_lag_and_what_follows_a_write_does_not() {
    let story = Story::begin().await;
    story
        .db_execute_on_replica(
            "UPDATE trees SET title = 'Lamp'; UPDATE tree_texts SET heading = 'Lamp' WHERE node_key = '';
             UPDATE users SET username = 'elsewhere'; UPDATE memberships SET role = 'technician'; DELETE FROM sessions",
        )
        .await;
    let found =
        async |query: &str| story.owner.ok(SEARCH, json!({ "query": query })).await.data("searchTrees.edges").as_array().unwrap().len();
    let sessions = "{ sessions(first: 10) { nodes { id } totalCount } }";
    assert_eq!(story.listed().await, "Lamp");
    assert_eq!(found("lamp").await, 1);
    assert_eq!(story.owner.ok(sessions, json!({})).await.data("sessions.totalCount"), 0);

    let viewer = story.owner.ok("{ viewer { role user { username } } }", json!({})).await;
    assert_eq!(viewer.data("viewer"), json!({ "role": "OWNER", "user": { "username": "owner" } }));
    assert_eq!(story.owner.ok(TREE, json!({ "id": story.tree })).await.str("tree.title"), "Light");
    let session = story.owner.ok("query($id: ID!) { session(id: $id) { revision } }", json!({ "id": story.session })).await;
    assert_eq!(session.data("session.revision"), 1);

    let update = story.owner.ok(UPDATE, json!({ "input": { "id": story.tree, "revision": 2, "title": "Lantern" } })).await;
    assert_eq!(update.data("updateTree.tree.title"), "Lantern", "{}", update.text());
    assert_eq!(story.owner.ok(TREE, json!({ "id": story.tree })).await.str("tree.title"), "Lantern");
    assert_eq!((story.listed().await, found("lantern").await), (json!("Lamp"), 0), "the replica has not heard of it yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_replica_is_down_the_primary_answers() {
    let story = Story::begin().await;
    story.db_execute_on_replica("UPDATE trees SET title = 'Lamp'").await;
    assert_eq!(story.listed().await, "Lamp");
    story.replica.admit(false).await;
    story.replica.disconnect_all().await;
    // A connection in the pool may still be taken for a living one until its end has been read.
    let begun = Instant::now();
    while story.owner.gql(LIST, json!({})).await.data("trees.nodes.0.title") != "Light" {
        assert!(begun.elapsed() < Duration::from_secs(5), "the primary answers");
    }
    for _ in 0..5 {
        assert_eq!(story.listed().await, "Light");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_hangs_costs_one_request_its_patience_and_not_each() {
    let (app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Light", looping()).await;
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://fixpath@{}/replica?sslmode=disable", silent.local_addr().unwrap());
    let (process, router) = app.second_process_with(&[("DATABASE_REPLICA_URL", &url)]);
    let owner = owner.through(router);
    let first = Instant::now();
    assert_eq!(owner.ok(LIST, json!({})).await.data("trees.totalCount"), 1);
    let (first, rest) = (first.elapsed(), Instant::now());
    for _ in 0..5 {
        assert_eq!(owner.ok(LIST, json!({})).await.data("trees.totalCount"), 1);
    }
    assert!(first < Duration::from_secs(8) && rest.elapsed() < Duration::from_secs(2), "{first:?}, then {:?}", rest.elapsed());
    process.stop.cancel();
}
