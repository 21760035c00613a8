//! What validation found, on the wire.

use async_graphql::{Enum, Object};

use crate::tree::validate::{Issue, IssueCode, Severity};

/// How grave an issue is: errors stand between a draft and being published.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Severity")]
pub enum IssueSeverity {
    Error,
    Warning,
}

/// What an issue is about.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "IssueCode")]
pub enum TreeIssueCode {
    NoRoot,
    DanglingEdge,
    Unreachable,
    NoPathToEnd,
    UndeclaredCycle,
    TerminalHasEdges,
    MissingEdges,
    DuplicateKey,
    DuplicateLabel,
    UnknownKind,
    BadExpression,
    UnknownVariable,
    TypeMismatch,
    MaybeUnset,
    SubtreeCycle,
    SubtreeNotPublished,
    UnsafeUrl,
    AltMissing,
    RawHtml,
    Limit,
}

#[derive(Clone)]
pub struct TreeIssue(pub Issue);

/// Something that is wrong with a tree's content, or looks wrong.
#[Object]
impl TreeIssue {
    /// Errors must be mended before publishing.
    async fn severity(&self) -> IssueSeverity {
        self.0.severity.into()
    }

    /// What it is about, for programs.
    async fn code(&self) -> TreeIssueCode {
        self.0.code.into()
    }

    /// One sentence that names the node and the value or limit.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The node concerned; null for the tree as a whole.
    async fn node_key(&self) -> Option<&str> {
        self.0.node_key.as_deref()
    }
}
