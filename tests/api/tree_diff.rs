use fixpath::tree::diff::{ChangeKind, Diff, diff};
use fixpath::tree::document::Document;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

use crate::support::documents::{any_document, valid_document};

fn document(value: Value) -> Document {
    Document::from_json(&value).unwrap()
}

fn before() -> Document {
    document(json!({
        "schema": 1, "root": "power",
        "variables": [{"name": "colour", "kind": "choice"}],
        "nodes": {
            "power": {"kind": "question", "title": "Is it on?", "ask": "yes_no", "options": [
                {"key": "yes", "label": "Yes", "to": "done"},
                {"key": "no", "label": "No", "to": "plug"},
            ]},
            "plug": {"kind": "action", "title": "Plug it in", "next": "power"},
            "done": {"kind": "resolution", "title": "Done", "outcome": "resolved"},
        }
    }))
}

/// The diff of `before()` and what the change makes of it.
fn changed(change: impl FnOnce(&mut Document)) -> Diff {
    let (before, mut after) = (before(), before());
    change(&mut after);
    let diff = diff(&before, &after);
    assert_eq!(diff.apply(&before).to_text(), after.to_text());
    diff
}

fn fields(change: impl FnOnce(&mut Document)) -> Vec<String> {
    changed(change).changes.into_iter().flat_map(|change| change.fields).collect()
}

#[test]
fn equal_documents_do_not_differ() {
    let diff = changed(|_| {});
    assert!(diff.is_empty());
    assert_eq!(diff.markdown(), "No changes.\n");
}

#[test]
fn a_changed_node_names_its_fields() {
    assert_eq!(fields(|after| after.nodes["power"].title = "Lamp?".into()), ["title"]);
    assert_eq!(fields(|after| after.nodes["power"].options[0].to = "plug".into()), ["options.yes.to"]);
    assert_eq!(fields(|after| after.nodes["power"].options.truncate(1)), ["options.no"]);
    assert_eq!(fields(|after| after.nodes["power"].options.swap(0, 1)), ["options"]);
    assert_eq!(fields(|after| after.nodes["power"].options[1].set.extend([("colour".into(), json!("red"))])), ["options.no.set"]);
    assert_eq!(fields(|after| after.nodes["plug"].body = Some("Look".into())), ["body"]);
    assert_eq!(fields(|after| after.nodes["done"].outcome = None), ["outcome"]);
}

#[test]
fn added_and_removed_nodes_are_told_apart() {
    let diff = changed(|after| {
        after.nodes.shift_remove("plug");
        after.nodes.insert("socket".into(), before().nodes["plug"].clone());
    });
    let kinds: Vec<_> = diff.changes.iter().map(|change| (change.kind, change.node_key.as_str())).collect();
    assert_eq!(kinds, [(ChangeKind::Removed, "plug"), (ChangeKind::Added, "socket")]);
    assert!(diff.changes[0].after.is_none() && diff.changes[1].before.is_none());
    assert!(diff.order.is_none());
}

#[test]
fn what_is_outside_the_nodes_counts_too() {
    let diff = changed(|after| {
        after.root = "plug".into();
        after.variables[0].default = Some(json!("red"));
        after.nodes.swap_indices(0, 2);
    });
    assert!(diff.changes.is_empty() && diff.order.is_some());
    assert_eq!(diff.markdown(), "- root: power → plug\n- variables\\.colour\\.default: red\n- nodes: the order\n");
}

#[test]
fn a_review_reads_well() {
    let diff = changed(|after| {
        after.nodes["power"].title = "Is the lamp on?".into();
        after.nodes["power"].options[0].to = "plug".into();
        after.nodes.shift_remove("done");
    });
    let expected = "### Changed: power (question) Is the lamp on?\n\n\
        - title: Is it on? → Is the lamp on?\n\
        - options\\.yes\\.to: done → plug\n\n\
        ### Removed: done (resolution) Done\n\n\
        - outcome: ~~resolved~~\n";
    // `question` holds no punctuation; `(` is ours.
    assert_eq!(diff.markdown(), expected);
}

#[test]
fn a_diff_can_meet_another_document() {
    let diff = changed(|after| after.nodes["power"].title = "Lamp?".into());
    let mut other = before();
    other.nodes.shift_remove("power");
    assert_eq!(diff.apply(&other).to_text(), other.to_text());
}

/// The events that authors' texts must never bring about.
fn has_markup(markdown: &str) -> bool {
    Parser::new_ext(markdown, Options::all()).any(|event| {
        let inert = ["Paragraph", "Heading", "List", "Item", "Strikethrough"];
        match event {
            Event::Start(Tag::Heading { level, .. }) => level != pulldown_cmark::HeadingLevel::H3,
            Event::Start(tag) => !inert.iter().any(|name| format!("{tag:?}").starts_with(name)),
            Event::End(_) | Event::Text(_) | Event::SoftBreak => false,
            _ => true,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_diff_applied_gives_the_other_document(before in any_document(), after in any_document()) {
        let applied = diff(&before, &after).apply(&before);
        prop_assert_eq!(applied.to_text(), after.to_text());
        prop_assert_eq!(applied, after);
    }

    #[test]
    fn a_diff_of_valid_documents_applied_gives_the_other(before in valid_document(), after in valid_document()) {
        let diff = diff(&before, &after);
        prop_assert_eq!(diff.apply(&before).to_text(), after.to_text());
        prop_assert_eq!(diff.is_empty(), before.to_text() == after.to_text());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_review_shows_what_authors_typed_and_formats_nothing(before in any_document(), after in any_document()) {
        let markdown = diff(&before, &after).markdown();
        prop_assert!(!has_markup(&markdown), "{}", markdown);
    }
}

#[test]
fn a_long_name_with_many_parts_does_not_become_gigabytes() {
    let calling = |value: u32| {
        let parts: serde_json::Map<String, Value> = (0..20_000).map(|number| (format!("a{number}"), json!(value))).collect();
        let args = json!({ "x".repeat(500_000): parts });
        document(json!({"schema": 1, "nodes": {"n": {"kind": "subtree", "title": "", "tree": "t", "args": args}}}))
    };
    let diff = diff(&calling(0), &calling(1));
    let fields = &diff.changes[0].fields;
    assert_eq!(fields.len(), 20_000);
    assert!(fields.iter().all(|path| path.len() < 500));
}
