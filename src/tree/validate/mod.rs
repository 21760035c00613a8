//! What is wrong with a document, as data: one issue per fault, each naming the node and the value or limit.
//!
//! Every draft is validated whenever it is shown; publishing refuses errors. What publishing accepts never gets stuck: from every
//! node an end can be reached, every answer leads somewhere, and nothing runs for ever without asking.
//!
//! - `structure`: kinds, fields and edges that are missing, lead nowhere or belong elsewhere.
//! - `content`: texts, links and media.
//! - `flow`: what can be reached, what ends, and cycles.
//! - `hops`: how far a session runs on by itself.
//! - `variables`: declarations, types, expressions, and what may be read before it is set.
//! - `subtrees`: calls of other trees.
//! - `limits`: sizes and names. A document beyond the limits of the whole is not looked at further.
//!
//! All of it takes time in proportion to nodes and edges, and no walk over the graph recurses.

mod content;
mod flow;
mod graph;
mod hops;
mod limits;
mod structure;
mod subtrees;
mod variables;

pub use content::is_web;
pub use hops::{MAX_HOPS, Runs};
pub use limits::*;
pub use subtrees::{MAX_CALL_DEPTH, MAX_PINS};

use std::collections::HashMap;

use super::document::{Document, Node, NodeKind, Variable};
use graph::Graph;

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
        runs: Runs,
        /// Whether it calls the tree at hand, directly or through others.
        calls_this: bool,
    },
}

/// By the reference as subtree nodes write it. A reference that is not in here is `Missing`.
pub type Callees = HashMap<String, Callee>;

pub fn validate(document: &Document, stage: Stage, callees: &Callees) -> Vec<Issue> {
    let mut report = Report::default();
    if limits::fits(document, &mut report) {
        limits::check(document, &mut report);
        structure::check(document, &mut report);
        content::check(document, &mut report);
        let graph = Graph::of(document);
        flow::check(&graph, stage, &mut report);
        hops::check(&graph, callees, &mut report);
        variables::check(document, &graph, &mut report);
        subtrees::check(document, callees, &mut report);
    }
    report.issues
}

pub fn has_errors(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error)
}

/// So many of each severity are reported; nobody reads more, and a hostile document could have a hundred thousand.
pub const MAX_ISSUES: usize = 500;

#[derive(Default)]
struct Report {
    issues: Vec<Issue>,
    errors: usize,
    warnings: usize,
}

impl Report {
    fn add(&mut self, severity: Severity, code: IssueCode, node_key: Option<&str>, message: String) {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MAX_ISSUES {
            self.issues.push(Issue { severity, code, message, node_key: node_key.map(String::from) });
        }
    }

    fn error(&mut self, code: IssueCode, node_key: &str, message: String) {
        self.add(Severity::Error, code, Some(node_key), message);
    }

    fn warning(&mut self, code: IssueCode, node_key: &str, message: String) {
        self.add(Severity::Warning, code, Some(node_key), message);
    }

    /// About the document rather than one of its nodes.
    fn document_error(&mut self, code: IssueCode, message: String) {
        self.add(Severity::Error, code, None, message);
    }
}

/// What an author typed, as part of a sentence: quoted, on one line, and cut when long.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 64;
    let end = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    let shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{shown}{end}`")
}

/// "Question `reboot`"
fn name(key: &str, node: &Node) -> String {
    let kind = match node.kind {
        NodeKind::Question => "Question",
        NodeKind::Action => "Action",
        NodeKind::Decision => "Decision",
        NodeKind::Subtree => "Subtree",
        NodeKind::Resolution => "Resolution",
        NodeKind::Unknown(_) => "Node",
    };
    format!("{kind} {}", quoted(key))
}
