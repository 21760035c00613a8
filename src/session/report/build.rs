use super::privacy::{Scope, scopes};
use super::{Header, REDACTED, Report, ReportOutcome, ReportStep, ReportVariable};
use crate::session::label::{self, value_text};
use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::session::refusal::Corrupt;
use crate::session::state::State;
use crate::session::walk::trail;
use crate::tree::value::Values;
use serde_json::Value;
use std::collections::HashSet;
use std::rc::Rc;
use uuid::Uuid;

/// Makes the report of a session from all its steps and the state after them.
pub fn build(library: &Library, steps: &[StepRecord], state: &State, header: &Header, redact: bool) -> Result<Report, Corrupt> {
    let walked: HashSet<i32> = trail(steps)?.into_iter().map(|step| step.seq).collect();
    let scopes = scopes(library, steps)?;
    let last = scopes.last().ok_or_else(|| Corrupt("the session has no steps".into()))?;
    let name = |id: Uuid| header.people.get(&id).cloned().unwrap_or_else(|| "unknown".to_owned());

    let report_step = |(step, scope): (&StepRecord, &Rc<Scope>)| {
        let hidden = redact && scope.hides(library, step);
        let (option_key, label, value) = match step.kind {
            _ if hidden => (None, Some(REDACTED.to_owned()), Some(Value::from(REDACTED))),
            StepKind::Started => (None, started(library, step, scope, redact), None),
            StepKind::HandedOver => (None, step.detail.assignee.map(|to| format!("to {}", name(to))), None),
            _ => (step.option_key.clone(), label::label(library, step), step.value.clone()),
        };
        ReportStep {
            seq: step.seq,
            at: step.at,
            by: name(step.by),
            kind: step.kind,
            node_key: step.node_key.clone(),
            node_title: label::node_title(library, step).to_owned(),
            option_key,
            label,
            value,
            note: step.note.clone(),
            seconds: step.active_ms / 1000,
            undone: step.kind.walks() && !walked.contains(&step.seq),
        }
    };
    Ok(Report {
        tree: header.tree_title.clone(),
        version: header.version_number,
        subject: header.subject.clone(),
        assignee: name(state.assignee),
        status: state.status,
        outcome: outcome(library, state)?,
        started_at: state.started_at,
        ended_at: state.ended_at,
        active_seconds: state.active_ms / 1000,
        redacted: redact,
        variables: variables(library, state, last, redact)?,
        steps: steps.iter().zip(&scopes).map(report_step).collect(),
    })
}

/// Where in the tree it began, and with which variables.
fn started(library: &Library, step: &StepRecord, scope: &Scope, redact: bool) -> Option<String> {
    let given = step.detail.variables.iter().map(|(name, value)| {
        let value = if redact && scope.is_private(name) { REDACTED.to_owned() } else { value_text(value) };
        format!("{name} = {value}")
    });
    let given: Vec<String> = given.collect();
    let given = if given.is_empty() { None } else { Some(format!("with {}", given.join(", "))) };
    let parts: Vec<String> = label::label(library, step).into_iter().chain(given).collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// The variables of the tree in which the walk stands, and of those that called it, outermost first.
fn variables(library: &Library, state: &State, last: &Rc<Scope>, redact: bool) -> Result<Vec<ReportVariable>, Corrupt> {
    let walk = &state.walk;
    let callers = walk.stack.iter().map(|frame| (frame.version, &frame.variables));
    let trees: Vec<(Uuid, &Values)> = callers.chain([(walk.current.version, &walk.variables)]).collect();
    let mut called_by: Option<String> = None;
    let mut rows = Vec::new();
    for (index, ((version, values), scope)) in trees.into_iter().zip(last.chain()).enumerate() {
        let declared = library.document(version)?.variables.iter().map(|variable| &variable.name);
        rows.extend(declared.filter_map(|name| {
            let value = values.get(name)?;
            let pii = scope.is_private(name);
            let value = if redact && pii { Value::from(REDACTED) } else { value.clone() };
            Some(ReportVariable { called_by: called_by.clone(), name: name.clone(), value, pii })
        }));
        if let Some(frame) = walk.stack.get(index) {
            called_by = Some(library.node(frame.version, &frame.node_key)?.title.clone());
        }
    }
    Ok(rows)
}

fn outcome(library: &Library, state: &State) -> Result<Option<ReportOutcome>, Corrupt> {
    let Some(outcome) = &state.outcome else { return Ok(None) };
    let resolution = outcome.resolution_key.as_ref().map(|key| library.node(state.walk.current.version, key)).transpose()?;
    Ok(Some(ReportOutcome {
        kind: outcome.kind,
        resolution_key: outcome.resolution_key.clone(),
        resolution_title: resolution.map(|node| node.title.clone()),
        summary: outcome.summary.clone(),
        helpful: outcome.helpful,
    }))
}
