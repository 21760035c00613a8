//! The edges that leave a node, in the document's order.

use super::document::{Choice, Node, NodeKind, Rule};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge<'a> {
    pub slot: Slot<'a>,
    /// As written: it may be empty or name no node.
    pub to: &'a str,
}

/// Where in the node the edge is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slot<'a> {
    Option(&'a Choice),
    /// Counted from 0.
    Rule(usize, &'a Rule),
    Otherwise,
    Next,
}

/// The edges that a session can walk. What the node's kind does not use is left out; a node of an unknown kind may use all.
pub fn edges(node: &Node) -> Vec<Edge<'_>> {
    let (options, rules, otherwise, next) = match &node.kind {
        NodeKind::Question => (true, false, true, false),
        NodeKind::Decision => (false, true, true, false),
        NodeKind::Action | NodeKind::Subtree => (false, false, false, true),
        NodeKind::Resolution => (false, false, false, false),
        NodeKind::Unknown(_) => (true, true, true, true),
    };
    let mut edges = Vec::new();
    if options {
        edges.extend(node.options.iter().map(|option| Edge { slot: Slot::Option(option), to: &option.to }));
    }
    if rules {
        edges.extend(node.rules.iter().enumerate().map(|(index, rule)| Edge { slot: Slot::Rule(index, rule), to: &rule.to }));
    }
    if otherwise {
        edges.extend(node.otherwise.iter().map(|to| Edge { slot: Slot::Otherwise, to }));
    }
    if next {
        edges.extend(node.next.iter().map(|to| Edge { slot: Slot::Next, to }));
    }
    edges
}
