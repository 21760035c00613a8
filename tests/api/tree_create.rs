//! Where trees come from: what `createTree` and `updateTree` take, and what they refuse.

use fixpath::tree::document::Document;
use fixpath::tree::source;
use serde_json::{Value, json};

use crate::support::trees::{CREATE, UPDATE, create, looping, publish, published};
use crate::support::{Actor, Answer, TestApp};

async fn made(author: &Actor, source: Value) -> Answer {
    author.ok(CREATE, json!({ "input": { "title": "Made", "source": source } })).await
}

async fn edited(author: &Actor, id: &str, revision: i64, document: Value) -> Answer {
    author.ok(UPDATE, json!({ "input": { "id": id, "revision": revision, "document": document } })).await
}

/// A document whose one action has this title.
fn titled(title: &str) -> Value {
    json!({ "schema": 1, "root": "a", "nodes": { "a": { "kind": "action", "title": title, "next": "z" },
        "z": { "kind": "resolution", "title": "End", "outcome": "resolved" } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_template_can_be_published_as_it_comes() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    let templates = owner.ok("{ templates { key title summary document } }", json!({})).await.data("templates");
    assert!(templates.as_array().is_some_and(|templates| templates.len() >= 3));
    for template in templates.as_array().unwrap() {
        let made = made(&owner, json!({ "template": template["key"] })).await;
        let published = publish(&owner, &made.str("createTree.tree.id"), 1).await;
        assert_eq!(published.refusals("publishTree"), Vec::<String>::new(), "{}", template["key"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_from_nothing_is_an_empty_draft() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let empty = owner.ok(CREATE, json!({ "input": { "title": "  Empty  " } })).await;
    let tree = empty.data("createTree.tree");
    assert_eq!(
        (&tree["title"], &tree["slug"], &tree["revision"], &tree["status"]),
        (&json!("Empty"), &json!("empty"), &json!(1), &json!("DRAFT"))
    );
    assert_eq!(empty.data("createTree.version.issues.0.code"), "NO_ROOT");
    let refused = publish(&owner, &empty.str("createTree.tree.id"), 1).await;
    assert_eq!(refused.refusals("publishTree"), ["TREE_INVALID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_character_is_refused_wherever_it_hides() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let hidden = titled("a\u{0}b");
    for source in [
        json!({ "document": hidden }),
        json!({ "document": hidden.to_string() }),
        json!({ "markdown": "# Tree\n\n## a\u{0}b\n" }),
        json!({ "mermaid": "flowchart TD\n a[x\u{0}y] --> b([End])" }),
        json!({ "twee": ":: Start\u{0}\n# Title\n" }),
        json!({ "template": "\u{0}" }),
    ] {
        let answer = made(&owner, source.clone()).await;
        assert_eq!(answer.data("createTree.tree"), Value::Null, "{source} is refused");
        assert!(matches!(answer.refusals("createTree")[0].as_str(), "INVALID" | "NOT_FOUND"), "{source}: {}", answer.text());
    }
    // A backslash and `u0000` in plain words is no NUL.
    let spelt = made(&owner, json!({ "document": titled("a\\u0000b") })).await;
    assert_eq!(spelt.refusals("createTree"), Vec::<String>::new());
    let id = spelt.str("createTree.tree.id");
    for document in [hidden.clone(), json!(hidden.to_string())] {
        let refused = edited(&owner, &id, 1, document).await;
        assert_eq!(
            (refused.refusals("updateTree"), refused.data("updateTree.userErrors.0.path.0")),
            (vec!["INVALID".into()], json!("document"))
        );
    }
    for input in [
        json!({ "title": "T", "slug": "a\u{0}" }),
        json!({ "title": "T", "summary": "a\u{0}b" }),
        json!({ "title": "T", "tags": ["a\u{0}b"] }),
        json!({ "title": "T", "locale": "e\u{0}n" }),
        json!({ "title": "T", "category": "net\u{0}work" }),
    ] {
        let refused = owner.ok(CREATE, json!({ "input": input })).await;
        assert!(matches!(refused.refusals("createTree")[0].as_str(), "INVALID" | "NOT_FOUND"), "{input}: {}", refused.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_may_be_as_wrong_as_its_author_left_it() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    let noise: String = (0..60_000_u32).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761))).collect();
    let mut many = json!({ "schema": 1, "root": "n0", "nodes": {} });
    for number in 0..1001 {
        many["nodes"][format!("n{number}")] = json!({ "kind": "action", "title": "Next", "next": format!("n{}", number + 1) });
    }
    let key = noise.replace(' ', "").get(..5000).unwrap().to_owned();
    let mut body = titled("Long");
    body["nodes"]["a"]["body"] = json!(noise);
    for (name, document) in [
        ("1,001 nodes", many),
        ("a key that no index can hold", json!({ "schema": 1, "root": key, "nodes": { &key: { "kind": "action", "title": "x" } } })),
        ("an empty key", json!({ "schema": 1, "root": "", "nodes": { "": { "kind": "action", "title": "x" } } })),
        ("a title of half a megabyte", titled(&noise)),
        ("a body of half a megabyte", body),
        ("one word of half a megabyte", titled(&noise.replace(' ', ""))),
        ("a kind that does not exist", json!({ "schema": 1, "root": "a", "nodes": { "a": { "kind": "wormhole", "title": "x" } } })),
    ] {
        let kept = made(&owner, json!({ "document": document })).await;
        assert_eq!(kept.refusals("createTree"), Vec::<String>::new(), "{name}");
        let id = kept.str("createTree.tree.id");
        let shown = owner
            .ok("query($id: ID!) { tree(by: { id: $id }) { draft { document nodes { key title } issues { code } } } }", json!({ "id": id }))
            .await;
        assert_eq!(shown.data("tree.draft.document.nodes"), document["nodes"], "{name}");
        assert_eq!(publish(&owner, &id, 1).await.refusals("publishTree"), ["TREE_INVALID"], "{name}");
    }
    let large = titled(&"x".repeat(1 << 20));
    for document in [large.clone(), json!(large.to_string())] {
        assert!(
            made(&owner, json!({ "document": document })).await.data("createTree.userErrors.0.message").to_string().contains("1048576")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_nested_too_deep_to_be_read_again_is_never_kept() {
    let (_app, _, owner) = TestApp::with_owner().await;
    for depth in [20, 60, 120, 130, 200, 1000] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let query = format!(
            "mutation {{ createTree(input: {{ title: \"Deep\", source: {{ document: {{ schema: 1, variables: [{{ name: \"v\", kind: \"text\", \
             default: {open}1{close} }}] }} }} }}) {{ tree {{ id draft {{ digest }} }} userErrors {{ code }} }} }}"
        );
        let answer = owner.gql(&query, json!({})).await;
        assert!(!answer.codes().contains(&"INTERNAL_SERVER_ERROR".to_owned()), "{depth}: {}", answer.text());
        // Whatever way it takes to come so far.
        let value = (0..depth.min(200)).fold(json!(1), |value, _| json!([value]));
        let kept =
            source::document(&["document"], json!({ "schema": 1, "variables": [{ "name": "v", "kind": "text", "default": value }] }));
        let read_again = kept.map(|document| serde_json::from_str::<Document>(&document.to_text()).is_ok());
        assert!(read_again.unwrap_or(true), "{depth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_place_in_the_input() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let path = |answer: &Answer| answer.data("createTree.userErrors.0.path");
    let unknown = made(
        &owner,
        json!({ "document": { "schema": 1, "nodes": { "a": { "kind": "question", "options": [{ "key": "y", "too": "b" }] } } } }),
    )
    .await;
    assert_eq!(
        (unknown.refusals("createTree"), path(&unknown)),
        (vec!["INVALID".into()], json!(["source", "document", "nodes", "a", "options", "0", "too"]))
    );
    let none = made(&owner, json!({ "treeId": "tree_01jd0000000000000000000000" })).await;
    assert_eq!((none.refusals("createTree"), path(&none)), (vec!["NOT_FOUND".into()], json!(["source", "treeId"])));
    let lines = made(&owner, json!({ "mermaid": "flowchart TD\n a{Green?} --> b\n a --> c\n ???" })).await;
    assert_eq!(path(&lines), json!(["source", "mermaid"]));
    let errors = lines.data("createTree.userErrors");
    assert!(
        errors.as_array().is_some_and(|errors| errors.iter().all(|error| error["message"].as_str().unwrap().starts_with("Line "))),
        "{errors}"
    );
    let wrong_id =
        owner.gql(CREATE, json!({ "input": { "title": "T", "source": { "treeId": "session_01jd0000000000000000000000" } } })).await;
    assert_eq!(wrong_id.codes(), ["BAD_USER_INPUT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_tree_cannot_be_copied_or_called() {
    let (app, _, owner) = TestApp::with_owner().await;
    let stranger = app.sign_up("stranger").await;
    let (theirs, _) = published(&stranger, "Theirs", looping()).await;
    assert_eq!(made(&owner, json!({ "treeId": theirs })).await.refusals("createTree"), ["NOT_FOUND"]);
    for reference in [theirs.as_str(), "theirs"] {
        let calls = create(&owner, "Calls", crate::support::trees::calling(reference)).await;
        assert_eq!(calls.data("createTree.version.issues.0.code"), "SUBTREE_NOT_PUBLISHED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_was_not_asked_for_stays_within_its_limit() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let title = "a".repeat(100);
    for expected in [80, 80] {
        let made = owner.ok(CREATE, json!({ "input": { "title": title } })).await;
        let (id, slug) = (made.str("createTree.tree.id"), made.str("createTree.tree.slug"));
        assert_eq!(slug.len(), expected);
        let same = owner.ok(UPDATE, json!({ "input": { "id": id, "revision": 1, "slug": slug } })).await;
        assert_eq!(same.refusals("updateTree"), Vec::<String>::new(), "a tree can keep its slug");
    }
    for (title, slug) in [("日本語", "tree"), ("🚀", "tree-2"), ("--a--", "a")] {
        assert_eq!(owner.ok(CREATE, json!({ "input": { "title": title } })).await.data("createTree.tree.slug"), slug);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_clears_what_can_be_cleared_and_absent_keeps() {
    let (app, _, owner) = TestApp::with_owner().await;
    let input = json!({ "title": "Box", "summary": "S", "category": "network", "tags": ["t"], "locale": "pt-BR", "source": { "document": looping() } });
    let id = owner.ok(CREATE, json!({ "input": input })).await.str("createTree.tree.id");
    let show = "query($id: ID!) { tree(by: { id: $id }) { title slug summary category { slug } tags locale revision draft { digest } updatedAt } }";
    let before = owner.ok(show, json!({ "id": id })).await;
    app.advance(chrono::TimeDelta::seconds(60));
    owner.ok(UPDATE, json!({ "input": { "id": id, "revision": 1 } })).await;
    let touched = owner.ok(show, json!({ "id": id })).await;
    for field in ["title", "slug", "summary", "category", "tags", "locale", "draft"] {
        assert_eq!(touched.data(&format!("tree.{field}")), before.data(&format!("tree.{field}")), "{field} is kept");
    }
    let nulls = json!({ "id": id, "revision": 2, "title": null, "slug": null, "summary": null, "category": null, "tags": null, "locale": null, "document": null });
    let cleared = owner.ok(UPDATE, json!({ "input": nulls })).await;
    assert_eq!(cleared.refusals("updateTree"), Vec::<String>::new());
    let after = owner.ok(show, json!({ "id": id })).await;
    let expected = json!({ "title": "Box", "slug": "box", "summary": null, "category": null, "tags": [], "locale": "pt-BR", "revision": 3,
        "draft": before.data("tree.draft"), "updatedAt": after.data("tree.updatedAt") });
    assert_eq!(after.data("tree"), expected);
    for (field, value, code) in [
        ("title", json!(""), "REQUIRED"),
        ("slug", json!("A b"), "INVALID"),
        ("category", json!("none"), "NOT_FOUND"),
        ("summary", json!("x".repeat(1001)), "TOO_LONG"),
        ("tags", json!(["x".repeat(41)]), "TOO_LONG"),
    ] {
        let refused = owner.ok(UPDATE, json!({ "input": { "id": id, "revision": 3, field: value } })).await;
        assert_eq!((refused.refusals("updateTree"), refused.data("updateTree.userErrors.0.path.0")), (vec![code.into()], json!(field)));
    }
    create(&owner, "Other", looping()).await;
    let taken = owner.ok(UPDATE, json!({ "input": { "id": id, "revision": 3, "slug": "other" } })).await;
    assert_eq!(taken.refusals("updateTree"), ["TAKEN"]);
}
