//! The content that ships: every template and demo tree can be published without an issue.

use fixpath::staff::demo::{self, DemoTree};
use fixpath::tree::document::{Document, Node, NodeKind};
use fixpath::tree::edge::{Edge, edges};
use fixpath::tree::template;
use fixpath::tree::validate::{Callee, Callees, Runs, Stage, validate};
use std::collections::HashSet;

/// What is published before anything is.
fn nothing() -> Callees {
    Callees::new()
}

fn json_files(folder: &str) -> usize {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    std::fs::read_dir(path).unwrap().filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "json")).count()
}

fn nodes_of(document: &Document, kind: NodeKind) -> Vec<&Node> {
    document.nodes.values().filter(|node| node.kind == kind).collect()
}

#[test]
fn every_template_file_is_offered_once_under_its_key() {
    let keys: HashSet<&str> = template::all().iter().map(|template| template.key.as_str()).collect();

    assert_eq!(json_files("src/tree/templates"), template::all().len());
    assert_eq!(keys.len(), template::all().len());
    for template in template::all() {
        assert_eq!(template::find(&template.key), Some(template));
        assert!(!template.title.is_empty() && !template.summary.is_empty(), "{}", template.key);
    }
    assert_eq!(template::find("no-such-template"), None);
}

#[test]
fn a_fresh_account_can_publish_every_template_at_once() {
    for template in template::all() {
        let document = &template.document;
        assert_eq!(validate(document, Stage::Publish, &nothing()), [], "{}", template.key);
        assert!((6..=12).contains(&document.nodes.len()), "{} has {} nodes", template.key, document.nodes.len());
        assert!(nodes_of(document, NodeKind::Subtree).is_empty(), "{} calls a tree", template.key);
    }
}

#[test]
fn the_templates_show_every_way_to_ask_a_decision_a_loop_and_personal_data() {
    let documents = || template::all().iter().map(|template| &template.document);
    let asked: HashSet<_> = documents().flat_map(|document| document.nodes.values().filter_map(|node| node.ask)).collect();

    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(documents().any(|document| !nodes_of(document, NodeKind::Decision).is_empty()));
    assert!(documents().any(|document| document.nodes.values().any(|node| node.loops)));
    assert!(documents().any(|document| document.variables.iter().any(|variable| variable.pii)));
}

/// Whether a walk can come back to this node.
fn comes_back(document: &Document, key: &str) -> bool {
    let (mut waiting, mut seen) = (vec![key], HashSet::new());
    while let Some(node) = waiting.pop().and_then(|key| document.nodes.get(key)) {
        for Edge { to: next, .. } in edges(node) {
            if next == key {
                return true;
            }
            if seen.insert(next) {
                waiting.push(next);
            }
        }
    }
    false
}

#[test]
fn the_demo_is_three_troubles_with_a_call_a_decision_and_a_loop_each_and_the_two_trees_they_call() {
    let trees = demo::trees();
    assert_eq!(json_files("src/staff/demo"), trees.len());
    let (troubles, called): (Vec<_>, Vec<_>) = trees.iter().partition(|tree| !nodes_of(&tree.document, NodeKind::Subtree).is_empty());
    let slugs = |trees: &[&DemoTree]| trees.iter().map(|tree| tree.slug.clone()).collect::<Vec<_>>();
    assert_eq!(slugs(&troubles), ["branch-network-outage", "printer-does-not-print", "kubernetes-pod-does-not-start"]);
    assert_eq!(slugs(&called), ["check-cable-and-link", "collect-logs-for-escalation"]);

    for DemoTree { slug, document, .. } in troubles {
        assert!((15..=40).contains(&document.nodes.len()), "{slug} has {} nodes", document.nodes.len());
        let calls: HashSet<_> = nodes_of(document, NodeKind::Subtree).into_iter().map(|node| node.tree.clone().unwrap()).collect();
        assert!(calls.iter().all(|callee| called.iter().any(|tree| tree.slug == *callee)), "{slug} calls {calls:?}");

        // What was answered or done earlier decides, not only how a call has ended.
        let told: HashSet<_> = nodes_of(document, NodeKind::Question).into_iter().flat_map(|node| &node.variable).collect();
        let done: HashSet<_> = document.nodes.values().flat_map(|node| &node.options).flat_map(|option| option.set.keys()).collect();
        let rules = || nodes_of(document, NodeKind::Decision).into_iter().flat_map(|node| &node.rules);
        let read =
            |name: &&String| rules().any(|rule| rule.when.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == *name));
        assert!(told.iter().any(read), "{slug}: a decision over an answer");
        assert!(done.iter().any(read), "{slug}: a decision over what was done");

        let loops: Vec<_> = document.nodes.iter().filter(|(_, node)| node.loops).map(|(key, _)| key).collect();
        assert!(loops.iter().any(|key| comes_back(document, key)), "{slug}: a declared loop among {loops:?}");
    }
    for DemoTree { slug, document, .. } in called {
        assert!((5..=10).contains(&document.nodes.len()), "{slug} has {} nodes", document.nodes.len());
    }
}

#[test]
fn every_demo_tree_can_be_published_in_the_order_given() {
    let mut published = nothing();
    for tree in demo::trees() {
        assert_eq!(validate(&tree.document, Stage::Publish, &published), [], "{}", tree.slug);
        let depth = if nodes_of(&tree.document, NodeKind::Subtree).is_empty() { 1 } else { 2 };
        let runs = Runs::of(&tree.document, &|_| None);
        let earlier = published.insert(tree.slug, Callee::Published { variables: tree.document.variables, depth, runs, calls_this: false });
        assert_eq!(earlier, None);
    }
    assert_eq!(published.len(), 5);
}

#[test]
fn the_demo_shows_every_kind_of_node_and_a_call_that_returns_to_a_decision() {
    let trees = demo::trees();
    let kinds: HashSet<&str> = trees.iter().flat_map(|tree| tree.document.nodes.values().map(|node| node.kind.as_str())).collect();
    let returns_to_a_decision = |document: &Document| {
        nodes_of(document, NodeKind::Subtree).iter().any(|call| {
            let next = call.next.as_ref().and_then(|key| document.nodes.get(key));
            !call.args.is_empty() && call.variable.is_some() && next.is_some_and(|node| node.kind == NodeKind::Decision)
        })
    };

    assert_eq!(kinds, HashSet::from(["question", "action", "decision", "subtree", "resolution"]));
    assert!(trees.iter().any(|tree| returns_to_a_decision(&tree.document)));
}

#[test]
fn shipped_content_keeps_its_digest_when_written_and_read_again() {
    let templates = template::all().iter().map(|template| template.document.clone());
    for document in templates.chain(demo::trees().into_iter().map(|tree| tree.document)) {
        let again = Document::from_json(&serde_json::from_str(&document.to_text()).unwrap()).unwrap();
        assert_eq!(again, document);
        assert_eq!(again.digest(), document.digest());
    }
}
