//! Commands that end a session.

use super::{Change, Stamp, require_active, require_open, step};
use crate::session::library::Library;
use crate::session::record::StepKind;
use crate::session::refusal::{Refusal, check_text};
use crate::session::run_on;
use crate::session::state::{Outcome, State};
use crate::tree::document::OutcomeKind;

/// Completes a session: with the outcome of the resolution on which it stands, unless another one is given. Before a
/// resolution, one has to be given.
pub fn complete(
    library: &Library,
    state: &State,
    outcome: Option<OutcomeKind>,
    summary: Option<&str>,
    helpful: Option<bool>,
    stamp: Stamp,
) -> Result<Change, Refusal> {
    require_active(state)?;
    if let Some(summary) = summary {
        check_text(&["summary"], summary)?;
    }
    let current = &state.walk.current.node_key;
    let reached = run_on::resolution(library, &state.walk)?;
    let Some(kind) = outcome.or(reached) else {
        let message = format!("The session stands on `{current}`, which is no resolution: name the outcome, or walk on.");
        return Err(Refusal::WrongState(message));
    };
    let mut step = step(state, StepKind::Completed, stamp);
    step.detail.outcome =
        Some(Outcome { kind, resolution_key: reached.map(|_| current.clone()), summary: summary.map(str::to_owned), helpful });
    Change::aside(state, step)
}

/// Gives a session up, e.g. after 30 idle days.
pub fn abandon(state: &State, stamp: Stamp) -> Result<Change, Refusal> {
    require_open(state)?;
    Change::aside(state, step(state, StepKind::Abandoned, stamp))
}
