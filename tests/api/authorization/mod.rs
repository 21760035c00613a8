//! Every field and mutation of the schema, as six people, against expectations written by hand. A field without one fails, and so
//! does an expectation without a field.

mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};

use fixture::{Fixture, OWNER, PEOPLE};
use serde_json::json;

use crate::support::TestApp;

/// One field: its type, its name with arguments, the query that reaches it, and what each of the six sees.
struct Expectation {
    field: String,
    call: String,
    query: String,
    seen: Vec<char>,
}

/// The object types' fields, and whether each needs a selection.
fn schema_fields() -> BTreeMap<String, bool> {
    let document = parse_schema(fixpath::graphql::sdl()).unwrap();
    let types = document.definitions.iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(&definition.node),
        _ => None,
    });
    let types: Vec<_> = types.collect();
    let composite: BTreeSet<String> = types
        .iter()
        .filter(|one| matches!(one.kind, TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_)))
        .map(|one| one.name.node.to_string())
        .collect();
    let mut fields = BTreeMap::new();
    for one in types {
        // An interface's fields are reached through the types that implement it.
        if let TypeKind::Object(object) = &one.kind {
            for field in &object.fields {
                let named = field.node.ty.node.to_string().replace(['[', ']', '!'], "");
                fields.insert(format!("{}.{}", one.name.node, field.node.name.node), composite.contains(&named));
            }
        }
    }
    fields
}

fn expectations() -> Vec<Expectation> {
    let mut all = Vec::new();
    let (mut ty, mut query) = (String::new(), String::new());
    for line in include_str!("expectations.txt").lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix("> ") {
            let (name, path) = header.split_once(": ").unwrap();
            (ty, query) = (name.to_owned(), path.to_owned());
        } else {
            let (seen, calls) = line.split_once(": ").unwrap();
            for call in calls_of(calls) {
                let name = call.split('(').next().unwrap();
                all.push(Expectation { field: format!("{ty}.{name}"), query: query.clone(), seen: seen.chars().collect(), call });
            }
        }
    }
    all
}

/// Splits at the spaces outside of parentheses.
fn calls_of(line: &str) -> Vec<String> {
    let (mut calls, mut depth) = (vec![String::new()], 0);
    for character in line.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if character == ' ' && depth == 0 {
            calls.push(String::new());
        } else {
            calls.last_mut().unwrap().push(character);
        }
    }
    calls.into_iter().filter(|call| !call.is_empty()).collect()
}

#[test]
fn every_field_has_an_expectation_and_every_expectation_a_field() {
    let fields: BTreeSet<String> = schema_fields().into_keys().collect();
    let expected: Vec<String> = expectations().into_iter().map(|one| one.field).collect();
    let unique: BTreeSet<String> = expected.iter().cloned().collect();
    assert_eq!(unique.len(), expected.len(), "no field stands there twice");
    assert_eq!(fields.difference(&unique).collect::<Vec<_>>(), Vec::<&String>::new(), "fields without an expectation");
    assert_eq!(unique.difference(&fields).collect::<Vec<_>>(), Vec::<&String>::new(), "expectations without a field");
    assert!(expectations().iter().all(|one| one.seen.len() == PEOPLE.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_they_may_and_nothing_else() {
    let fields = schema_fields();
    let fixture = Fixture::new().await;
    let mut wrong = Vec::new();
    for expectation in expectations() {
        let selection = if fields.get(&expectation.field) == Some(&true) { " { __typename }" } else { "" };
        for (place, person) in PEOPLE.iter().enumerate() {
            let seen = fixture.look(&expectation.field, &expectation.query, &expectation.call, selection, place).await;
            let expected = expectation.seen[place];
            if seen.0 != expected {
                wrong.push(format!("{} as {person}: expected {expected}, saw {}: {}", expectation.field, seen.0, seen.1));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn every_mutation_beyond_the_limit_says_so_as_a_value() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "5")]).await;
    let owner = app.sign_up("owner").await;
    for _ in 0..5 {
        owner.ok("{ viewer { role } }", json!({})).await;
    }
    let mutations: Vec<_> = expectations().into_iter().filter(|one| one.field.starts_with("Mutation.")).collect();
    assert!(mutations.len() > 50);
    for one in mutations {
        let answer = owner.gql(&format!("mutation {{ done: {} {{ userErrors {{ code }} }} }}", one.call), json!({})).await;
        // The names in the expectations are no ids here; and what is no id is refused before anything is done.
        let no_id = one.call.contains('$') && answer.codes() == ["BAD_USER_INPUT"];
        assert!(no_id || answer.refusals("done") == ["RATE_LIMITED"], "{}: {}", one.field, answer.text());
        assert!(no_id || answer.header("retry-after").parse::<u64>().is_ok(), "{}", one.field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_any_text_fails_nothing() {
    let fixture = Fixture::new().await;
    fixture.make_owner_staff().await;
    let filters = [
        ("Query.trees", "{ * }", "trees(filter: {category: \"a\", tags: [\"b\"]})"),
        ("Query.marketplace", "{ * }", "marketplace(query: \"a\")"),
        ("Query.plan", "{ * }", "plan(key: \"a\")"),
        ("Staff.lookup", "{ staff { * } }", "lookup(ref: \"a\")"),
        ("Staff.webhookDelivery", "{ staff { * } }", "webhookDelivery(eventId: \"a\")"),
        ("Staff.webhookDeliveries", "{ staff { * } }", "webhookDeliveries(filter: {eventId: \"a\", type: \"b\"})"),
    ];
    let filters = filters.map(|(field, query, call)| (field.to_owned(), query.to_owned(), call.to_owned()));
    let walked = expectations().into_iter().map(|one| (one.field, one.query, one.call));
    let fields = schema_fields();
    let (mut tried, mut failed) = (0, Vec::new());
    for (field, query, call) in walked.chain(filters) {
        // Every second piece is what stands between quotes.
        let pieces: Vec<&str> = call.split('"').collect();
        for place in (1..pieces.len()).step_by(2) {
            let mut with_nul = pieces.clone();
            with_nul[place] = "a\\u0000b";
            let selection = if fields.get(&field) == Some(&true) { " { __typename }" } else { "" };
            let (_, answer) = fixture.look(&field, &query, &with_nul.join("\""), selection, OWNER).await;
            tried += 1;
            if answer.contains("INTERNAL_SERVER_ERROR") {
                failed.push(format!("{field}: {}: {answer}", with_nul.join("\"")));
            }
        }
    }
    assert!(tried > 60, "{tried}");
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed.join("\n"));
}
