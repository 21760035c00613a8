//! How far a session runs on by itself: what validation counts, also through the trees that are called, is what a session walks.

use std::sync::Arc;

use fixpath::session::commands::{self, Answer};
use fixpath::session::library::{Library, PinnedVersion};
use fixpath::session::record::{StepKind, StepRecord};
use fixpath::session::refusal::Refusal;
use fixpath::session::run_on;
use fixpath::tree::document::{AskKind, Choice, Document, Key, Node, NodeKind, OutcomeKind, Rule, Variable};
use fixpath::tree::validate::{Callee, Callees, Issue, IssueCode, MAX_HOPS, Runs, Severity, Stage, validate};
use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::support::sessions::{ADA, values};

/// What stands in a row in a tree: each leads to the next, and the last to the end.
#[derive(Clone, Debug)]
enum Part {
    Decisions(usize),
    Question,
    /// Of the tree before this one.
    Call,
}

/// A few trees, each of which may call the one before it.
fn rows() -> impl Strategy<Value = Vec<(Vec<Part>, bool)>> {
    let part = prop_oneof![3 => (1..40usize).prop_map(Part::Decisions), 1 => Just(Part::Question), 3 => Just(Part::Call)];
    prop::collection::vec((prop::collection::vec(part, 1..8), any::<bool>()), 1..4)
}

fn variables() -> Vec<Variable> {
    vec![Variable { name: "pages".into(), kind: AskKind::Number, pii: false, default: Some(json!(1)) }]
}

fn key(index: usize) -> Key {
    format!("n{index}")
}

/// The document of a row. One that ends with its last call has no resolution of its own behind it.
fn document(parts: &[Part], ends_with_call: bool, called: Option<usize>) -> Document {
    let mut nodes: Vec<Node> = Vec::new();
    for part in parts {
        let (kind, count) = match part {
            Part::Decisions(count) => (NodeKind::Decision, *count),
            Part::Call if called.is_some() => (NodeKind::Subtree, 1),
            Part::Call | Part::Question => (NodeKind::Question, 1),
        };
        for _ in 0..count {
            let next = key(nodes.len() + 1);
            let node = Node { kind: kind.clone(), title: "Next".into(), ..Node::default() };
            nodes.push(match kind {
                NodeKind::Decision => {
                    Node { rules: vec![Rule { when: "pages > 3".into(), to: next.clone() }], otherwise: Some(next), ..node }
                }
                NodeKind::Subtree => Node { tree: called.map(|index| index.to_string()), next: Some(next), ..node },
                _ => {
                    let option = Choice { key: "on".into(), label: "On".into(), hint: None, to: next, set: IndexMap::new() };
                    Node { ask: Some(AskKind::Choice), options: vec![option], ..node }
                }
            });
        }
    }
    match nodes.last_mut() {
        Some(last) if ends_with_call && last.kind == NodeKind::Subtree => last.next = None,
        _ => nodes.push(Node { kind: NodeKind::Resolution, title: "End".into(), outcome: Some(OutcomeKind::Resolved), ..Node::default() }),
    }
    let nodes = nodes.into_iter().enumerate().map(|(index, node)| (key(index), node)).collect();
    Document { schema: Document::SCHEMA, root: key(0), variables: variables(), nodes }
}

fn id(tree: usize) -> Uuid {
    Uuid::from_u128(1 + tree as u128)
}

/// The only walk there is: its steps, or why it was refused on the way.
fn walk(library: &Library, tree: usize) -> Result<Vec<StepRecord>, Refusal> {
    let stamp = || commands::Stamp { by: ADA, at: "2026-03-02T10:00:00Z".parse().unwrap(), active_ms: 0 };
    let started = commands::start(library, id(tree), None, values(json!({})), stamp())?;
    let (mut steps, mut state) = (started.steps, started.state);
    while run_on::resolution(library, &state.walk).unwrap().is_none() {
        let at = state.walk.current.node_key.clone();
        let change = commands::answer(library, &state, &at, &Answer::Option("on".into()), None, stamp())?;
        steps.extend(change.steps);
        state = change.state;
    }
    Ok(steps)
}

/// The most decisions and calls that follow each other.
fn longest_run(steps: &[StepRecord]) -> usize {
    let runs = steps.split(|step| matches!(step.kind, StepKind::Started | StepKind::Answered));
    let automatic = |step: &&StepRecord| matches!(step.kind, StepKind::Decided | StepKind::EnteredSubtree);
    runs.map(|run| run.iter().filter(automatic).count()).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_valid_runs_on_for_a_hundred_hops_at_most_and_what_is_not_for_more(rows in rows()) {
        let (mut library, mut callees, mut known) = (Vec::new(), Callees::new(), Vec::<Runs>::new());
        for (tree, (parts, ends_with_call)) in rows.iter().enumerate() {
            let called = tree.checked_sub(1);
            let document = document(parts, *ends_with_call, called);
            let issues = validate(&document, Stage::Publish, &callees);
            let too_long = |issue: &Issue| issue.code == IssueCode::Limit && issue.message.contains("follow each other");
            prop_assert!(issues.iter().all(|issue| too_long(issue) || issue.severity == Severity::Warning), "{issues:?}");

            let calls = document.nodes.iter().filter(|(_, node)| node.kind == NodeKind::Subtree);
            let pins = calls.map(|(key, _)| (key.clone(), id(tree - 1))).collect();
            library.push((id(tree), Arc::new(PinnedVersion { document: Arc::new(document.clone()), pins })));
            let walked = match walk(&Library::new(library.clone()), tree) {
                // However short its runs are, a walk may be longer than any session: that says nothing here.
                Err(Refusal::TooMany(message)) if message.starts_with("A session has at most") => return Ok(()),
                steps => steps.ok().map(|steps| longest_run(&steps)),
            };
            prop_assert_eq!(walked.is_some_and(|longest| longest <= MAX_HOPS), !issues.iter().any(too_long), "{:?}", walked);
            if issues.iter().any(too_long) {
                return Ok(());
            }
            let runs = Runs::of(&document, &|_| known.last().copied());
            let depth = tree + 1;
            callees.insert(tree.to_string(), Callee::Published { variables: variables(), depth, runs, calls_this: false });
            known.push(runs);
        }
    }
}
