//! What the guard lets through, by a schema written for it.

use std::time::{Duration, Instant};

use async_graphql::Variables;
use async_graphql::parser::parse_query;
use fixpath::graphql::guard::{self, Measure, Refusal};
use fixpath::graphql::list_sizes;
use fixpath::graphql::query_text;
use fixpath::graphql::shape::Shape;
use serde_json::{Value, json};

use super::support::TestApp;

const SDL: &str = "
    type Query { version: String! tree: Tree nodes(ids: [ID!]!): [Tree]! trees(first: Int = 20, last: Int): TreeConnection categories: [Category!] }
    type Mutation { a: Tree b: Tree }
    type Subscription { a: Tree b: Tree }
    type Category { slug: String! }
    type TreeConnection { edges: [TreeEdge!]! nodes: [Tree!]! pageInfo: PageInfo! totalCount: Int! }
    type TreeEdge { node: Tree! cursor: String! }
    type PageInfo { hasNextPage: Boolean! }
    type Tree { id: ID! title: String! tags: [String!]! parent: Tree published: TreeVersion }
    type TreeVersion { nodes: [Category!]! tree: Tree! document: String! }
";

fn measure_with(query: &str, variables: Value) -> Result<Measure, Refusal> {
    query_text::check(query)?;
    let shape = Shape::of(SDL).unwrap_or_else(|error| panic!("{error:?}"));
    let document = parse_query(query).unwrap();
    let chosen = &document.operations.iter().next().unwrap().1.node;
    guard::measure(&shape, &document, chosen, &Variables::from_json(variables))
}

fn measure(query: &str) -> Result<Measure, Refusal> {
    measure_with(query, json!({}))
}

fn cost(query: &str) -> u64 {
    measure(query).unwrap().cost
}

fn sentence(query: &str) -> String {
    match measure(query).unwrap_err() {
        Refusal::Text(sentence) | Refusal::TooMuch(sentence) | Refusal::Invalid(sentence, _) => sentence,
    }
}

#[test]
fn objects_cost_one_and_lists_multiply() {
    assert_eq!(cost("{ version }"), 0);
    assert_eq!(cost("{ tree { id title tags } }"), 1);
    assert_eq!(cost("{ tree { parent { id } } }"), 2);
    assert_eq!(cost("{ categories { slug } }"), list_sizes::of("Query", "categories").unwrap());
    let nodes = list_sizes::of("TreeVersion", "nodes").unwrap();
    assert_eq!(cost("{ tree { published { nodes { slug } } } }"), 2 + nodes);
    assert_eq!(cost("mutation { a { id } }"), 11);
}

#[test]
fn a_connection_costs_its_page() {
    assert_eq!(cost("{ trees { totalCount pageInfo { hasNextPage } } }"), 1);
    assert_eq!(cost("{ trees { nodes { id } } }"), 21, "the schema's default");
    assert_eq!(cost("{ trees(first: 5) { nodes { id } } }"), 6);
    assert_eq!(cost("{ trees(last: 7) { edges { cursor node { id } } } }"), 15);
    assert_eq!(cost("{ trees(first: 1, last: 100) { nodes { id } } }"), 101, "resolvers take `last` where both are given");
    assert_eq!(cost("{ trees(first: 5, last: null) { nodes { id } } }"), 6);
    assert_eq!(cost("{ trees(first: 100000) { nodes { id } } }"), 101, "resolvers refuse more than 100");
    assert_eq!(cost("{ trees(first: -1) { nodes { id } } }"), 2);
    let page = "query($n: Int = 9) { trees(first: $n) { nodes { id } } }";
    assert_eq!(measure_with(page, json!({ "n": 3 })).unwrap().cost, 4);
    assert_eq!(cost(page), 10, "the operation's default");
    assert_eq!(cost("{ nodes(ids: [\"a\", \"b\", \"c\"]) { id } }"), 3, "as many as are asked for");
    assert_eq!(measure_with("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ["a", "b"] })).unwrap().cost, 2);
}

#[test]
fn an_integer_of_more_than_32_bits_is_refused_before_anything_is_done() {
    for argument in ["first: 2147483648", "last: -2147483649", "first: 1e3", "first: 99999999999999999999"] {
        let query = format!("{{ trees({argument}) {{ totalCount }} }}");
        assert!(matches!(measure(&query), Err(Refusal::Invalid(..))), "{argument}");
    }
    let variable = "query($n: Int) { trees(first: $n) { totalCount } }";
    assert!(matches!(measure_with(variable, json!({ "n": 2_147_483_648_u64 })), Err(Refusal::Invalid(..))));
    assert!(measure_with(variable, json!({ "n": i32::MAX })).is_ok(), "what a page may be is for the list to say");
    assert!(measure_with(variable, json!({ "n": null })).is_ok());
    let others =
        "query Run($n: Float) { tree { title } } query Not($n: Int) { ...F } fragment F on Query { trees(first: $n) { totalCount } }";
    let document = parse_query(others).unwrap();
    let run = document.operations.iter().find(|(name, _)| name.is_some_and(|name| name == "Run")).unwrap().1;
    let shape = Shape::of(SDL).unwrap_or_else(|error| panic!("{error:?}"));
    let measured = guard::measure(&shape, &document, &run.node, &Variables::from_json(json!({ "n": 2.5 })));
    assert!(measured.is_ok(), "what is not run may use a variable of this name otherwise");
}

#[test]
fn a_scalar_costs_only_where_it_makes_answers_long() {
    assert_eq!(cost("{ tree { id a: id b: id } }"), 3, "under another name it is one more");
    assert_eq!(cost("{ tree { published { document } } }"), 42, "as long as a tree");
    assert!(measure("{ trees(first: 100) { nodes { published { document } } } }").is_ok(), "a page of documents");
    let twice = "{ trees(first: 100) { nodes { published { document again: document } } } }";
    assert_eq!(sentence(twice), "this operation costs 8201 points; at most 5000 are allowed");
}

#[test]
fn a_fragment_counts_wherever_it_is_spread() {
    assert_eq!(cost("{ tree { ...F parent { ...F } } } fragment F on Tree { published { tree { id } } }"), 6);
    assert_eq!(cost("{ trees(first: 10) { ...P } } fragment P on TreeConnection { nodes { id } }"), 11);
    let dear = "{ trees(first: 100) { nodes { ...V parent { ...V } } } } fragment V on Tree { published { nodes { slug } } }";
    let nodes = list_sizes::of("TreeVersion", "nodes").unwrap();
    let points = 1 + 100 * (2 + 2 * (1 + nodes));
    assert_eq!(sentence(dear), format!("this operation costs {points} points; at most 5000 are allowed"));
}

#[test]
fn each_limit_is_named() {
    let nested = |depth: usize| format!("{{ tree {}{{ id }}{} }}", "{ parent ".repeat(depth), " }".repeat(depth));
    assert!(measure(&nested(10)).is_ok());
    assert_eq!(sentence(&nested(11)), "this operation has more than 12 levels of fields");
    assert_eq!(sentence(&format!("{{ {} }}", "version ".repeat(1001))), "this operation has more than 1000 fields");
    let aliases: String = (0..31).map(|n| format!("a{n}: version ")).collect();
    assert_eq!(sentence(&format!("{{ {aliases} }}")), "this operation has more than 30 aliases");
    assert_eq!(sentence(&format!("{{ version {} }}", "@include(if: true) ".repeat(21))), "this operation has more than 20 directives");
    assert_eq!(
        sentence("mutation { a { id } b { id } a { id } b { id } a { id } b { id } }"),
        "this operation has 6 mutations; at most 5 are allowed"
    );
    assert_eq!(
        sentence("mutation { ...F } fragment F on Mutation { ...G ...G ...G } fragment G on Mutation { a { id } b { id } }"),
        "this operation has 6 mutations; at most 5 are allowed"
    );
}

/// Each field would be a stream of its own, and wake up with the others; one in a fragment would be none.
#[test]
fn a_subscription_has_one_field() {
    assert!(measure("subscription { a { ...F } } fragment F on Tree { id title }").is_ok());
    for query in [
        "subscription { a { id } b { id } }",
        "subscription { ...F } fragment F on Subscription { a { id } }",
        "subscription { a { id } ... on Subscription { again: a { id } } }",
    ] {
        assert_eq!(sentence(query), "a subscription must have exactly one field at its root, and no fragment there");
    }
}

#[test]
fn a_fragment_that_spreads_itself_is_refused_wherever_it_hides() {
    assert_eq!(sentence("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"), "the fragment `A` spreads itself");
    assert_eq!(sentence("{ version } fragment A on Query { version ...A }"), "the fragment `A` spreads itself", "though nobody uses it");
}

#[test]
fn an_operation_that_is_not_chosen_is_measured_too() {
    let query = format!("query A {{ version }} query B {{ {} }}", "version ".repeat(1001));
    assert_eq!(sentence(&query), "this operation has more than 1000 fields");
}

#[test]
fn introspection_is_a_class_of_its_own() {
    let tool = include_str!("support/introspection.graphql");
    assert_eq!(measure(tool).unwrap(), Measure { cost: 0, introspects: true, reads: false, signs_in: false });
    let bomb =
        |levels: usize| format!("{{ __schema {{ types {}{{ name }}{} }} }}", "{ fields { type ".repeat(levels), " } }".repeat(levels));
    assert!(measure(&bomb(1)).is_ok());
    assert_eq!(sentence(&bomb(2)), "this operation has more than 2 nested lists of types or fields in its introspection");
    let deep = |levels: usize| format!("{{ __type(name: \"T\") {}{{ name }}{} }}", "{ ofType ".repeat(levels), " }".repeat(levels));
    assert!(measure(&deep(18)).is_ok());
    assert_eq!(sentence(&deep(19)), "this operation has more than 20 levels of introspection");
    assert!(measure("{ __typename }").is_ok_and(|measure| !measure.reads && !measure.introspects));
    assert!(measure("{ version }").is_ok_and(|measure| measure.reads));
}

#[test]
fn text_is_limited_before_it_is_parsed() {
    assert!(sentence(&" ".repeat(32 * 1024 + 1)).starts_with("the query has 32769 bytes"));
    assert_eq!(sentence(&format!("{{ {} }}", "a ".repeat(4000))), "the query has more than 4000 tokens");
    assert_eq!(sentence(&format!("{{ a(b: {} }}", "[".repeat(10_000))), "the query nests more than 50 brackets");
    let quoted = format!(
        "{{ version }} # {}\n{{ a(b: \"{}\", c: \"\"\"{} \\\"\"\" {}\"\"\", d: \"\\\"[[\") }}",
        "{".repeat(99),
        "[".repeat(99),
        "(".repeat(99),
        "{".repeat(99)
    );
    assert_eq!(query_text::check(&quoted), Ok(()), "brackets in strings and comments do not nest");
}

/// What the parser reads outside of strings is counted, whatever quotes and backslashes stand before it.
#[test]
fn nothing_that_is_written_hides_brackets_from_being_counted() {
    const PIECES: [&str; 5] = ["\"", "\"\"\"", "\\", "a", "\n"];
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let mut understood = 0;
    for length in 0..7 {
        for number in 0..PIECES.len().pow(length) {
            let written: String = (0..length).map(|place| PIECES[number / PIECES.len().pow(place) % PIECES.len()]).collect();
            let query = format!("{{ a(b: [{written}], c: {deep}) }}");
            if parse_query(&query).is_ok() {
                understood += 1;
                assert!(query_text::check(&query).is_err(), "{query}");
            }
        }
    }
    assert!(understood > 500, "{understood}");
}

/// Each of these takes async-graphql's own validation minutes, or the parser its stack.
#[tokio::test]
async fn bombs_are_refused_in_milliseconds() {
    let app = TestApp::new().await;
    let doubling: String = (0..26).map(|n| format!(" fragment F{n} on Query {{ ...F{} ...F{} }}", n + 1, n + 1)).collect();
    let bombs = [
        ("fragments that double", format!("query {{ ...F0 }}{doubling} fragment F26 on Query {{ __typename }}")),
        ("fragments that double, unused", format!("query {{ __typename }}{doubling} fragment F26 on Query {{ __typename }}")),
        ("in another operation", format!("query A {{ __typename }} query B {{ ...F0 }}{doubling} fragment F26 on Query {{ __typename }}")),
        ("10,000 aliases", format!("{{ {} }}", (0..10_000).map(|n| format!("a{n}:b ")).collect::<String>())),
        ("1,000 aliases", format!("{{ {} }}", (0..1_000).map(|n| format!("a{n}:__typename ")).collect::<String>())),
        ("a deep selection", format!("{}a{}", "{a".repeat(10_000), "}".repeat(10_000))),
        ("a deep list", format!("{{ a(b: {}1{}) }}", "[".repeat(15_000), "]".repeat(15_000))),
        ("a deep object", format!("{{ a(b: {}1{}) }}", "{c:".repeat(5_000), "}".repeat(5_000))),
        ("a deep type", format!("query($a: {}Int{}) {{ __typename }}", "[".repeat(10_000), "]".repeat(10_000))),
        ("a wide list", format!("{{ a(b: [{}]) }}", "1,".repeat(10_000))),
        (
            "a chain of fragments",
            format!("{{ ...F0 }} {}", (0..900).map(|n| format!("fragment F{n} on Query{{...F{}}}", n + 1)).collect::<String>()),
        ),
        ("many directives", format!("{{ __typename {} }}", "@skip(if: false)".repeat(500))),
        ("an open string", format!("{{ a(b: \"{}", "x".repeat(30_000))),
        ("a block string of quotes", format!("{{ a(b: \"\"\"{}", "\"".repeat(30_000))),
        ("block strings that never end", format!("{{ a(b: \"\"\"{}", "\\\"\"\"\"".repeat(6_000))),
    ];
    for (name, query) in bombs {
        let started = Instant::now();
        let answer = app.anon().gql(&query, json!({})).await;
        let took = started.elapsed();
        assert_eq!(answer.status, 400, "{name}");
        assert_eq!(answer.codes().len(), 1, "{name}: {}", answer.text());
        assert!(took < Duration::from_millis(300), "{name} took {took:?}");
    }
}

#[tokio::test]
async fn every_list_of_objects_declares_its_size() {
    let app = TestApp::new().await;
    let sdl = app.get("/schema.graphql").await.text();
    let shape = Shape::of(&sdl).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(shape.undeclared, Vec::<String>::new(), "add them to graphql/list_sizes.rs");
}

#[tokio::test]
async fn the_cost_is_told_with_the_answer() {
    let app = TestApp::new().await;
    let query = "{ __schema { queryType { name } } }";
    assert_eq!(app.anon().gql(query, json!({})).await.json()["extensions"], json!({ "cost": 0 }));
}
