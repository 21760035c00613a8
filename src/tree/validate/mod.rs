//! What is wrong with a document, as data.

use std::collections::HashMap;

use super::document::Variable;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: IssueCode,
    /// One sentence.
    pub message: String,
    pub node_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssueCode {
    NoRoot,
    /// An edge names a node that does not exist.
    DanglingEdge,
    /// A warning in a draft, an error when publishing.
    Unreachable,
    NoPathToEnd,
    /// A cycle in which no node has `loops: true`, or one without a question or action.
    UndeclaredCycle,
    TerminalHasEdges,
    /// A node lacks an edge or another field that its kind needs.
    MissingEdges,
    /// Two options of a question, or two variables, share a name.
    DuplicateKey,
    DuplicateLabel,
    UnknownKind,
    BadExpression,
    UnknownVariable,
    /// A value does not fit its variable, or a field does not fit the node's kind.
    TypeMismatch,
    MaybeUnset,
    /// Calls lead back here, or nest too deep.
    SubtreeCycle,
    SubtreeNotPublished,
    UnsafeUrl,
    AltMissing,
    RawHtml,
    /// A size, or a name that is too long or has characters that names cannot have.
    Limit,
}

impl IssueCode {
    /// The code as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoot => "NO_ROOT",
            Self::DanglingEdge => "DANGLING_EDGE",
            Self::Unreachable => "UNREACHABLE",
            Self::NoPathToEnd => "NO_PATH_TO_END",
            Self::UndeclaredCycle => "UNDECLARED_CYCLE",
            Self::TerminalHasEdges => "TERMINAL_HAS_EDGES",
            Self::MissingEdges => "MISSING_EDGES",
            Self::DuplicateKey => "DUPLICATE_KEY",
            Self::DuplicateLabel => "DUPLICATE_LABEL",
            Self::UnknownKind => "UNKNOWN_KIND",
            Self::BadExpression => "BAD_EXPRESSION",
            Self::UnknownVariable => "UNKNOWN_VARIABLE",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::MaybeUnset => "MAYBE_UNSET",
            Self::SubtreeCycle => "SUBTREE_CYCLE",
            Self::SubtreeNotPublished => "SUBTREE_NOT_PUBLISHED",
            Self::UnsafeUrl => "UNSAFE_URL",
            Self::AltMissing => "ALT_MISSING",
            Self::RawHtml => "RAW_HTML",
            Self::Limit => "LIMIT",
        }
    }
}

/// What the document is validated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Draft,
    Publish,
}

/// What is known of a tree that a subtree node calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Callee {
    /// There is none, or none that this account may call.
    Missing,
    NotPublished,
    Published {
        variables: Vec<Variable>,
        /// 1 for a tree that calls nobody.
        depth: usize,
        /// Whether it calls the tree at hand, directly or through others.
        calls_this: bool,
    },
}

/// By the reference as subtree nodes write it. A reference that is not in here is `Missing`.
pub type Callees = HashMap<String, Callee>;
