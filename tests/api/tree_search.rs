//! `searchTrees`: what is found, by whom, and what it costs.

use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::row::NamedRow;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use fixpath::tree::search::{prefix_query, words};
use serde_json::{Value, json};

use crate::support::people::colleague;
use crate::support::trees::{CREATE, UPDATE, create, looping, published};
use crate::support::{Actor, Answer, TestApp};

const SEARCH: &str = "query($query: String!, $first: Int, $after: String) { searchTrees(query: $query, first: $first, after: $after) {
    edges { cursor score nodeKey snippet node { title } } pageInfo { hasNextPage endCursor } } }";

async fn search(who: &Actor, query: &str) -> Answer {
    who.ok(SEARCH, json!({ "query": query })).await
}

fn titles(answer: &Answer) -> Vec<String> {
    let edges = answer.data("searchTrees.edges");
    edges.as_array().unwrap().iter().map(|edge| edge["node"]["title"].as_str().unwrap().to_owned()).collect()
}

/// One node with these words.
fn with_node(title: &str, body: &str) -> Value {
    let mut document = looping();
    document["nodes"]["restart"]["title"] = json!(title);
    document["nodes"]["restart"]["body"] = json!(body);
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_wherever_they_stand() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let input = json!({ "title": "Printer jams", "summary": "When paper gets stuck", "tags": ["Hardware"],
        "source": { "document": with_node("Open the rear cover", "Remove the toner cartridge gently.") } });
    owner.ok(CREATE, json!({ "input": input })).await;
    create(&owner, "Kubernetes pod does not start", with_node("Ask for events", "kubectl describe pod shows ImagePullBackOff")).await;
    create(&owner, "Über Straßen und Λόγος", with_node("Schlüssel prüfen", "日本語 テキスト 192.168.0.1 foo@example.com wi-fi")).await;
    let (printer, pod, german) = ("Printer jams", "Kubernetes pod does not start", "Über Straßen und Λόγος");
    for (query, title, node) in [
        ("printer", printer, Value::Null),
        ("pri", printer, Value::Null),
        ("PRINTER", printer, Value::Null),
        ("prnter", printer, Value::Null),
        ("stuck", printer, Value::Null),
        ("hardware", printer, Value::Null),
        ("rear cov", printer, json!("restart")),
        ("cartridge", printer, json!("restart")),
        ("cartrige", printer, json!("restart")),
        ("kuberntes", pod, Value::Null),
        ("kubernetes pod", pod, Value::Null),
        ("imagepullbackoff", pod, json!("restart")),
        ("ImagePull", pod, json!("restart")),
        ("über", german, Value::Null),
        ("ÜBER", german, Value::Null),
        ("λόγοσ", german, Value::Null),
        ("λόγος", german, Value::Null),
        ("schlüssel", german, json!("restart")),
        ("日本", german, json!("restart")),
        ("192.168.0.1", german, json!("restart")),
        ("foo@example.com", german, json!("restart")),
        ("wi-fi", german, json!("restart")),
    ] {
        let found = search(&owner, query).await;
        let hit = found.data("searchTrees.edges.0");
        assert_eq!((&hit["node"]["title"], &hit["nodeKey"]), (&json!(title), &node), "{query}: {}", found.text());
    }
    for query in ["blockchain", "zzzzzz"] {
        assert_eq!(titles(&search(&owner, query).await), Vec::<String>::new(), "{query}");
    }
    let alike = search(&owner, "kubernetes printer").await;
    assert!(alike.data("searchTrees.edges.0.score").as_f64().is_none_or(|score| score < 1.0), "one word of two is only alike");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_place_outweighs_the_one_before_it_by_saying_a_word_more_often() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    for (word, times) in [("gateway", 1), ("antenna", 9), ("printer jam", 1), ("paper tray", 9)] {
        let said = vec![word; times].join(" ");
        for input in [
            json!({ "title": word }),
            json!({ "title": "By its tag", "tags": [word] }),
            json!({ "title": "By its summary", "summary": said }),
            json!({ "title": "By a node's title", "source": { "document": with_node(&said, "") } }),
            json!({ "title": "By a node's body", "source": { "document": with_node("Look", &said) } }),
        ] {
            assert_eq!(owner.ok(CREATE, json!({ "input": input })).await.refusals("createTree"), Vec::<String>::new());
        }
        let order = [word, "By its tag", "By its summary", "By a node's title", "By a node's body"];
        assert_eq!(titles(&search(&owner, word).await), order, "{times} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snippet_shows_the_words_around_the_match() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let filler = "Lorem ipsum dolor sit amet. ".repeat(200);
    create(&owner, "Long", with_node("Read on", &format!("{filler} Then replace the cartridge with care. {filler}"))).await;
    for query in ["cartridge", "cartri", "cartrige", "replace cartridge"] {
        let hit = search(&owner, query).await.data("searchTrees.edges.0");
        let snippet = hit["snippet"].as_str().unwrap_or_default();
        assert!(snippet.contains("cartridge") && snippet.len() < 500, "{query}: {snippet}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_follows_its_tree() {
    let (app, _, owner) = TestApp::with_owner().await;
    let technician = colleague(&app, &owner, "technician", "technician").await;
    let stranger = app.sign_up("stranger").await;
    let (id, _) = published(&owner, "Router", with_node("Press the pinhole", "")).await;
    let found = async |query: &str| {
        let hits = async |who| titles(&search(who, query).await).len();
        (hits(&owner).await, hits(&technician).await, hits(&stranger).await)
    };
    assert_eq!(found("pinhole").await, (1, 1, 0));
    owner
        .ok(UPDATE, json!({ "input": { "id": id, "revision": 2, "document": with_node("Pull the antenna", ""), "title": "Modem" } }))
        .await;
    assert_eq!((found("pinhole").await, found("antenna").await), ((0, 1, 0), (1, 0, 0)), "the draft is for authors");
    assert_eq!((found("router").await, found("modem").await), ((0, 0, 0), (1, 1, 0)), "the name is everybody's");
    crate::support::trees::publish(&owner, &id, 3).await;
    assert_eq!((found("pinhole").await, found("antenna").await), ((0, 0, 0), (1, 1, 0)));
    let act = async |verb: &str, revision: i64| {
        let query = format!(
            "mutation($id: ID!, $revision: Int!) {{ {verb}(input: {{ id: $id, revision: $revision }}) {{ userErrors {{ code }} }} }}"
        );
        assert_eq!(owner.ok(&query, json!({ "id": id, "revision": revision })).await.refusals(verb), Vec::<String>::new());
    };
    act("archiveTree", 4).await;
    assert_eq!(found("antenna").await, (1, 0, 0));
    act("deleteTree", 5).await;
    assert_eq!(found("antenna").await, (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_are_paged_without_loss_or_repetition() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_plan("enterprise").await;
    for number in 0..23 {
        // Of different length, hence of different rank; several of the same.
        let body = format!("switch {}", "and other words ".repeat(number / 2));
        create(&owner, &format!("{number:02}"), with_node(if number % 3 == 0 { "Look at the swich" } else { "Look" }, &body)).await;
    }
    let whole = titles(&owner.ok(SEARCH, json!({ "query": "switch", "first": 100 })).await);
    assert_eq!(whole.len(), 23);
    for size in [1, 4, 7] {
        let (mut all, mut after) = (Vec::new(), Value::Null);
        loop {
            let page = owner.ok(SEARCH, json!({ "query": "switch", "first": size, "after": after })).await;
            all.extend(titles(&page));
            after = page.data("searchTrees.pageInfo.endCursor");
            if page.data("searchTrees.pageInfo.hasNextPage") == false || all.len() > 50 {
                break;
            }
        }
        assert_eq!(all, whole, "{size} at a time");
    }
    let cursor = owner.ok(SEARCH, json!({ "query": "switch", "first": 1 })).await.data("searchTrees.pageInfo.endCursor");
    assert_eq!(owner.gql(SEARCH, json!({ "query": "look", "after": cursor })).await.codes(), ["BAD_USER_INPUT"]);
    assert_eq!(titles(&owner.ok(SEARCH, json!({ "query": "switch", "first": 0 })).await), Vec::<String>::new());
    for size in [-1, 101] {
        assert_eq!(owner.gql(SEARCH, json!({ "query": "switch", "first": size })).await.codes(), ["BAD_USER_INPUT"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_is_found_however_many_texts_say_the_same() {
    let (app, _, owner) = TestApp::with_owner().await;
    create(&owner, "Common", with_node("Look", "at it")).await;
    // More texts than are ranked, before the one that says it in its title.
    app.db_execute(
        "INSERT INTO tree_texts (account_id, tree_id, edition, node_key, heading, body)
             SELECT account_id, id, 'draft', 'n' || n, 'The network', 'of the house' FROM trees, generate_series(1, 3000) n",
    )
    .await;
    create(&owner, "Network", with_node("Look", "at it")).await;
    for query in ["network", "net", "netwrk"] {
        assert_eq!(titles(&search(&owner, query).await), ["Network", "Common"], "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_typed_breaks_a_search() {
    let (_app, _, owner) = TestApp::with_owner().await;
    create(&owner, "It's a \"quoted\" title", looping()).await;
    let long = "x".repeat(200);
    for odd in [
        "",
        " ",
        "'",
        "''",
        "\"",
        "\\",
        ":*",
        "&",
        "|",
        "!",
        "<->",
        "()",
        "a:*b",
        "it's",
        "\u{0}",
        "a\u{0}b",
        "🚀",
        "🚀 light",
        "%",
        "_",
        "½ ² Ⅷ",
        "e\u{301}",
        "\u{200b}",
        "ﬁ",
        "ไทย",
        "नमस्ते",
        "a b c d e f g h i j k l m n o p",
        &long,
    ] {
        search(&owner, odd).await;
    }
    assert_eq!(titles(&search(&owner, "quoted\" & title:*").await).len(), 1);
    assert_eq!(titles(&search(&owner, "🚀 quoted").await).len(), 1, "what is no word does not count");
    for long in ["x".repeat(201), "日".repeat(201)] {
        assert_eq!(owner.gql(SEARCH, json!({ "query": long })).await.codes(), ["BAD_USER_INPUT"]);
    }
}

/// One line of a plan.
struct Line(String);

impl QueryableByName<Pg> for Line {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> diesel::deserialize::Result<Self> {
        NamedRow::get::<Text, _>(row, "QUERY PLAN").map(Self)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_that_was_run_scans_no_table() {
    let (app, _, owner) = TestApp::with_owner().await;
    create(&owner, "One", looping()).await;
    // Ten accounts with 100 trees of 20 nodes each: to read all of an account's texts, or everybody's, would be a choice.
    app.db_execute(
        "INSERT INTO accounts (id, name, created_at) SELECT gen_random_uuid(), 'Others', now() FROM generate_series(1, 9);
         INSERT INTO trees SELECT accounts.id, gen_random_uuid(), 'copy-' || n, 'Copy ' || n, summary, category, tags, locale, status, revision,
             draft, draft_digest, NULL, 0, created_by, trees.created_at, updated_at FROM trees, accounts, generate_series(1, 100) n;
         INSERT INTO tree_texts (account_id, tree_id, edition, node_key, heading, body)
             SELECT account_id, id, 'draft', 'n' || n, 'heading ' || md5(id::text || n), 'body ' || md5(n || id::text)
             FROM trees, generate_series(1, 20) n WHERE slug LIKE 'copy-%'",
    )
    .await;
    app.db_execute("VACUUM ANALYZE trees, tree_texts").await;
    let account = app.database_text("SELECT account_id::text FROM trees WHERE slug = 'one'").await.remove(0);
    for (query, likeness) in [("lightt", true), ("prnter cartrige", true), ("heading", false)] {
        search(&owner, query).await;
        // The pool lends what came back last: the connection that has just searched.
        let conn = &mut *app.app.db.conn().await.unwrap();
        let prepared = "SELECT name AS \"QUERY PLAN\" FROM pg_prepared_statements WHERE ltrim(statement, E'\\n') LIKE 'WITH by_words%'";
        let names: Vec<Line> = diesel::sql_query(prepared).load(conn).await.unwrap();
        let [Line(name)] = &names[..] else { panic!("{} searches are prepared", names.len()) };
        let (prefixes, words) = (prefix_query(&words(query)), words(query).join(" "));
        for after in ["NULL, NULL", "0.5, gen_random_uuid()"] {
            let explain = format!("EXPLAIN EXECUTE {name} ('{account}', 'draft', '{prefixes}', '{words}', 1000, {after}, 21)");
            // Planned for these values, and once for all values, as PostgreSQL may do from the sixth time on.
            for mode in ["force_custom_plan", "force_generic_plan"] {
                diesel::sql_query(format!("SET plan_cache_mode = {mode}")).execute(conn).await.unwrap();
                let lines: Vec<Line> = diesel::sql_query(&explain).load(conn).await.unwrap();
                let plan: String = lines.into_iter().map(|Line(line)| line + "\n").collect();
                assert!(!plan.contains("Seq Scan"), "{query} {mode}:\n{plan}");
                assert!(plan.contains("tree_texts_search_idx") && plan.contains("tree_texts_own_search_idx"), "{query} {mode}:\n{plan}");
                // A word that fills the page leaves the likeness of texts unread.
                let alike = plan.contains("tree_texts_heading_idx") && plan.contains("tree_texts_body_idx");
                assert!(alike || !likeness, "{query} {mode}:\n{plan}");
            }
        }
    }
}
