//! What changed between two states of a tree, on the wire.

use async_graphql::{Enum, Object, SimpleObject};

use super::node::{Content, TreeNode};
use crate::graphql::in_order::InOrder;
use crate::tree::diff::{ChangeKind, Diff};

pub struct TreeDiff {
    pub diff: Diff,
    pub before: Content,
    pub after: Content,
}

/// What changed between two states of a tree.
#[Object]
impl TreeDiff {
    /// Node by node.
    async fn changes(&self) -> Vec<NodeChange> {
        let changes = self.diff.changes.iter();
        changes
            .map(|change| NodeChange {
                kind: change.kind.into(),
                fields: change.fields.clone(),
                before: TreeNode::find(&self.before, &change.node_key),
                after: TreeNode::find(&self.after, &change.node_key),
                node_key: change.node_key.clone(),
            })
            .collect()
    }

    /// The same, for a review.
    async fn markdown(&self) -> String {
        self.diff.markdown()
    }
}

/// What changed about one node.
#[derive(SimpleObject)]
pub struct NodeChange {
    /// Added, removed or changed.
    kind: NodeChangeKind,
    /// Which node.
    node_key: String,
    /// Fields that differ, e.g. options.yes.to.
    fields: Vec<String>,
    /// Null if it was added.
    before: Option<InOrder<TreeNode>>,
    /// Null if it was removed.
    after: Option<InOrder<TreeNode>>,
}

/// How a node changed.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "ChangeKind")]
pub enum NodeChangeKind {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Different.
    Changed,
}
