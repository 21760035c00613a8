//! What differs between two documents, node by node: for reviews, and exact enough to make one from the other.
//!
//! `diff(a, b).apply(a)` is `b`, to the letter: two documents are the same here when their texts are, which also tells `0.0` from `-0.0` and
//! one order of keys from another.

mod fields;
mod markdown;

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::document::{Document, Key, Node, Variable};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Removed and changed nodes in the order of the document before, then added ones in the order of the one after.
    pub changes: Vec<NodeChange>,
    pub schema: Option<Replaced<u32>>,
    pub root: Option<Replaced<Key>>,
    pub variables: Option<Replaced<Vec<Variable>>>,
    /// The keys of all nodes in their new order, unless it is the old one with additions at its end.
    pub order: Option<Vec<Key>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodeChange {
    pub kind: ChangeKind,
    pub node_key: Key,
    /// What differs, e.g. `title` or `options.yes.to`. Empty unless the node is changed.
    pub fields: Vec<String>,
    pub before: Option<Node>,
    pub after: Option<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Replaced<T> {
    pub before: T,
    pub after: T,
}

pub fn diff(before: &Document, after: &Document) -> Diff {
    let mut changes = Vec::new();
    for (key, node) in &before.nodes {
        match after.nodes.get(key) {
            None => changes.push(NodeChange::new(ChangeKind::Removed, key, Some(node), None)),
            Some(changed) if !same(node, changed) => changes.push(NodeChange::new(ChangeKind::Changed, key, Some(node), Some(changed))),
            Some(_) => {}
        }
    }
    let added = after.nodes.iter().filter(|(key, _)| !before.nodes.contains_key(*key));
    changes.extend(added.map(|(key, node)| NodeChange::new(ChangeKind::Added, key, None, Some(node))));
    let kept = before.nodes.keys().filter(|key| after.nodes.contains_key(*key));
    let added = after.nodes.keys().filter(|key| !before.nodes.contains_key(*key));
    let order_is_kept = kept.chain(added).eq(after.nodes.keys());
    Diff {
        changes,
        schema: replaced(&before.schema, &after.schema),
        root: replaced(&before.root, &after.root),
        variables: replaced(&before.variables, &after.variables),
        order: if order_is_kept { None } else { Some(after.nodes.keys().cloned().collect()) },
    }
}

impl NodeChange {
    fn new(kind: ChangeKind, key: &str, before: Option<&Node>, after: Option<&Node>) -> Self {
        let fields = match (before, after) {
            (Some(before), Some(after)) => fields::changed("", before, after).into_iter().map(|field| field.path).collect(),
            _ => Vec::new(),
        };
        Self { kind, node_key: key.into(), fields, before: before.cloned(), after: after.cloned() }
    }
}

impl Diff {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The document after, made from the one before. On any other document: as much of it as there is something to apply to.
    pub fn apply(&self, before: &Document) -> Document {
        let changes: HashMap<&str, &NodeChange> = self.changes.iter().map(|change| (change.node_key.as_str(), change)).collect();
        let kept = before.nodes.iter().filter_map(|(key, node)| match changes.get(key.as_str()) {
            Some(change) => change.after.as_ref().map(|after| (key.clone(), after.clone())),
            None => Some((key.clone(), node.clone())),
        });
        let mut nodes: IndexMap<Key, Node> = kept.collect();
        for change in self.changes.iter().filter(|change| change.kind == ChangeKind::Added) {
            nodes.extend(change.after.as_ref().map(|after| (change.node_key.clone(), after.clone())));
        }
        if let Some(order) = &self.order {
            let position: HashMap<&str, usize> = order.iter().enumerate().map(|(position, key)| (key.as_str(), position)).collect();
            nodes.sort_by_key(|key, _| position.get(key.as_str()).copied().unwrap_or(usize::MAX));
        }
        Document {
            schema: self.schema.as_ref().map_or(before.schema, |schema| schema.after),
            root: self.root.as_ref().map_or(&before.root, |root| &root.after).clone(),
            variables: self.variables.as_ref().map_or(&before.variables, |variables| &variables.after).clone(),
            nodes,
        }
    }
}

fn replaced<T: Clone + PartialEq + Serialize>(before: &T, after: &T) -> Option<Replaced<T>> {
    (!same(before, after)).then(|| Replaced { before: before.clone(), after: after.clone() })
}

/// Equal in value and in text.
fn same<T: PartialEq + Serialize>(a: &T, b: &T) -> bool {
    // Parts of documents always have a text.
    let text = |part: &T| serde_json::to_string(part).unwrap_or_default();
    a == b && text(a) == text(b)
}
