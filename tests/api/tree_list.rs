//! `trees`, `tree` and `categories`: lists that stay right while rows change, and input that no database should see.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::people::{colleague, ids};
use crate::support::trees::{CREATE, UPDATE, create, looping, published};
use crate::support::{Actor, Answer, TestApp};
use fixpath::id::Id;

const LIST: &str = "query($first: Int, $after: String, $last: Int, $before: String, $filter: TreeFilter, $orderBy: TreeOrder) {
    trees(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
        totalCount edges { cursor node { title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

fn titles(answer: &Answer) -> Vec<String> {
    let edges = answer.data("trees.edges");
    edges.as_array().unwrap().iter().map(|edge| edge["node"]["title"].as_str().unwrap().to_owned()).collect()
}

/// All titles, `size` at a time.
async fn walked(reader: &Actor, order: &Value, size: i32) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = reader.ok(LIST, json!({ "first": size, "after": after, "orderBy": order })).await;
        all.extend(titles(&page));
        after = page.data("trees.pageInfo.endCursor");
        if page.data("trees.pageInfo.hasNextPage") == false || all.len() > 100 {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_of_all_alphabets_are_paged_completely() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    // Not everybody lowers İ, ẞ or Σ in the same way.
    for title in ["İzmir", "iznik", "izzz", "Über", "ÜZ", "übrig", "ΣΑΣ", "σασ", "straẞe", "STRASSE", "日本", "zebra", "Zebra", "ǅ", "Å"]
    {
        create(&owner, title, looping()).await;
    }
    for direction in ["ASC", "DESC"] {
        let order = json!({ "field": "TITLE", "direction": direction });
        let whole = titles(&owner.ok(LIST, json!({ "first": 100, "orderBy": order })).await);
        assert_eq!(whole.len(), 15);
        assert_eq!(walked(&owner, &order, 1).await, whole, "{direction}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_stays_right_while_rows_change() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    let mut trees = Vec::new();
    for number in 0..6 {
        app.advance(TimeDelta::seconds(1));
        trees.push(create(&owner, &format!("{number}"), looping()).await.str("createTree.tree.id"));
    }
    let first = owner.ok(LIST, json!({ "first": 2 })).await;
    assert_eq!(titles(&first), ["5", "4"]);
    let after = first.data("trees.pageInfo.endCursor");
    // One is added in front, the last one seen moves to the front, and the next one goes.
    app.advance(TimeDelta::seconds(1));
    create(&owner, "New", looping()).await;
    owner.ok(UPDATE, json!({ "input": { "id": trees[4], "revision": 1, "summary": "touched" } })).await;
    let delete = "mutation($id: ID!) { deleteTree(input: { id: $id, revision: 1 }) { deletedId userErrors { code } } }";
    owner.ok(delete, json!({ "id": trees[3] })).await;
    let rest = owner.ok(LIST, json!({ "first": 10, "after": after })).await;
    assert_eq!(titles(&rest), ["2", "1", "0"]);
    assert_eq!(rest.data("trees.pageInfo.hasPreviousPage"), true);
    assert_eq!(rest.data("trees.totalCount"), 6);
    let between = json!({ "first": 10, "after": after, "before": rest.data("trees.edges.2.cursor") });
    assert_eq!(titles(&owner.ok(LIST, between).await), ["2", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_together_and_count() {
    let (app, _, owner) = TestApp::with_owner().await;
    let engineer = colleague(&app, &owner, "engineer", "engineer").await;
    let technician = colleague(&app, &owner, "technician", "technician").await;
    published(&owner, "Open", looping()).await;
    create(&owner, "Hidden", looping()).await;
    let (gone, _) = published(&engineer, "Gone", looping()).await;
    let archive = "mutation($id: ID!) { archiveTree(input: { id: $id, revision: 2 }) { userErrors { code } } }";
    engineer.ok(archive, json!({ "id": gone })).await;
    engineer.ok(CREATE, json!({ "input": { "title": "Mine", "category": "network", "tags": ["A", "b"] } })).await;
    let author = ids(&engineer).await.0.encode();
    let order = json!({ "field": "TITLE", "direction": "ASC" });
    for (who, filter, expected) in [
        (&owner, json!({}), "Gone Hidden Mine Open"),
        (&owner, json!({ "status": [] }), ""),
        (&owner, json!({ "status": ["DRAFT", "ARCHIVED"] }), "Gone Hidden Mine"),
        (&owner, json!({ "authorId": author }), "Gone Mine"),
        (&owner, json!({ "authorId": author, "status": ["ARCHIVED"] }), "Gone"),
        (&owner, json!({ "authorId": author, "category": "network", "tags": ["a", " B "] }), "Mine"),
        (&owner, json!({ "category": "no-such" }), ""),
        (&technician, json!({}), "Open"),
        (&technician, json!({ "status": ["DRAFT", "ARCHIVED"] }), ""),
    ] {
        let listed = who.ok(LIST, json!({ "filter": filter, "orderBy": order })).await;
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(titles(&listed), expected, "{filter}");
        assert_eq!(listed.data("trees.totalCount"), expected.len(), "{filter}");
    }
    let counts = "{ categories { slug treeCount } }";
    let network = |answer: Answer| {
        answer.data("categories").as_array().unwrap().iter().find(|c| c["slug"] == "network").unwrap()["treeCount"].clone()
    };
    assert_eq!(network(owner.ok(counts, json!({})).await), 1);
    assert_eq!(network(technician.ok(counts, json!({})).await), 0);
    let tree = "query($by: TreeRef!) { tree(by: $by) { title category { treeCount } } }";
    assert_eq!(
        owner.ok(tree, json!({ "by": { "slug": "mine" } })).await.data("tree"),
        json!({ "title": "Mine", "category": { "treeCount": 1 } })
    );
    assert_eq!(technician.ok(tree, json!({ "by": { "slug": "gone" } })).await.data("tree"), Value::Null);
    // No column holds a NUL.
    assert_eq!(owner.gql(tree, json!({ "by": { "slug": "a\u{0}b" } })).await.codes(), ["BAD_USER_INPUT"]);
    for filter in [json!({ "category": "net\u{0}work" }), json!({ "tags": ["a\u{0}"] })] {
        assert_eq!(owner.gql(LIST, json!({ "filter": filter })).await.codes(), ["BAD_USER_INPUT"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_and_cursors_are_checked() {
    let (app, _, owner) = TestApp::with_owner().await;
    for number in 0..3 {
        app.advance(TimeDelta::seconds(1));
        create(&owner, &format!("{number}"), looping()).await;
    }
    let nothing = owner.ok(LIST, json!({ "first": 0 })).await;
    assert_eq!(
        (titles(&nothing).len(), nothing.data("trees.totalCount"), nothing.data("trees.pageInfo.hasNextPage")),
        (0, json!(3), json!(true))
    );
    assert_eq!(titles(&owner.ok(LIST, json!({ "first": 100 })).await).len(), 3);
    for arguments in [json!({ "first": 101 }), json!({ "first": -1 }), json!({ "last": -1 }), json!({ "last": 101 })] {
        assert_eq!(owner.gql(LIST, arguments.clone()).await.codes(), ["BAD_USER_INPUT"], "{arguments}");
    }
    // A title that reads as another order's position.
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    for title in ["2026-01-31T12:00:00Z", "7", "2020-01-31T12:00:00Z"] {
        create(&owner, title, looping()).await;
    }
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    for _ in 0..3 {
        let page = owner.ok(LIST, json!({ "first": 1, "after": after, "orderBy": { "field": "TITLE", "direction": "ASC" } })).await;
        seen.push(page.str("trees.edges.0.node.title"));
        after = page.data("trees.edges.0.cursor");
    }
    assert_eq!(seen, ["2020-01-31T12:00:00Z", "2026-01-31T12:00:00Z", "7"]);
    // Cursors that somebody made up.
    let seal = |text: &str| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let id = "01890000-0000-7000-8000-000000000000";
    for (field, order, position) in [
        ("UPDATED_AT", "updated", json!({ "Time": ["-262143-01-01T00:00:00Z", id] })),
        ("UPDATED_AT", "updated", json!({ "Time": ["+262142-01-01T00:00:00Z", id] })),
        ("UPDATED_AT", "updated", json!({ "Number": [7, id] })),
        ("TITLE", "title-desc", json!({ "Text": ["a\u{0}b", id] })),
        ("TITLE", "title-desc", json!({ "Number": [7, id] })),
        ("SESSION_COUNT", "sessions", json!({ "Text": ["a", id] })),
        ("SESSION_COUNT", "sessions", json!({ "Number": [9_999_999_999_i64, id] })),
    ] {
        let answer = owner.gql(LIST, json!({ "after": seal(&json!([order, position]).to_string()), "orderBy": { "field": field } })).await;
        assert!(matches!(answer.codes().concat().as_str(), "" | "BAD_USER_INPUT"), "{position}: {}", answer.text());
    }
    for cursor in ["", "?", "bm9uc2Vuc2U"] {
        assert_eq!(owner.gql(LIST, json!({ "after": cursor })).await.codes(), ["BAD_USER_INPUT"], "{cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_costs_the_same_however_long_it_is() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    let list = "{ trees(first: 20) { totalCount nodes { title category { name } createdBy { username } draft { digest document }
        published { number publishedBy { username } nodes { key title } } } } }";
    let mut costs = Vec::new();
    for number in 0..20 {
        let made = owner
            .ok(
                CREATE,
                json!({ "input": { "title": format!("Tree {number}"), "category": "network", "source": { "document": looping() } } }),
            )
            .await;
        crate::support::trees::publish(&owner, &made.str("createTree.tree.id"), 1).await;
        if [0, 1, 19].contains(&number) {
            // Nothing in memory but who asks: a second process.
            let (second, router) = app.second_process();
            let reader = owner.through(router);
            reader.ok("{ viewer { user { username } } }", json!({})).await;
            let count = async || {
                let before = second.db.statements();
                reader.ok(list, json!({})).await;
                second.db.statements() - before
            };
            costs.push((count().await, count().await));
            second.stop.cancel();
            second.db.close();
        }
    }
    // Cold: the list, the total, categories, authors, drafts, versions, and once these are there, publishers. Warm: all but versions,
    // whose publishers join the authors.
    assert_eq!(costs, [(7, 5), (7, 5), (7, 5)]);
}
