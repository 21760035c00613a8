use std::collections::HashSet;

use super::IssueCode::*;
use super::limits::is_long;
use super::{Callee, Callees, Report, name, quoted};
use crate::tree::document::{Argument, Document, Node, NodeKind, Variable};
use crate::tree::value::{VALUE_BYTES, accepts, kind_name, same_type};

/// A tree that calls nobody is 1 deep.
pub const MAX_CALL_DEPTH: usize = 8;
/// Different trees that one tree calls.
pub const MAX_PINS: usize = 50;

pub(super) fn check(document: &Document, callees: &Callees, report: &mut Report) {
    let mut called = HashSet::new();
    for (key, node) in document.nodes.iter().filter(|(_, node)| node.kind == NodeKind::Subtree) {
        let tree = node.tree.as_deref().unwrap_or_default();
        arguments(document, key, node, report);
        if tree.is_empty() {
            continue;
        }
        called.insert(tree);
        let calls = format!("{} calls {}", name(key, node), quoted(tree));
        match callees.get(tree) {
            None | Some(Callee::Missing) => report.error(SubtreeNotPublished, key, format!("{calls}, and there is no such tree.")),
            Some(Callee::NotPublished) => report.error(SubtreeNotPublished, key, format!("{calls}, which is not published.")),
            Some(Callee::Published { variables, depth, calls_this, runs: _ }) => {
                let depth = depth.saturating_add(1);
                if *calls_this {
                    report.error(SubtreeCycle, key, format!("{calls}, which leads back to this tree."));
                } else if depth > MAX_CALL_DEPTH {
                    report.error(
                        SubtreeCycle,
                        key,
                        format!("{calls}, so that calls nest {depth} deep; at most {MAX_CALL_DEPTH} are allowed."),
                    );
                }
                parameters(document, key, node, variables, report);
            }
        }
    }
    if called.len() > MAX_PINS {
        report.document_error(Limit, format!("The tree calls {} other trees; at most {MAX_PINS} are allowed.", called.len()));
    }
}

/// What the caller gives.
fn arguments(document: &Document, key: &str, node: &Node, report: &mut Report) {
    for (name, argument) in &node.args {
        let what = format!("Argument {} of subtree {}", quoted(name), quoted(key));
        match argument {
            Argument::Variable(argument) if document.variable(&argument.variable).is_none() => {
                report.error(UnknownVariable, key, format!("{what} reads {}, which is not declared.", quoted(&argument.variable)));
            }
            Argument::Value(value) if is_long(value) => {
                report.error(Limit, key, format!("{what} is longer than {VALUE_BYTES} bytes."));
            }
            Argument::Variable(_) | Argument::Value(_) => {}
        }
    }
}

/// What the callee takes.
fn parameters(document: &Document, key: &str, node: &Node, variables: &[Variable], report: &mut Report) {
    for (name, argument) in &node.args {
        let what = format!("Argument {} of subtree {}", quoted(name), quoted(key));
        let Some(parameter) = variables.iter().find(|variable| variable.name == *name) else {
            report.error(UnknownVariable, key, format!("{what} is no variable of the tree that is called."));
            continue;
        };
        let kind = parameter.kind;
        let fits = match argument {
            Argument::Value(value) => accepts(kind, value),
            Argument::Variable(argument) => document.variable(&argument.variable).is_none_or(|variable| same_type(variable.kind, kind)),
        };
        if !fits {
            report.error(TypeMismatch, key, format!("{what} does not fit: the tree that is called takes a {} there.", kind_name(kind)));
        }
    }
}
