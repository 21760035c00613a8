//! What the machine does by itself: it decides, calls subtrees and returns from them, until a person is needed. How far that goes without
//! one is the validator's to limit.

use crate::session::library::Library;
use crate::session::record::StepKind;
use crate::session::refusal::Corrupt;
use crate::session::walk::{Position, Walk};
use crate::tree::document::{Key, Node, NodeKind, OutcomeKind};
use crate::tree::expression;
use crate::tree::validate::MAX_CALL_DEPTH;
use crate::tree::value::Values;

#[derive(Clone, Debug, PartialEq)]
pub enum Automatic {
    Decide { to: Key },
    Enter,
    Leave { caller: Position, outcome: OutcomeKind },
}

impl Automatic {
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Decide { .. } => StepKind::Decided,
            Self::Enter => StepKind::EnteredSubtree,
            Self::Leave { .. } => StepKind::LeftSubtree,
        }
    }
}

/// The next automatic step; none on a question, an action or the final resolution.
pub fn next(library: &Library, walk: &Walk) -> Result<Option<Automatic>, Corrupt> {
    let node = walk.node(library)?;
    match &node.kind {
        NodeKind::Question | NodeKind::Action => Ok(None),
        NodeKind::Decision => branch(node, &walk.variables).map(|to| Some(Automatic::Decide { to })),
        NodeKind::Subtree if walk.stack.len() >= MAX_CALL_DEPTH => {
            Err(Corrupt(format!("subtrees call each other more than {MAX_CALL_DEPTH} deep")))
        }
        NodeKind::Subtree => Ok(Some(Automatic::Enter)),
        NodeKind::Resolution => {
            let Some((frame, _)) = walk.returns_to(library)? else { return Ok(None) };
            let caller = Position { version: frame.version, node_key: frame.node_key.clone() };
            Ok(Some(Automatic::Leave { caller, outcome: outcome(node)? }))
        }
        NodeKind::Unknown(kind) => Err(Corrupt(format!("a published tree has a node of the unknown kind `{kind}`"))),
    }
}

/// The final resolution, if the walk stands on it.
pub fn resolution(library: &Library, walk: &Walk) -> Result<Option<OutcomeKind>, Corrupt> {
    let node = walk.node(library)?;
    if node.kind != NodeKind::Resolution || walk.returns_to(library)?.is_some() {
        return Ok(None);
    }
    outcome(node).map(Some)
}

pub fn outcome_name(kind: OutcomeKind) -> &'static str {
    kind.as_str()
}

fn branch(node: &Node, variables: &Values) -> Result<Key, Corrupt> {
    for rule in &node.rules {
        let when = expression::parse(&rule.when).map_err(|_| Corrupt(format!("a published rule cannot be read: {}", rule.when)))?;
        if when.holds(variables) {
            return Ok(rule.to.clone());
        }
    }
    node.otherwise.clone().ok_or_else(|| Corrupt("a published decision has no `otherwise`".into()))
}

fn outcome(resolution: &Node) -> Result<OutcomeKind, Corrupt> {
    resolution.outcome.ok_or_else(|| Corrupt("a published resolution has no outcome".into()))
}
