use std::collections::{HashMap, HashSet};

use super::IssueCode::*;
use super::{Report, name, quoted};
use crate::tree::document::{AskKind, Document, Node, NodeKind};
use crate::tree::edge::{Slot, edges};

pub(super) fn check(document: &Document, report: &mut Report) {
    if document.root.is_empty() {
        report.document_error(NoRoot, "The tree has no root: no node is named as the first one.".into());
    } else if !document.nodes.contains_key(&document.root) {
        report.document_error(NoRoot, format!("The root {} is not among the nodes.", quoted(&document.root)));
    }
    for (key, node) in &document.nodes {
        if let NodeKind::Unknown(kind) = &node.kind {
            report.error(UnknownKind, key, format!("Node {} is of the kind {}, which does not exist.", quoted(key), quoted(kind)));
        } else {
            foreign_fields(key, node, report);
            missing_fields(key, node, report);
        }
        targets(document, key, node, report);
        if node.kind == NodeKind::Question {
            options(key, node, report);
        }
    }
}

/// Fields that another kind owns: they would be ignored, which nobody wants silently.
fn foreign_fields(key: &str, node: &Node, report: &mut Report) {
    let present = [
        ("ask", node.ask.is_some()),
        ("variable", node.variable.is_some()),
        ("options", !node.options.is_empty()),
        ("rules", !node.rules.is_empty()),
        ("otherwise", node.otherwise.is_some()),
        ("url", node.url.is_some()),
        ("tree", node.tree.is_some()),
        ("args", !node.args.is_empty()),
        ("next", node.next.is_some()),
        ("outcome", node.outcome.is_some()),
    ];
    let own: &[&str] = match node.kind {
        NodeKind::Question => &["ask", "variable", "options", "otherwise"],
        NodeKind::Action => &["url", "next"],
        NodeKind::Decision => &["rules", "otherwise"],
        NodeKind::Subtree => &["variable", "tree", "args", "next"],
        NodeKind::Resolution => &["outcome"],
        NodeKind::Unknown(_) => return,
    };
    let foreign = present.into_iter().filter(|(field, is_present)| *is_present && !own.contains(field)).map(|(field, _)| field);
    let (edges, others): (Vec<&str>, Vec<&str>) = foreign.partition(|field| ["options", "rules", "otherwise", "next"].contains(field));
    let who = name(key, node);
    if node.kind == NodeKind::Resolution && !edges.is_empty() {
        report.error(TerminalHasEdges, key, format!("{who} ends the tree, so it cannot have `{}`.", edges.join("`, `")));
    }
    let others = if node.kind == NodeKind::Resolution { others } else { [edges, others].concat() };
    if !others.is_empty() {
        report.error(TypeMismatch, key, format!("{who} has `{}`, which its kind does not use.", others.join("`, `")));
    }
}

fn missing_fields(key: &str, node: &Node, report: &mut Report) {
    let who = name(key, node);
    let mut missing = |what: &str| report.error(MissingEdges, key, format!("{who} {what}."));
    match node.kind {
        NodeKind::Question => match node.ask {
            None => missing("does not say what it asks for: `ask` is missing"),
            Some(_) if node.otherwise.is_some() => {}
            Some(AskKind::Choice) if node.options.is_empty() => missing("has neither options nor `otherwise`"),
            Some(AskKind::Choice) => {}
            Some(AskKind::YesNo) => {
                for answer in ["yes", "no"] {
                    if !node.options.iter().any(|option| option.key == answer) {
                        missing(&format!("has no option `{answer}`, and no `otherwise`"));
                    }
                }
            }
            Some(AskKind::Number | AskKind::Text | AskKind::Date) => missing("takes any answer and needs `otherwise` to lead on"),
        },
        NodeKind::Action if node.next.is_none() => missing("has no `next`"),
        NodeKind::Decision => {
            if node.rules.is_empty() {
                missing("has no rules");
            }
            if node.otherwise.is_none() {
                missing("has no `otherwise`, which is taken when no rule holds");
            }
        }
        NodeKind::Subtree if node.tree.as_deref().unwrap_or_default().is_empty() => missing("does not say which `tree` it calls"),
        NodeKind::Resolution if node.outcome.is_none() => missing("has no `outcome`"),
        NodeKind::Action | NodeKind::Subtree | NodeKind::Resolution | NodeKind::Unknown(_) => {}
    }
}

/// Edges that are not drawn yet, or lead nowhere.
fn targets(document: &Document, key: &str, node: &Node, report: &mut Report) {
    for edge in edges(node) {
        let from = match edge.slot {
            Slot::Option(option) => format!("Option {}", quoted(&option.key)),
            Slot::Rule(index, _) => format!("Rule {}", index + 1),
            Slot::Otherwise => "`otherwise`".into(),
            Slot::Next => "`next`".into(),
        };
        if edge.to.is_empty() {
            report.error(MissingEdges, key, format!("{from} of node {} leads nowhere yet.", quoted(key)));
        } else if !document.nodes.contains_key(edge.to) {
            let to = quoted(edge.to);
            report.error(DanglingEdge, key, format!("{from} of node {} leads to {to}, which is not among the nodes.", quoted(key)));
        }
    }
}

fn options(key: &str, node: &Node, report: &mut Report) {
    let who = name(key, node);
    let mut keys = HashSet::new();
    let mut labels: HashMap<String, &str> = HashMap::new();
    for option in &node.options {
        let shown = quoted(&option.key);
        if !keys.insert(&option.key) {
            report.error(DuplicateKey, key, format!("{who} has several options with the key {shown}."));
        }
        if node.ask == Some(AskKind::YesNo) && !["yes", "no"].contains(&option.key.as_str()) {
            report.error(TypeMismatch, key, format!("{who} asks yes or no, so it cannot have an option {shown}."));
        }
        let label = option.label.trim().to_lowercase();
        if label.is_empty() {
            continue;
        }
        if let Some(first) = labels.insert(label, &option.key) {
            let message = format!("{who} shows the label {} twice: for {} and {shown}.", quoted(&option.label), quoted(first));
            report.warning(DuplicateLabel, key, message);
        }
    }
}
