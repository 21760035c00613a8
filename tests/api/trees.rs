//! Authoring: drafts, publishing, versions, finding.

use serde_json::{Value, json};

use crate::support::people::colleague;
use crate::support::trees::{CREATE, UPDATE, calling, create, looping, publish, published, start};
use crate::support::{Actor, TestApp};

async fn source(author: &Actor, title: &str, source: Value) -> crate::support::Answer {
    author.ok(CREATE, json!({ "input": { "title": title, "source": source } })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_starts_from_any_source() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let text = looping().to_string();
    let first = create(&owner, "From an object", looping()).await;
    let sources = [
        ("From its text", json!({ "document": text })),
        ("From another", json!({ "treeId": first.str("createTree.tree.id") })),
        ("From a drawing", json!({ "mermaid": "flowchart TD\n a{Green?} -->|Yes| b([Works])\n a -->|No| c([Broken]):::escalated" })),
    ];
    let mut digests = vec![first.str("createTree.version.digest")];
    for (title, from) in sources {
        let made = source(&owner, title, from).await;
        assert_eq!(made.refusals("createTree"), Vec::<String>::new(), "{title}: {}", made.text());
        digests.push(made.str("createTree.version.digest"));
    }
    assert_eq!((&digests[0], &digests[0]), (&digests[1], &digests[2]), "equal content has an equal digest");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_with_its_place() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let cases = [
        (json!({ "document": { "schema": 1, "nodes": { "a": { "kind": "action", "colour": "red" } } } }), "unknown field"),
        (json!({ "document": { "schema": 1, "nodes": { "a": { "kind": "action", "title": 7 } } } }), "invalid type"),
        (json!({ "document": "{\n \"schema\": 1,\n \"schema\": 1 }" }), "Line 3"),
        (json!({ "document": { "schema": 2 } }), "schema 2"),
        (json!({ "document": { "schema": 1, "nodes": { "a": { "kind": "action", "title": "a\u{0}b" } } } }), "NUL"),
        (json!({ "mermaid": "flowchart TD\n a{Green?} --> b\n a --> c" }), "Line"),
        (json!({ "twee": ":: Start\n[[gone]]" }), "Line 2"),
        (json!({ "template": "no-such" }), "no template"),
        (json!({ "treeId": "tree_01jd0000000000000000000000" }), "no such tree"),
    ];
    for (from, words) in cases {
        let refused = source(&owner, "Wrong", from.clone()).await;
        let errors = refused.data("createTree.userErrors").to_string();
        assert!(errors.contains(words), "{from} says {words}: {errors}");
    }
    let path = source(&owner, "Wrong", json!({ "document": { "schema": 1, "nodes": { "a": { "kind": "action", "title": 7 } } } })).await;
    assert_eq!(path.data("createTree.userErrors.0.path"), json!(["source", "document", "nodes", "a", "title"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trees_attributes_are_checked() {
    let (_app, _, owner) = TestApp::with_owner().await;
    for (input, code) in [
        (json!({ "title": " " }), "REQUIRED"),
        (json!({ "title": "x".repeat(201) }), "TOO_LONG"),
        (json!({ "title": "a\u{0}b" }), "INVALID"),
        (json!({ "title": "T", "slug": "Not A Slug" }), "INVALID"),
        (json!({ "title": "T", "category": "nowhere" }), "NOT_FOUND"),
        (json!({ "title": "T", "locale": "english please" }), "INVALID"),
        (json!({ "title": "T", "tags": (0..21).map(|n| n.to_string()).collect::<Vec<_>>() }), "TOO_MANY"),
    ] {
        assert_eq!(owner.ok(CREATE, json!({ "input": input })).await.refusals("createTree"), [code], "{input}");
    }
    let made = owner.ok(CREATE, json!({ "input": { "title": "Grüne Lampe!", "tags": ["Box", "box "], "category": "network" } })).await;
    assert_eq!(made.data("createTree.tree.slug"), "gr-ne-lampe");
    assert_eq!(made.data("createTree.tree.tags"), json!(["box"]));
    let second = owner.ok(CREATE, json!({ "input": { "title": "Grüne Lampe?" } })).await;
    assert_eq!(second.data("createTree.tree.slug"), "gr-ne-lampe-2", "a slug that was not asked for makes way");
    let taken = owner.ok(CREATE, json!({ "input": { "title": "Another", "slug": "gr-ne-lampe" } })).await;
    assert_eq!(taken.refusals("createTree"), ["TAKEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_tree_of_the_plan_has_one_winner() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("free").await;
    for number in 0..4 {
        create(&owner, &format!("Tree {number}"), looping()).await;
    }
    let (one, other) = tokio::join!(create(&owner, "Fifth", looping()), create(&owner, "Also fifth", looping()));
    let refusals = [one.refusals("createTree"), other.refusals("createTree")].concat();
    assert_eq!(refusals, ["PLAN_LIMIT"]);
    let refused = create(&owner, "Sixth", looping()).await;
    let error = refused.data("createTree.userErrors.0");
    assert_eq!((&error["__typename"], &error["limit"]), (&json!("LimitReached"), &json!({ "key": "TREES", "max": 5, "used": 5 })));
    assert_eq!(error["upgradeTo"], json!({ "key": "starter" }));
    assert_eq!(error["message"], "The Free plan allows 5 trees, and all are used.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_names_the_revision_it_read() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let id = create(&owner, "Shared", looping()).await.str("createTree.tree.id");
    let edit = |title: &str| owner.clone().edit(json!({ "id": id, "revision": 1, "title": title, "summary": "What it is for" }));
    let (one, other) = tokio::join!(edit("One"), edit("Other"));
    let conflicts = [one.refusals("updateTree"), other.refusals("updateTree")].concat();
    assert_eq!(conflicts, ["REVISION_CONFLICT"]);
    let late = owner.clone().edit(json!({ "id": id, "revision": 1, "title": "Late" })).await;
    assert_eq!(late.data("updateTree.userErrors.0.currentRevision"), 2);
    let kept = owner.clone().edit(json!({ "id": id, "revision": 2, "tags": ["a"] })).await;
    assert_eq!(kept.data("updateTree.tree.summary"), "What it is for", "absent keeps");
    let cleared = owner.clone().edit(json!({ "id": id, "revision": 3, "summary": null, "tags": null })).await;
    assert_eq!((cleared.data("updateTree.tree.summary"), cleared.data("updateTree.tree.tags")), (Value::Null, json!([])), "null clears");
}

impl Actor {
    async fn edit(self, input: Value) -> crate::support::Answer {
        self.ok(UPDATE, json!({ "input": input })).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_refuses_errors_and_pins_what_is_called() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let caller = create(&owner, "Caller", calling("callee")).await.str("createTree.tree.id");
    let early = publish(&owner, &caller, 1).await;
    assert_eq!(early.refusals("publishTree"), ["TREE_INVALID"]);
    assert_eq!(early.data("publishTree.userErrors.0.issues.0.code"), "SUBTREE_NOT_PUBLISHED");
    let (callee, _) = published(&owner, "Callee", looping()).await;
    assert_eq!(publish(&owner, &caller, 1).await.data("publishTree.version.number"), 1);

    // The callee changes; whoever walks the caller still walks what was pinned.
    let mut changed = looping();
    changed["nodes"]["light"]["title"] = json!("Is the light blue?");
    owner.clone().edit(json!({ "id": callee, "revision": 2, "document": changed })).await;
    publish(&owner, &callee, 3).await;
    let session = start(&owner, &caller).await;
    let shown = owner.ok("query($id: ID!) { session(id: $id) { current { title } } }", json!({ "id": session })).await;
    assert_eq!(shown.data("session.current.title"), "Is the light green?");

    // Calling back is a cycle.
    let back = owner.clone().edit(json!({ "id": callee, "revision": 4, "document": calling("caller") })).await;
    assert_eq!(back.data("updateTree.version.issues.0.code"), "SUBTREE_CYCLE");
    assert_eq!(publish(&owner, &callee, 5).await.refusals("publishTree"), ["TREE_INVALID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_trees_published_at_once_cannot_call_each_other() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (one, _) = published(&owner, "One", looping()).await;
    let (two, _) = published(&owner, "Two", looping()).await;
    owner.clone().edit(json!({ "id": one, "revision": 2, "document": calling("two") })).await;
    owner.clone().edit(json!({ "id": two, "revision": 2, "document": calling("one") })).await;
    let (first, second) = tokio::join!(publish(&owner, &one, 3), publish(&owner, &two, 3));
    let refusals = [first.refusals("publishTree"), second.refusals("publishTree")].concat();
    assert_eq!(refusals, ["TREE_INVALID"], "exactly one of them goes through");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_stay_and_can_come_back() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (id, _) = published(&owner, "Grows", looping()).await;
    let mut changed = looping();
    changed["nodes"]["restart"]["title"] = json!("Pull the plug");
    owner.clone().edit(json!({ "id": id, "revision": 2, "document": changed })).await;
    publish(&owner, &id, 3).await;
    let query = "query($id: ID!) { tree(by: { id: $id }) { versions(first: 1) { nodes { id number } pageInfo { hasNextPage endCursor } } \
                 published { number nodes { __typename key title } treeNode(key: \"works\") { title } } } }";
    let shown = owner.ok(query, json!({ "id": id })).await;
    assert_eq!(shown.data("tree.versions.nodes.0.number"), 2);
    assert_eq!(shown.data("tree.versions.pageInfo.hasNextPage"), true);
    assert_eq!(shown.data("tree.published.treeNode.title"), "It works");
    let more = "query($id: ID!, $after: String) { tree(by: { id: $id }) { versions(after: $after) { nodes { id number } } \
                draft { id diffs: issues { code } } } }";
    let cursor = shown.data("tree.versions.pageInfo.endCursor");
    let older = owner.ok(more, json!({ "id": id, "after": cursor })).await;
    let first = older.str("tree.versions.nodes.0.id");
    let diff = "query($id: ID!, $from: ID!) { node(id: $id) { ... on TreeVersion { diff(from: $from) { changes { kind nodeKey fields } markdown } } } }";
    let told = owner.ok(diff, json!({ "id": older.str("tree.draft.id"), "from": first })).await;
    assert_eq!(told.data("node.diff.changes"), json!([{ "kind": "CHANGED", "nodeKey": "restart", "fields": ["title"] }]));

    let revert = "mutation($id: ID!, $version: ID!) { revertTree(input: { id: $id, revision: 4, versionId: $version }) { \
                  version { digest document } userErrors { code } } }";
    let reverted = owner.ok(revert, json!({ "id": id, "version": first })).await;
    assert_eq!(reverted.data("revertTree.version.document.nodes.restart.title"), "Restart the box");
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    let refused = client.batch_execute("UPDATE tree_versions SET number = 9").await.unwrap_err();
    assert!(format!("{refused:?}").contains("never change"), "the database itself keeps versions as they are");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_but_dot_comes_back_the_same() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let made = create(&owner, "Round", looping()).await;
    let id = made.str("createTree.tree.id");
    for (format, field) in [("JSON", "document"), ("MARKDOWN", "markdown"), ("MERMAID", "mermaid"), ("TWEE", "twee")] {
        let export = format!("query($id: ID!) {{ tree(by: {{ id: $id }}) {{ draft {{ export(format: {format}) }} }} }}");
        let text = owner.ok(&export, json!({ "id": id })).await.data("tree.draft.export");
        let again = source(&owner, &format!("Round {format}"), json!({ field: text })).await;
        assert_eq!(again.data("createTree.version.digest"), made.data("createTree.version.digest"), "{format}: {text}");
    }
    let dot = owner.ok("query($id: ID!) { tree(by: { id: $id }) { draft { export(format: DOT) } } }", json!({ "id": id })).await;
    assert!(dot.str("tree.draft.export").starts_with("digraph"));
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_trees_rest_and_used_ones_stay() {
    let (app, _, owner) = TestApp::with_owner().await;
    let engineer = colleague(&app, &owner, "engineer", "engineer").await;
    let act = |who: &Actor, verb: &str, id: &str, revision: i64| {
        let result = if verb == "deleteTree" { "deletedId" } else { "tree { status }" };
        let query = format!("mutation($input: TreeRevisionInput!) {{ {verb}(input: $input) {{ {result} userErrors {{ code }} }} }}");
        let (who, input) = (who.clone(), json!({ "input": { "id": id, "revision": revision } }));
        async move { who.ok(&query, input).await }
    };
    let (id, _) = published(&owner, "Rests", looping()).await;
    assert_eq!(act(&engineer, "archiveTree", &id, 2).await.data("archiveTree.tree.status"), "ARCHIVED");
    assert_eq!(act(&engineer, "archiveTree", &id, 3).await.refusals("archiveTree"), ["WRONG_STATE"]);
    let edit = engineer.clone().edit(json!({ "id": id, "revision": 3, "title": "No" })).await;
    assert_eq!(edit.refusals("updateTree"), ["WRONG_STATE"]);
    assert_eq!(act(&engineer, "restoreTree", &id, 3).await.data("restoreTree.tree.status"), "PUBLISHED");
    assert_eq!(act(&engineer, "deleteTree", &id, 4).await.refusals("deleteTree"), ["FORBIDDEN"]);

    let (caller, _) = published(&owner, "Calls", calling("rests")).await;
    assert_eq!(act(&owner, "deleteTree", &id, 4).await.refusals("deleteTree"), ["IN_USE"], "another tree calls it");
    let gone = act(&owner, "deleteTree", &caller, 2).await;
    assert_eq!(gone.data("deleteTree.deletedId"), json!(caller));
    start(&owner, &id).await;
    assert_eq!(act(&owner, "deleteTree", &id, 4).await.refusals("deleteTree"), ["IN_USE"], "a session has walked it");
}

#[tokio::test(flavor = "multi_thread")]
async fn technicians_see_what_is_published_and_strangers_nothing() {
    let (app, _, owner) = TestApp::with_owner().await;
    let technician = colleague(&app, &owner, "technician", "technician").await;
    let stranger = app.sign_up("stranger").await;
    let (open, _) = published(&owner, "Open", looping()).await;
    let hidden = create(&owner, "Hidden", looping()).await.str("createTree.tree.id");
    let query = "query($id: ID!) { tree(by: { id: $id }) { title draft { id } published { number } } node(id: $id) { id } }";
    let seen = technician.ok(query, json!({ "id": open })).await;
    assert_eq!(seen.data("tree"), json!({ "title": "Open", "draft": null, "published": { "number": 1 } }));
    for (who, id) in [(&technician, &hidden), (&stranger, &open), (&stranger, &hidden)] {
        let nothing = who.ok(query, json!({ "id": id })).await;
        assert_eq!((nothing.data("tree"), nothing.data("node")), (Value::Null, Value::Null));
    }
    let list = "{ trees { totalCount nodes { title } } searchTrees(query: \"light\") { edges { node { title } } } }";
    let listed = technician.ok(list, json!({})).await;
    assert_eq!(listed.data("trees"), json!({ "totalCount": 1, "nodes": [{ "title": "Open" }] }));
    assert_eq!(listed.data("searchTrees.edges"), json!([{ "node": { "title": "Open" } }]));
    let create = technician.ok(CREATE, json!({ "input": { "title": "Mine" } })).await;
    assert_eq!(create.refusals("createTree"), ["FORBIDDEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_ordered_and_paged() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    for number in 0..7 {
        app.advance(chrono::TimeDelta::seconds(1));
        let tags = if number % 2 == 0 { json!(["even"]) } else { json!(["odd", "rare"]) };
        let input =
            json!({ "title": format!("Tree {number}"), "tags": tags, "category": if number < 3 { json!("network") } else { Value::Null } });
        owner.ok(CREATE, json!({ "input": input })).await;
    }
    let titles = |answer: &crate::support::Answer| -> Vec<String> {
        let nodes = answer.data("trees.nodes");
        nodes.as_array().unwrap().iter().map(|node| node["title"].as_str().unwrap().replace("Tree ", "")).collect()
    };
    let all = "query($first: Int, $after: String, $last: Int, $before: String, $filter: TreeFilter, $orderBy: TreeOrder) {
        trees(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
            totalCount nodes { title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    for (variables, expected) in [
        (json!({}), "6543210"),
        (json!({ "orderBy": { "field": "TITLE", "direction": "ASC" } }), "0123456"),
        (json!({ "orderBy": { "field": "TITLE" } }), "6543210"),
        (json!({ "orderBy": { "field": "UPDATED_AT", "direction": "ASC" } }), "0123456"),
        (json!({ "filter": { "tags": ["Odd", "rare"] } }), "531"),
        (json!({ "filter": { "category": "network" } }), "210"),
        (json!({ "filter": { "status": ["PUBLISHED"] } }), ""),
        (json!({ "last": 2 }), "10"),
        (json!({ "first": 0 }), ""),
    ] {
        let listed = owner.ok(all, variables.clone()).await;
        assert_eq!(titles(&listed).concat(), expected, "{variables}");
    }
    for field in ["UPDATED_AT", "TITLE", "SESSION_COUNT"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let whole = titles(&owner.ok(all, json!({ "orderBy": order })).await).concat();
            let (mut forward, mut after) = (String::new(), Value::Null);
            loop {
                let page = owner.ok(all, json!({ "first": 3, "after": after, "orderBy": order })).await;
                forward += &titles(&page).concat();
                after = page.data("trees.pageInfo.endCursor");
                if page.data("trees.pageInfo.hasNextPage") == false {
                    break;
                }
            }
            let (mut backward, mut before) = (String::new(), Value::Null);
            loop {
                let page = owner.ok(all, json!({ "first": null, "last": 3, "before": before, "orderBy": order })).await;
                backward = titles(&page).concat() + &backward;
                before = page.data("trees.pageInfo.startCursor");
                if page.data("trees.pageInfo.hasPreviousPage") == false {
                    break;
                }
            }
            assert_eq!((&forward, &backward), (&whole, &whole), "{order}");
        }
    }
    let cursor = owner.ok(all, json!({})).await.data("trees.pageInfo.endCursor");
    let foreign = owner.gql(all, json!({ "after": cursor, "orderBy": { "field": "TITLE" } })).await;
    assert_eq!(foreign.codes(), ["BAD_USER_INPUT"], "a cursor belongs to its order");
    for size in [-1, 101] {
        assert_eq!(owner.gql(all, json!({ "first": size })).await.codes(), ["BAD_USER_INPUT"]);
    }
    let categories = owner.ok("{ categories { slug treeCount } }", json!({})).await.data("categories");
    assert!(categories.as_array().unwrap().contains(&json!({ "slug": "network", "treeCount": 3 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn search_forgives_typos_and_lands_on_the_node() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let mut printer = looping();
    printer["nodes"]["restart"]["title"] = json!("Open the cover of the printer");
    printer["nodes"]["restart"]["body"] = json!("Take out the toner cartridge, and shake it.");
    create(&owner, "Printing stops", printer).await;
    owner.ok(CREATE, json!({ "input": { "title": "Kubernetes pod", "summary": "It does not start", "tags": ["cluster"] } })).await;
    let query = "query($query: String!) { searchTrees(query: $query) { edges { node { title } nodeKey snippet score } } }";
    for (words, title, node) in [
        ("printing", "Printing stops", Value::Null),
        ("prin", "Printing stops", Value::Null),
        ("toner", "Printing stops", json!("restart")),
        ("tonr cartrige", "Printing stops", json!("restart")),
        ("kuberntes", "Kubernetes pod", Value::Null),
        ("cluster", "Kubernetes pod", Value::Null),
    ] {
        let found = owner.ok(query, json!({ "query": words })).await;
        let hit = found.data("searchTrees.edges.0");
        assert_eq!((&hit["node"]["title"], &hit["nodeKey"]), (&json!(title), &node), "{words}: {}", found.text());
        assert!(hit["snippet"].as_str().is_some_and(|snippet| !snippet.is_empty()), "{words} shows the words around it");
    }
    for odd in ["", "   ", "'\"\\:*&|!()", "\u{0}", "🚀", "a & !b <-> c"] {
        owner.ok(query, json!({ "query": odd })).await;
    }
    assert_eq!(owner.gql(query, json!({ "query": "x".repeat(201) })).await.codes(), ["BAD_USER_INPUT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_queries_cost_a_fixed_number_of_statements() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    let (first, _) = published(&owner, "Tree 0", looping()).await;
    for number in 1..20 {
        published(&owner, &format!("Tree {number}"), looping()).await;
    }
    let list = "{ trees(first: 20) { nodes { title category { name } createdBy { username } published { number nodes { key title } } } } }";
    let tree = "query($id: ID!) { tree(by: { id: $id }) { title published { nodes { __typename key title } } } }";
    // Once for what is kept in memory from then on: published versions, and who asks.
    owner.ok(list, json!({})).await;
    for (query, variables, statements) in [
        ("{ __typename }", json!({}), 0),
        (tree, json!({ "id": first }), 1),
        (list, json!({}), 2),
        ("{ searchTrees(query: \"light\") { edges { node { title published { number } } } } }", json!({}), 2),
    ] {
        let before = app.app.db.statements();
        owner.ok(query, variables).await;
        assert_eq!(app.app.db.statements() - before, statements, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_version_answers_the_same_each_time_and_each_way() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let (id, _) = published(&owner, "Light", looping()).await;
    let ask = async |selection: &str| {
        let query = format!("query($id: ID!) {{ tree(by: {{ id: $id }}) {{ published {{ {selection} }} }} }}");
        owner.ok(&query, json!({ "id": id })).await.data("tree.published")
    };
    let both = ask("nodes { key title ... on QuestionNode { options { key label } } }").await;
    assert_eq!(both["nodes"][0]["key"], "light");
    assert!(both["nodes"].as_array().is_some_and(|nodes| nodes.len() > 2 && nodes.iter().all(|node| node["title"].is_string())), "{both}");
    for (same, selection) in [
        ("again", "nodes { key title ... on QuestionNode { options { key label } } }"),
        (
            "by two fields",
            "nodes { key ... on QuestionNode { options { key } } } nodes { title ... on QuestionNode { options { label } } }",
        ),
        ("by a fragment", "... on TreeVersion { nodes { key title } } nodes { ... on QuestionNode { options { key label } } }"),
        ("of two versions", "nodes { key title ... on QuestionNode { options { key label } } } tree { published { nodes { key } } }"),
    ] {
        let seen = ask(selection).await;
        assert_eq!(seen["nodes"], both["nodes"], "{same}");
    }
    let twice = ask("a: nodes { key } b: nodes { title }").await;
    assert_eq!((&twice["a"][0], &twice["b"][0]), (&json!({ "key": "light" }), &json!({ "title": both["nodes"][0]["title"] })));
    // A condition is looked at each time.
    let query = "query($id: ID!, $with: Boolean!) { tree(by: { id: $id }) { published { nodes { key title @include(if: $with) } } } }";
    for with in [true, false, true] {
        let seen = owner.ok(query, json!({ "id": id, "with": with })).await;
        assert_eq!(seen.data("tree.published.nodes.0.title").is_string(), with);
    }
}
