//! Which variables hold personal data, at each step.
//!
//! A call may hand a `pii` variable to a variable of the callee that is not declared so. There it is personal data all the
//! same. So the calls are followed through all steps, the undone ones included.

use crate::session::label;
use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::session::refusal::Corrupt;
use crate::tree::document::{Argument, Key, Node};
use std::collections::HashSet;
use std::rc::Rc;
use uuid::Uuid;

/// One tree's variables during one call.
pub struct Scope {
    private: HashSet<String>,
    called_from: Option<Call>,
}

struct Call {
    version: Uuid,
    node_key: Key,
    caller: Rc<Scope>,
}

impl Scope {
    pub fn is_private(&self, variable: &str) -> bool {
        self.private.contains(variable)
    }

    /// The scopes of this call and those that it came from, outermost first.
    pub fn chain(self: &Rc<Self>) -> Vec<Rc<Self>> {
        let mut chain = vec![Rc::clone(self)];
        let mut scope = self;
        while let Some(call) = &scope.called_from {
            chain.push(Rc::clone(&call.caller));
            scope = &call.caller;
        }
        chain.reverse();
        chain
    }

    /// Whether a step's answer says what a private variable holds. The scope is the one after the step.
    pub fn hides(&self, library: &Library, step: &StepRecord) -> bool {
        let set_by_option = label::option(library, step).is_some_and(|option| option.set.keys().any(|name| self.is_private(name)));
        let variable = label::node(library, step).and_then(|node| node.variable.as_deref());
        match step.kind {
            StepKind::Answered => set_by_option || variable.is_some_and(|name| self.is_private(name)),
            StepKind::LeftSubtree => variable.is_some_and(|name| self.is_private(name)),
            _ => false,
        }
    }
}

/// For each step, the scope after it.
pub fn scopes(library: &Library, steps: &[StepRecord]) -> Result<Vec<Rc<Scope>>, Corrupt> {
    let root = steps.first().ok_or_else(|| Corrupt("the session has no steps".into()))?.version;
    let mut scope = Rc::new(Scope { private: declared(library, root)?, called_from: None });
    let mut scopes: Vec<Rc<Scope>> = Vec::with_capacity(steps.len());
    for step in steps {
        scope = match step.kind {
            StepKind::EnteredSubtree => Rc::new(enter(library, step, scope)?),
            StepKind::LeftSubtree => leave(step, scope)?,
            StepKind::Undone => {
                let to = step.to_seq.and_then(|seq| usize::try_from(seq).ok()).and_then(|seq| seq.checked_sub(1));
                to.and_then(|to| scopes.get(to)).cloned().ok_or_else(|| Corrupt(format!("step {} goes back to no step", step.seq)))?
            }
            _ => scope,
        };
        scopes.push(Rc::clone(&scope));
    }
    Ok(scopes)
}

fn enter(library: &Library, step: &StepRecord, caller: Rc<Scope>) -> Result<Scope, Corrupt> {
    let node: &Node = library.node(step.version, &step.node_key)?;
    let mut private = declared(library, library.pin(step.version, &step.node_key)?)?;
    for (name, argument) in &node.args {
        if matches!(argument, Argument::Variable(from) if caller.is_private(&from.variable)) {
            private.insert(name.clone());
        }
    }
    Ok(Scope { private, called_from: Some(Call { version: step.version, node_key: step.node_key.clone(), caller }) })
}

fn leave(step: &StepRecord, mut scope: Rc<Scope>) -> Result<Rc<Scope>, Corrupt> {
    while let Some(call) = &scope.called_from {
        let arrived = call.version == step.version && call.node_key == step.node_key;
        scope = Rc::clone(&call.caller);
        if arrived {
            return Ok(scope);
        }
    }
    Err(Corrupt(format!("step {} returns to `{}`, which has not called", step.seq, step.node_key)))
}

fn declared(library: &Library, version: Uuid) -> Result<HashSet<String>, Corrupt> {
    let variables = &library.document(version)?.variables;
    Ok(variables.iter().filter(|variable| variable.pii).map(|variable| variable.name.clone()).collect())
}
