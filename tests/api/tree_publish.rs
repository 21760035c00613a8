//! Publishing, versions, what calls what, and how trees end.

use std::time::Duration;

use fixpath::id::VersionId;
use fixpath::tree::version::Versions;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::people::{colleague, ids as ids_of};
use crate::support::trees::{CREATE, START, UPDATE, calling, create, looping, publish, published, start};
use crate::support::{Actor, Answer, TestApp};

const PUBLISH_NOTES: &str = "mutation($input: PublishTreeInput!) { publishTree(input: $input) {
    version { id number digest notes publishedAt publishedBy { username } tree { revision } } userErrors { code path } } }";
const REVERT: &str = "mutation($input: RevertTreeInput!) { revertTree(input: $input) {
    tree { revision status } version { digest number } userErrors { code path } } }";
const VERSION: &str = "query($id: ID!) { node(id: $id) { ... on TreeVersion { number tree { title } nodes { key } issues { code } } } }";

async fn act(who: &Actor, verb: &str, id: &str, revision: i64) -> Answer {
    let query =
        format!("mutation($id: ID!, $revision: Int!) {{ {verb}(input: {{ id: $id, revision: $revision }}) {{ userErrors {{ code }} }} }}");
    who.ok(&query, json!({ "id": id, "revision": revision })).await
}

async fn rewrite(author: &Actor, id: &str, revision: i64, document: Value) -> Answer {
    author.ok(UPDATE, json!({ "input": { "id": id, "revision": revision, "document": document } })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_content_has_an_equal_digest_in_every_version() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let id = create(&owner, "Grows", looping()).await.str("createTree.tree.id");
    let release = async |revision: i64, notes: Value| {
        owner.ok(PUBLISH_NOTES, json!({ "input": { "id": id, "revision": revision, "notes": notes } })).await
    };
    let one = release(1, json!("  First.  ")).await.data("publishTree.version");
    assert_eq!((&one["number"], &one["notes"], &one["publishedBy"]["username"]), (&json!(1), &json!("First."), &json!("owner")));
    let two = release(2, Value::Null).await.data("publishTree.version");
    assert_eq!(
        (&two["number"], &two["notes"], &two["digest"], &two["tree"]["revision"]),
        (&json!(2), &Value::Null, &one["digest"], &json!(3))
    );
    for (notes, code) in [("a\u{0}b".to_owned(), "INVALID"), ("x".repeat(4097), "TOO_LONG")] {
        let refused = release(3, json!(notes)).await;
        assert_eq!((refused.refusals("publishTree"), refused.data("publishTree.userErrors.0.path")), (vec![code.into()], json!(["notes"])));
    }

    let mut changed = looping();
    changed["nodes"]["restart"]["title"] = json!("Pull the plug");
    rewrite(&owner, &id, 3, changed).await;
    assert_ne!(release(4, Value::Null).await.data("publishTree.version.digest"), one["digest"]);
    let back = owner.ok(REVERT, json!({ "input": { "id": id, "revision": 5, "versionId": one["id"] } })).await;
    assert_eq!(back.data("revertTree.version"), json!({ "digest": one["digest"], "number": null }));
    assert_eq!(back.data("revertTree.tree"), json!({ "revision": 6, "status": "PUBLISHED" }));
    let late = owner.ok(REVERT, json!({ "input": { "id": id, "revision": 5, "versionId": one["id"] } })).await;
    assert_eq!(late.refusals("revertTree"), ["REVISION_CONFLICT"]);
    let (other, _) = published(&owner, "Other", looping()).await;
    let foreign = owner.ok(REVERT, json!({ "input": { "id": other, "revision": 2, "versionId": one["id"] } })).await;
    assert_eq!(
        (foreign.refusals("revertTree"), foreign.data("revertTree.userErrors.0.path")),
        (vec!["NOT_FOUND".into()], json!(["versionId"]))
    );

    let list = owner
        .ok("query($id: ID!) { tree(by: { id: $id }) { versions { nodes { number } } published { number } } }", json!({ "id": id }))
        .await;
    assert_eq!(list.data("tree.versions.nodes"), json!([{ "number": 3 }, { "number": 2 }, { "number": 1 }]));
    assert_eq!(list.data("tree.published.number"), 3, "reverting changes the draft only");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_form_no_cycle_however_long() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (a, _) = published(&owner, "A", looping()).await;
    let (b, _) = published(&owner, "B", calling("a")).await;
    published(&owner, "C", calling(&b)).await;
    let code = async |revision: i64, reference: &str| {
        rewrite(&owner, &a, revision, calling(reference)).await;
        publish(&owner, &a, revision + 1).await.data("publishTree.userErrors.0.issues.0")
    };
    for (revision, reference) in [(2, "c"), (3, "b"), (4, "a"), (5, a.as_str())] {
        let issue = code(revision, reference).await;
        assert_eq!(issue, json!({ "code": "SUBTREE_CYCLE", "severity": "ERROR", "nodeKey": "call" }), "A calls {reference}");
    }
    // Once B calls nobody, A may call B; C still calls the B that it was published with, and that one calls A.
    rewrite(&owner, &b, 2, looping()).await;
    publish(&owner, &b, 3).await;
    assert_eq!(code(6, "c").await["code"], "SUBTREE_CYCLE");
    assert_eq!(code(7, "b").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_have_the_calls_of_an_account_in_time_is_told_to_come_again() {
    let (app, _, owner) = TestApp::with_owner().await;
    let tree = create(&owner, "A", looping()).await.str("createTree.tree.id");
    // Somebody else is changing what calls what, and takes long.
    app.db_execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('calls:' || id, 0)) FROM accounts").await;
    let (published, deleted) = tokio::join!(publish(&owner, &tree, 1), act(&owner, "deleteTree", &tree, 1));
    assert_eq!(published.refusals("publishTree"), ["RATE_LIMITED"]);
    assert_eq!(deleted.refusals("deleteTree"), ["RATE_LIMITED"]);
    app.db_execute("COMMIT").await;
    assert_eq!(publish(&owner, &tree, 1).await.refusals("publishTree"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_nest_eight_deep_and_no_deeper() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    published(&owner, "Level 1", looping()).await;
    for level in 2..=8 {
        published(&owner, &format!("Level {level}"), calling(&format!("level-{}", level - 1))).await;
    }
    let ninth = create(&owner, "Level 9", calling("level-8")).await;
    let issue = ninth.data("createTree.version.issues.0");
    assert_eq!(issue["code"], "SUBTREE_CYCLE");
    assert!(issue["message"].as_str().unwrap().contains("9 deep"), "{issue}");
}

/// So many decisions in a row, and then a call, if it names a tree.
fn deciding(count: usize, calls: Option<&str>) -> Value {
    let decision = |i: usize| {
        let next = format!("n{}", i + 1);
        json!({ "kind": "decision", "title": "", "rules": [{ "when": "pages > 3", "to": next }], "otherwise": next })
    };
    let mut nodes: serde_json::Map<String, Value> = (0..count).map(|i| (format!("n{i}"), decision(i))).collect();
    let end = calls.map_or(
        json!({ "kind": "resolution", "title": "", "outcome": "resolved" }),
        |tree| json!({ "kind": "subtree", "title": "", "tree": tree }),
    );
    nodes.insert(format!("n{count}"), end);
    json!({ "schema": 1, "root": "n0", "variables": [{ "name": "pages", "kind": "number", "default": 1 }], "nodes": nodes })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_on_for_too_long_through_all_that_it_calls_is_not_published() {
    let (_app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Sixty", deciding(60, None)).await;
    let (eighty, _) = published(&owner, "Eighty", deciding(20, Some("sixty"))).await;
    // Nobody is asked anything, and it ends all the same.
    let session = start(&owner, &eighty).await;
    let shown = owner.ok("query($id: ID!) { session(id: $id) { revision current { __typename } } }", json!({ "id": session })).await;
    assert_eq!(shown.data("session"), json!({ "revision": 82, "current": { "__typename": "ResolutionNode" } }));

    published(&owner, "Hundred", deciding(18, Some("eighty"))).await;
    let long = create(&owner, "Long", deciding(19, Some("eighty"))).await;
    let issue = long.data("createTree.version.issues.0");
    assert_eq!((&issue["code"], &issue["nodeKey"]), (&json!("LIMIT"), &json!("n0")));
    assert!(issue["message"].as_str().unwrap().contains("101 decisions and calls"), "{issue}");
    let refused = publish(&owner, &long.str("createTree.tree.id"), 1).await;
    assert_eq!(refused.refusals("publishTree"), ["TREE_INVALID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_tree_is_called_by_old_versions_only() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (callee, _) = published(&owner, "Callee", looping()).await;
    let (caller, _) = published(&owner, "Caller", calling("callee")).await;
    assert_eq!(act(&owner, "archiveTree", &callee, 2).await.refusals("archiveTree"), Vec::<String>::new());
    assert_eq!(publish(&owner, &caller, 2).await.data("publishTree.userErrors.0.issues.0.code"), "SUBTREE_NOT_PUBLISHED");
    let session = start(&owner, &caller).await;
    let current = owner.ok("query($id: ID!) { session(id: $id) { current { key } } }", json!({ "id": session })).await;
    assert_eq!(current.data("session.current.key"), "light", "the walk goes on in the archived tree");
    assert_eq!(owner.ok(START, json!({ "input": { "tree": { "id": callee } } })).await.refusals("startSession").len(), 1);
    // Nothing else can be done with it.
    assert_eq!(rewrite(&owner, &callee, 3, looping()).await.refusals("updateTree"), ["WRONG_STATE"]);
    assert_eq!(publish(&owner, &callee, 3).await.refusals("publishTree"), ["WRONG_STATE"]);
    let version = owner.ok("query($id: ID!) { tree(by: { id: $id }) { status published { id } } }", json!({ "id": callee })).await;
    assert_eq!(version.data("tree.status"), "ARCHIVED");
    let revert = json!({ "input": { "id": callee, "revision": 3, "versionId": version.str("tree.published.id") } });
    assert_eq!(owner.ok(REVERT, revert).await.refusals("revertTree"), ["WRONG_STATE"]);
    assert_eq!(act(&owner, "deleteTree", &callee, 3).await.refusals("deleteTree"), ["IN_USE"]);
    assert_eq!(act(&owner, "restoreTree", &callee, 3).await.refusals("restoreTree"), Vec::<String>::new());
    assert_eq!(act(&owner, "restoreTree", &callee, 4).await.refusals("restoreTree"), ["WRONG_STATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tree_takes_its_versions_with_it() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (id, _) = published(&owner, "Gone", looping()).await;
    let shown = owner.ok("query($id: ID!) { tree(by: { id: $id }) { published { id } draft { id } } }", json!({ "id": id })).await;
    let (version, draft) = (shown.str("tree.published.id"), shown.str("tree.draft.id"));
    // Both processes have read it, and keep what they read.
    let (second, router) = app.second_process();
    let elsewhere = owner.through(router);
    for reader in [&owner, &elsewhere] {
        assert_eq!(reader.ok(VERSION, json!({ "id": version })).await.data("node.tree.title"), "Gone");
    }
    assert_eq!(act(&owner, "deleteTree", &id, 2).await.refusals("deleteTree"), Vec::<String>::new());
    for gone in [&version, &draft, &id] {
        assert_eq!(owner.ok(VERSION, json!({ "id": gone })).await.data("node"), Value::Null, "{gone}");
        let heard = timeout(Duration::from_secs(5), async {
            while elsewhere.ok(VERSION, json!({ "id": gone })).await.data("node") != Value::Null {}
        });
        assert!(heard.await.is_ok(), "{gone}");
    }
    assert_eq!(act(&owner, "deleteTree", &id, 2).await.refusals("deleteTree"), ["NOT_FOUND"]);
    let again = create(&owner, "Gone", looping()).await;
    assert_eq!(again.data("createTree.tree.slug"), "gone", "its slug is free again");
    second.stop.cancel();
    second.db.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_shown_to_those_who_may_see_the_tree() {
    let (app, _, owner) = TestApp::with_owner().await;
    let technician = colleague(&app, &owner, "technician", "technician").await;
    let stranger = app.sign_up("stranger").await;
    let (id, _) = published(&owner, "Open", looping()).await;
    let shown = owner.ok("query($id: ID!) { tree(by: { id: $id }) { published { id } draft { id } } }", json!({ "id": id })).await;
    let (version, draft) = (shown.str("tree.published.id"), shown.str("tree.draft.id"));
    let (theirs, _) = published(&stranger, "Theirs", looping()).await;
    let own = stranger
        .ok("query($id: ID!) { tree(by: { id: $id }) { published { id } } }", json!({ "id": theirs }))
        .await
        .str("tree.published.id");
    let node = async |who: &Actor, id: &str| who.ok(VERSION, json!({ "id": id })).await.data("node.number");
    assert_eq!((node(&technician, &version).await, node(&stranger, &version).await), (json!(1), Value::Null));
    let drafts = "query($id: ID!) { node(id: $id) { id } }";
    for who in [&technician, &stranger] {
        assert_eq!(who.ok(drafts, json!({ "id": draft })).await.data("node"), Value::Null);
    }
    let diff = "query($id: ID!, $from: ID!) { node(id: $id) { ... on TreeVersion { diff(from: $from) { changes { nodeKey } } } } }";
    for (who, from, expected) in [
        (&owner, &draft, json!({ "changes": [] })),
        (&owner, &own, Value::Null),
        (&technician, &draft, Value::Null),
        (&technician, &version, json!({ "changes": [] })),
    ] {
        assert_eq!(who.ok(diff, json!({ "id": version, "from": from })).await.data("node.diff"), expected);
    }
    let nonsense = owner.gql(diff, json!({ "id": version, "from": id })).await;
    assert_eq!(nonsense.codes(), ["BAD_USER_INPUT"], "a tree is no version");
    // Out of use is out of a technician's sight, by any way in.
    act(&owner, "archiveTree", &id, 2).await;
    assert_eq!((node(&technician, &version).await, node(&owner, &version).await), (Value::Null, json!(1)));
    for verb in ["archiveTree", "restoreTree", "deleteTree"] {
        assert_eq!(act(&stranger, verb, &id, 3).await.refusals(verb), ["NOT_FOUND"]);
        assert_eq!(act(&technician, verb, &id, 3).await.refusals(verb), ["FORBIDDEN"]);
    }
    for (input, mutation) in [(json!({ "id": id, "revision": 3, "title": "Mine now" }), "updateTree")] {
        assert_eq!(stranger.ok(UPDATE, json!({ "input": input })).await.refusals(mutation), ["NOT_FOUND"]);
    }
    assert_eq!(publish(&stranger, &id, 3).await.refusals("publishTree"), ["NOT_FOUND"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_node_is_shown_with_its_fields() {
    let (_app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Callee", looping()).await;
    let document = json!({
        "schema": 1, "root": "who",
        "variables": [{ "name": "user", "kind": "text", "pii": true }, { "name": "ended", "kind": "text", "default": "" }],
        "nodes": {
            "who": { "kind": "question", "title": "Who?", "body": "Ask *them*.", "ask": "text", "variable": "user", "otherwise": "open",
                "media": [{ "url": "https://example.com/a.png", "kind": "image", "alt": "A door" }] },
            "open": { "kind": "action", "title": "Open it", "url": "https://example.com/door", "next": "call" },
            "call": { "kind": "subtree", "title": "Look", "tree": "callee", "variable": "ended", "next": "how" },
            "how": { "kind": "decision", "title": "So?", "rules": [{ "when": "ended == 'resolved'", "to": "pick" }], "otherwise": "bad" },
            "pick": { "kind": "question", "title": "Sure?", "ask": "choice", "options": [{ "key": "y", "label": "Yes", "hint": "Very", "to": "good" }, { "key": "n", "label": "No", "to": "bad" }] },
            "good": { "kind": "resolution", "title": "Good", "outcome": "resolved" },
            "bad": { "kind": "resolution", "title": "Bad", "outcome": "escalated" }
        }
    });
    let (id, _) = published(&owner, "Caller", document).await;
    let query =
        "query($id: ID!) { tree(by: { id: $id }) { published { rootKey variables { name kind pii } treeNode(key: \"none\") { key } nodes {
        __typename key title body media { url kind alt }
        ... on QuestionNode { ask variable options { key label hint to } otherwise }
        ... on ActionNode { url next }
        ... on DecisionNode { rules { when to } fallback: otherwise }
        ... on SubtreeNode { tree { title } calls: variable then: next }
        ... on ResolutionNode { outcome } } } } }";
    let shown = owner.ok(query, json!({ "id": id })).await;
    let version = shown.data("tree.published");
    assert_eq!((&version["rootKey"], &version["treeNode"]), (&json!("who"), &Value::Null));
    assert_eq!(
        version["variables"],
        json!([{ "name": "user", "kind": "TEXT", "pii": true }, { "name": "ended", "kind": "TEXT", "pii": false }])
    );
    let plain = |kind: &str, key: &str, title: &str, more: Value| {
        let mut node = json!({ "__typename": kind, "key": key, "title": title, "body": null, "media": [] });
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        node
    };
    let option = |key: &str, label: &str, hint: Value, to: &str| json!({ "key": key, "label": label, "hint": hint, "to": to });
    let expected = json!([
        plain(
            "QuestionNode",
            "who",
            "Who?",
            json!({ "body": "Ask *them*.", "ask": "TEXT", "variable": "user", "options": [], "otherwise": "open",
            "media": [{ "url": "https://example.com/a.png", "kind": "IMAGE", "alt": "A door" }] })
        ),
        plain("ActionNode", "open", "Open it", json!({ "url": "https://example.com/door", "next": "call" })),
        plain("SubtreeNode", "call", "Look", json!({ "tree": { "title": "Callee" }, "calls": "ended", "then": "how" })),
        plain("DecisionNode", "how", "So?", json!({ "rules": [{ "when": "ended == 'resolved'", "to": "pick" }], "fallback": "bad" })),
        plain(
            "QuestionNode",
            "pick",
            "Sure?",
            json!({ "ask": "CHOICE", "variable": null, "otherwise": null,
            "options": [option("y", "Yes", json!("Very"), "good"), option("n", "No", Value::Null, "bad")] })
        ),
        plain("ResolutionNode", "good", "Good", json!({ "outcome": "RESOLVED" })),
        plain("ResolutionNode", "bad", "Bad", json!({ "outcome": "ESCALATED" })),
    ]);
    assert_eq!(version["nodes"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_s_nodes_answer_what_is_asked_however_often_it_was_asked_in_other_words() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (id, _) = published(&owner, "Looping", looping()).await;
    let ask = async |nodes: &str, shown: bool| {
        let query = format!(
            "query($id: ID!, $shown: Boolean!) {{ tree(by: {{ id: $id }}) {{ published {{ {nodes} number @include(if: $shown) }} }} }}"
        );
        owner.ok(&query, json!({ "id": id, "shown": shown })).await.data("tree.published")
    };
    let keys = ask("nodes { key }", true).await;
    assert_eq!(keys["nodes"].as_array().map(Vec::len), Some(looping()["nodes"].as_object().unwrap().len()));
    let titles = ask("nodes { title }", true).await;
    for _ in 0..2 {
        assert_eq!(ask("nodes { key }", true).await, keys);
        assert_eq!(ask("nodes { title }", true).await, titles);
        assert_eq!(ask("all: nodes { key }", true).await["all"], keys["nodes"]);
        assert_eq!(ask("nodes { name: key }", true).await["nodes"][0]["name"], keys["nodes"][0]["key"]);
        let merged = ask("nodes { key } nodes { title }", true).await;
        assert_eq!(merged["nodes"][0], json!({ "key": keys["nodes"][0]["key"], "title": titles["nodes"][0]["title"] }));
        assert_eq!(ask("nodes { key title @include(if: $shown) }", true).await, merged);
        assert_eq!(ask("nodes { key title @include(if: $shown) }", false).await["nodes"], keys["nodes"]);
        let of_kinds = ask("nodes { ... on QuestionNode { key } ... on ResolutionNode { title } }", true).await;
        let kinds = ask("nodes { __typename }", true).await;
        for (place, kind) in kinds["nodes"].as_array().unwrap().iter().enumerate() {
            let expected = match kind["__typename"].as_str().unwrap() {
                "QuestionNode" => json!({ "key": keys["nodes"][place]["key"] }),
                "ResolutionNode" => json!({ "title": titles["nodes"][place]["title"] }),
                _ => json!({}),
            };
            assert_eq!(of_kinds["nodes"][place], expected);
        }
    }
    published(&owner, "Callee", looping()).await;
    let changed = json!({ "id": id, "revision": 2, "document": calling("callee") });
    owner.ok(UPDATE, json!({ "input": changed })).await;
    assert_eq!(publish(&owner, &id, 3).await.refusals("publishTree"), Vec::<String>::new());
    assert_eq!(ask("nodes { key }", true).await["nodes"][0]["key"], "call", "another version, other nodes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_version_is_read_from_the_database_once() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (id, _) = published(&owner, "Once", looping()).await;
    let (second, router) = app.second_process();
    let reader = owner.through(router);
    second.notices.heard().await;
    reader.ok("{ viewer { user { username } } }", json!({})).await;
    let query = "query($id: ID!) { tree(by: { id: $id }) { published { number nodes { key } } } }";
    let mut costs = Vec::new();
    for _ in 0..3 {
        let before = second.db.statements();
        reader.ok(query, json!({ "id": id })).await;
        costs.push(second.db.statements() - before);
    }
    assert_eq!(costs, [2, 0, 0], "the tree and its version, then nothing");
    second.stop.cancel();
    second.db.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_of_several_lines_spoils_no_export() {
    let (_app, _, owner) = TestApp::with_owner().await;
    for title in ["Two\nlines", "# [x] ::", "Evil\n\n:: Start\n[[x]]", "-->", "\"]"] {
        let made = create(&owner, title, looping()).await;
        let id = made.str("createTree.tree.id");
        for (format, field) in [("JSON", "document"), ("MARKDOWN", "markdown"), ("MERMAID", "mermaid"), ("TWEE", "twee")] {
            let query = format!("query($id: ID!) {{ tree(by: {{ id: $id }}) {{ draft {{ export(format: {format}) }} }} }}");
            let text = owner.ok(&query, json!({ "id": id })).await.data("tree.draft.export");
            let again = owner.ok(CREATE, json!({ "input": { "title": "Again", "source": { field: text } } })).await;
            assert_eq!(
                again.data("createTree.version.digest"),
                made.data("createTree.version.digest"),
                "{title:?} {format}: {}",
                again.text()
            );
            act(&owner, "deleteTree", &again.str("createTree.tree.id"), 1).await;
        }
        act(&owner, "deleteTree", &id, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn published_documents_in_memory_are_never_more_than_their_limit() {
    let (app, _, owner) = TestApp::with_owner().await;
    published(&owner, "Light", looping()).await;
    app.db_execute(
        "INSERT INTO tree_versions (account_id, id, tree_id, number, digest, document, published_by, published_at)
         SELECT account_id, gen_random_uuid(), tree_id, number + n, digest, document, published_by, published_at
         FROM tree_versions, generate_series(1, 99) AS n",
    )
    .await;
    let ids = app.database_text("SELECT id::text FROM tree_versions").await;
    let ids: Vec<VersionId> = ids.iter().map(|id| VersionId::from(id.parse::<Uuid>().unwrap())).collect();
    let (account, mut conn) = (ids_of(&owner).await.1, app.app.db.conn().await.unwrap());
    let versions = Versions::holding(60);
    for some in ids.chunks(10) {
        assert_eq!(versions.get_many(&mut conn, account, some).await.unwrap().len(), 10);
        assert!((1..=60).contains(&versions.held()), "{}", versions.held());
    }
    let kept = ids.iter().filter(|id| versions.cached(account, **id).is_some()).count();
    assert!((1..100).contains(&kept), "{kept}");
    assert_eq!(versions.get_many(&mut conn, account, &ids).await.unwrap().len(), 100, "what was let go is read again");
    // A document with a long text weighs as much as one with many nodes: it cannot slip in.
    app.db_execute(
        "ALTER TABLE tree_versions DISABLE TRIGGER ALL; UPDATE tree_versions SET document = (jsonb_set(document::jsonb,
        '{nodes,light,body}', to_jsonb(repeat('x', 100000))))::json; ALTER TABLE tree_versions ENABLE TRIGGER ALL",
    )
    .await;
    let versions = Versions::holding(60);
    versions.get_many(&mut conn, account, &ids).await.unwrap();
    assert_eq!(versions.held(), 0);
}
