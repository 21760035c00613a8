use std::collections::{HashMap, HashSet};

use super::IssueCode::*;
use super::graph::Graph;
use super::limits::is_long;
use super::{MAX_OPTIONS, MAX_RULES, Report, Severity, name, quoted};
use crate::tree::document::{Argument, AskKind, Document, Node, NodeKind};
use crate::tree::edge::Slot;
use crate::tree::expression::{Fault, parse};
use crate::tree::value::{VALUE_BYTES, accepts, kind_name, of_option, same_type};

pub(super) fn check(document: &Document, graph: &Graph, report: &mut Report) {
    let declared = declarations(document, report);
    let mut reads = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        match node.node.kind {
            NodeKind::Question => question(node.key, node.node, &declared, report),
            NodeKind::Decision => reads.extend(decision(document, node.key, node.node, report).into_iter().map(|name| (index, name))),
            NodeKind::Subtree => {
                receiver(node.key, node.node, AskKind::Choice, &declared, report);
                for argument in node.node.args.values() {
                    if let Argument::Variable(argument) = argument {
                        reads.push((index, argument.variable.clone()));
                    }
                }
            }
            NodeKind::Action | NodeKind::Resolution | NodeKind::Unknown(_) => {}
        }
    }
    maybe_unset(document, graph, &reads, report);
}

type Declared<'a> = HashMap<&'a str, AskKind>;

fn declarations<'a>(document: &'a Document, report: &mut Report) -> Declared<'a> {
    let mut declared = Declared::new();
    for variable in &document.variables {
        let (name, kind) = (quoted(&variable.name), variable.kind);
        if declared.contains_key(variable.name.as_str()) {
            report.document_error(DuplicateKey, format!("The variable {name} is declared twice."));
        } else {
            declared.insert(&variable.name, kind);
        }
        if variable.default.as_ref().is_some_and(|default| !accepts(kind, default)) {
            report.document_error(TypeMismatch, format!("The default of variable {name} is no {}.", kind_name(kind)));
        }
    }
    declared
}

fn question(key: &str, node: &Node, declared: &Declared, report: &mut Report) {
    if let Some(ask) = node.ask {
        receiver(key, node, ask, declared, report);
    }
    for option in node.options.iter().take(MAX_OPTIONS) {
        for (variable, value) in &option.set {
            let what = format!("Option {} of question {} sets {}", quoted(&option.key), quoted(key), quoted(variable));
            match declared.get(variable.as_str()) {
                None => report.error(UnknownVariable, key, format!("{what}, which is not declared.")),
                Some(kind) if !accepts(*kind, value) => {
                    report.error(TypeMismatch, key, format!("{what} to a value that is no {}.", kind_name(*kind)));
                }
                Some(_) if is_long(value) => report.error(Limit, key, format!("{what} to more than {VALUE_BYTES} bytes.")),
                Some(_) => {}
            }
        }
    }
}

/// The variable that receives what a question or a call brings.
fn receiver(key: &str, node: &Node, brings: AskKind, declared: &Declared, report: &mut Report) {
    let Some(variable) = &node.variable else { return };
    let who = name(key, node);
    match declared.get(variable.as_str()) {
        None => report.error(UnknownVariable, key, format!("{who} fills the variable {}, which is not declared.", quoted(variable))),
        Some(kind) if *kind != brings && !(node.kind == NodeKind::Subtree && same_type(*kind, brings)) => {
            let (brings, kind) = (kind_name(brings), kind_name(*kind));
            report.error(TypeMismatch, key, format!("{who} brings a {brings}, and its variable {} is a {kind}.", quoted(variable)));
        }
        Some(_) => {}
    }
}

/// Checks a decision's expressions. Returns the variables it reads; those that one of its rules asks about with `exists` are left
/// out, since their absence has been thought of.
fn decision(document: &Document, key: &str, node: &Node, report: &mut Report) -> Vec<String> {
    let (mut read, mut asked) = (Vec::new(), HashSet::new());
    for (index, rule) in node.rules.iter().take(MAX_RULES).enumerate() {
        let which = format!("Rule {} of decision {}", index + 1, quoted(key));
        let expression = match parse(&rule.when) {
            Ok(expression) => expression,
            Err(error) => {
                let message = format!("{which} cannot be read at character {}: {}.", error.at + 1, error.message);
                report.error(BadExpression, key, message);
                continue;
            }
        };
        for fault in expression.check(&document.variables) {
            match fault {
                Fault::UnknownVariable(variable) => {
                    report.error(UnknownVariable, key, format!("{which} reads {}, which is not declared.", quoted(&variable)));
                }
                Fault::TypeMismatch(clause) => report.error(TypeMismatch, key, format!("{which} does not fit: {clause}.")),
            }
        }
        asked.extend(expression.asks().into_iter().map(String::from));
        read.extend(expression.variables().into_iter().map(String::from));
    }
    let mut seen = HashSet::new();
    read.retain(|variable| !asked.contains(variable) && seen.insert(variable.clone()));
    read
}

/// Warns where a variable is read that is not set on every way there. For each node: the variables set on all ways to it, as
/// bits, found by walking on as long as some set gets smaller (each can at most a hundred times).
fn maybe_unset(document: &Document, graph: &Graph, reads: &[(usize, String)], report: &mut Report) {
    let Some(root) = graph.root.filter(|_| !reads.is_empty()) else { return };
    let mut bits: HashMap<&str, u128> = HashMap::new();
    let mut defaults = 0;
    for (index, variable) in document.variables.iter().enumerate() {
        let bit = *bits.entry(&variable.name).or_insert(1 << index);
        if variable.default.is_some() {
            defaults |= bit;
        }
    }
    let bit = |name: &str| bits.get(name).copied().unwrap_or(0);
    let mut set: Vec<Option<u128>> = vec![None; graph.nodes.len()];
    set[root] = Some(defaults);
    let mut waiting = vec![root];
    while let Some(index) = waiting.pop() {
        let (node, here) = (&graph.nodes[index], set[index].unwrap_or(defaults));
        for (to, slot) in &node.edges {
            let there = sets(node.node, slot).fold(here, |set, name| set | bit(name));
            let both = set[*to].map_or(there, |known| known & there);
            if set[*to] != Some(both) {
                set[*to] = Some(both);
                waiting.push(*to);
            }
        }
    }
    for (index, variable) in reads {
        let node = &graph.nodes[*index];
        let unset = set[*index].is_some_and(|set| bit(variable) & !set != 0);
        if unset {
            let message = format!("{} reads {}, which may not be set yet on some way there.", name(node.key, node.node), quoted(variable));
            report.add(Severity::Warning, MaybeUnset, Some(node.key), message);
        }
    }
}

/// The variables that are set by leaving a node by this edge.
fn sets<'a>(node: &'a Node, slot: &Slot<'a>) -> impl Iterator<Item = &'a str> {
    let (brings, option) = match (&node.kind, slot) {
        (NodeKind::Question, Slot::Option(option)) => (node.ask.is_some_and(|ask| of_option(ask, &option.key).is_some()), Some(*option)),
        // What is typed instead of yes or no is neither.
        (NodeKind::Question, _) => (node.ask != Some(AskKind::YesNo), None),
        (NodeKind::Subtree, _) => (true, None),
        _ => (false, None),
    };
    let own = node.variable.as_deref().filter(|_| brings);
    own.into_iter().chain(option.into_iter().flat_map(|option| option.set.keys().map(String::as_str)))
}
