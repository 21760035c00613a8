//! The walk: the node it stands on, the calls it is in, the variables; and how each step moves it.
//!
//! A call of a subtree has variables of its own and gives the caller's back when it ends. A call without `next` is a tail
//! call: its end is the end of the tree that made it, so the walk returns to the nearest call that goes on. If none does,
//! the resolution reached is the session's.

use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::session::refusal::Corrupt;
use crate::tree::document::{Argument, Document, Key, Node, NodeKind};
use crate::tree::value::Values;
use crate::tree::value::accepts;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    pub current: Position,
    /// The calls that have not returned, outermost first.
    pub stack: Vec<Frame>,
    /// Of the tree in which it stands.
    pub variables: Values,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub version: Uuid,
    pub node_key: Key,
}

/// Where a call came from, and what it goes back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub version: Uuid,
    pub node_key: Key,
    pub variables: Values,
}

impl Walk {
    /// Walks the steps of a trail: STARTED, then steps that walk.
    pub fn replay<'a>(library: &Library, mut steps: impl Iterator<Item = &'a StepRecord>) -> Result<Self, Corrupt> {
        let started = steps.next().ok_or_else(|| Corrupt("the session has no steps".into()))?;
        let mut walk = Self::begin(library, started)?;
        for step in steps {
            walk.apply(library, step)?;
        }
        Ok(walk)
    }

    pub(super) fn begin(library: &Library, started: &StepRecord) -> Result<Self, Corrupt> {
        if started.kind != StepKind::Started {
            return Err(Corrupt(format!("the first step is {}", started.kind.as_str())));
        }
        let mut variables = defaults(library.document(started.version)?);
        variables.extend(started.detail.variables.clone());
        let current = Position { version: started.version, node_key: started.node_key.clone() };
        Ok(Self { current, stack: Vec::new(), variables })
    }

    pub fn node<'a>(&self, library: &'a Library) -> Result<&'a Node, Corrupt> {
        library.node(self.current.version, &self.current.node_key)
    }

    /// The version that the session is pinned to: that of the outermost tree.
    pub fn root_version(&self) -> Uuid {
        self.stack.first().map_or(self.current.version, |frame| frame.version)
    }

    /// The nearest call that goes on after its end, and where it goes on. None: a resolution reached now is final.
    pub(super) fn returns_to<'a>(&self, library: &'a Library) -> Result<Option<(&Frame, &'a Key)>, Corrupt> {
        for frame in self.stack.iter().rev() {
            if let Some(next) = &library.node(frame.version, &frame.node_key)?.next {
                return Ok(Some((frame, next)));
            }
        }
        Ok(None)
    }

    pub(super) fn apply(&mut self, library: &Library, step: &StepRecord) -> Result<(), Corrupt> {
        if step.kind == StepKind::LeftSubtree {
            return self.leave(library, step);
        }
        if self.current.version != step.version || self.current.node_key != step.node_key {
            let stands = &self.current.node_key;
            return Err(Corrupt(format!("step {} is about node `{}`, but the walk stands on `{stands}`", step.seq, step.node_key)));
        }
        let node = self.node(library)?;
        match (step.kind, &node.kind) {
            (StepKind::Answered, NodeKind::Question) => self.answer(node, step),
            (StepKind::Continued, NodeKind::Action) => self.go(step, node.next.as_ref()),
            (StepKind::Decided, NodeKind::Decision) => self.decide(node, step),
            (StepKind::EnteredSubtree, NodeKind::Subtree) => self.enter(library, node, step),
            (kind, found) => Err(Corrupt(format!("step {} is {} on a {}", step.seq, kind.as_str(), found.as_str()))),
        }
    }

    /// The variable receives an answer of the question's kind. Others leave it as it was: `unknown` where a number is asked for,
    /// or what somebody typed instead of yes or no.
    fn answer(&mut self, node: &Node, step: &StepRecord) -> Result<(), Corrupt> {
        let (to, set) = match &step.option_key {
            Some(key) => {
                let option = node.options.iter().find(|option| option.key == *key);
                let option = option.ok_or_else(|| Corrupt(format!("step {} chose `{key}`, which is no option", step.seq)))?;
                (Some(&option.to), Some(&option.set))
            }
            None => (node.otherwise.as_ref(), None),
        };
        if let (Some(variable), Some(value), Some(ask)) = (&node.variable, &step.value, node.ask)
            && accepts(ask, value)
        {
            self.variables.insert(variable.clone(), value.clone());
        }
        for (variable, value) in set.into_iter().flatten() {
            self.variables.insert(variable.clone(), value.clone());
        }
        self.go(step, to)
    }

    fn decide(&mut self, node: &Node, step: &StepRecord) -> Result<(), Corrupt> {
        let to = step.detail.to.as_ref().filter(|to| node.rules.iter().any(|rule| rule.to == **to) || node.otherwise.as_ref() == Some(to));
        self.go(step, to)
    }

    fn enter(&mut self, library: &Library, node: &Node, step: &StepRecord) -> Result<(), Corrupt> {
        let version = library.pin(step.version, &step.node_key)?;
        let callee = library.document(version)?;
        let mut variables = defaults(callee);
        for (name, argument) in &node.args {
            let value = match argument {
                Argument::Variable(caller) => self.variables.get(&caller.variable),
                Argument::Value(value) => Some(value),
            };
            // The callee was published on its own and may want another kind than the caller has: then its default stays.
            if let Some(value) = value.filter(|value| callee.variable(name).is_some_and(|variable| accepts(variable.kind, value))) {
                variables.insert(name.clone(), value.clone());
            }
        }
        let variables = std::mem::replace(&mut self.variables, variables);
        self.stack.push(Frame { version: step.version, node_key: step.node_key.clone(), variables });
        self.current = Position { version, node_key: callee.root.clone() };
        Ok(())
    }

    fn leave(&mut self, library: &Library, step: &StepRecord) -> Result<(), Corrupt> {
        while let Some(frame) = self.stack.pop() {
            let caller = library.node(frame.version, &frame.node_key)?;
            if caller.next.is_none() {
                continue;
            }
            if frame.version != step.version || frame.node_key != step.node_key {
                break;
            }
            self.current.version = frame.version;
            self.variables = frame.variables;
            if let (Some(variable), Some(value)) = (&caller.variable, &step.value) {
                self.variables.insert(variable.clone(), value.clone());
            }
            return self.go(step, caller.next.as_ref());
        }
        Err(Corrupt(format!("step {} returns to `{}`, which has not called", step.seq, step.node_key)))
    }

    fn go(&mut self, step: &StepRecord, to: Option<&Key>) -> Result<(), Corrupt> {
        let to = to.ok_or_else(|| Corrupt(format!("step {} on `{}` leads nowhere", step.seq, step.node_key)))?;
        self.current.node_key.clone_from(to);
        Ok(())
    }
}

/// The steps that make up the walk as it is now: those that walk and are not undone.
///
/// UNDONE(n) makes the walk what it was right after step n, whatever that step is. So n may be a step that was itself
/// undone, which brings its branch back.
pub fn trail(steps: &[StepRecord]) -> Result<Vec<&StepRecord>, Corrupt> {
    // For each step: the last step of the walk after it, and (for steps that walk) the one before it. Both as indexes.
    let mut after: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    let mut before: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let last = after.last().copied().flatten();
        if usize::try_from(step.seq) != Ok(index + 1) {
            return Err(Corrupt(format!("step {} stands where step {} belongs", step.seq, index + 1)));
        }
        after.push(match step.kind {
            StepKind::Undone => {
                let to = step.to_seq.and_then(|seq| usize::try_from(seq).ok()).and_then(|seq| seq.checked_sub(1));
                let to = to.and_then(|to| after.get(to).copied());
                to.ok_or_else(|| Corrupt(format!("step {} goes back to no earlier step", step.seq)))?
            }
            kind if kind.walks() => Some(index),
            _ => last,
        });
        before.push(last);
    }
    let mut trail = Vec::new();
    let mut next = after.last().copied().flatten();
    while let Some(index) = next {
        trail.extend(steps.get(index));
        next = before.get(index).copied().flatten();
    }
    trail.reverse();
    Ok(trail)
}

fn defaults(document: &Document) -> Values {
    document.variables.iter().filter_map(|variable| Some((variable.name.clone(), variable.default.clone()?))).collect()
}
