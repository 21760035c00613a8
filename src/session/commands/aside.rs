//! Commands that leave the walk where it is.

use super::{Change, Stamp, require_active, require_open, step};
use crate::session::record::StepKind;
use crate::session::refusal::{Refusal, check_text};
use crate::session::state::{State, Status};
use uuid::Uuid;

pub fn note(state: &State, text: &str, stamp: Stamp) -> Result<Change, Refusal> {
    require_open(state)?;
    if text.trim().is_empty() {
        return Err(Refusal::invalid(&["note"], "The note is empty."));
    }
    off_walk(state, StepKind::Noted, Some(("note", text)), None, stamp)
}

pub fn pause(state: &State, reason: Option<&str>, stamp: Stamp) -> Result<Change, Refusal> {
    require_active(state)?;
    off_walk(state, StepKind::Paused, reason.map(|reason| ("reason", reason)), None, stamp)
}

pub fn resume(state: &State, stamp: Stamp) -> Result<Change, Refusal> {
    require_open(state)?;
    if state.status != Status::Paused {
        return Err(Refusal::WrongState("The session is not paused.".into()));
    }
    off_walk(state, StepKind::Resumed, None, None, stamp)
}

/// Makes another person the assignee. Whether that person may have it is for the caller to check.
pub fn hand_over(state: &State, to: Uuid, note: Option<&str>, stamp: Stamp) -> Result<Change, Refusal> {
    require_open(state)?;
    if to == state.assignee {
        return Err(Refusal::invalid(&["toUserId"], "The session is already theirs."));
    }
    off_walk(state, StepKind::HandedOver, note.map(|note| ("note", note)), Some(to), stamp)
}

fn off_walk(state: &State, kind: StepKind, note: Option<(&str, &str)>, assignee: Option<Uuid>, stamp: Stamp) -> Result<Change, Refusal> {
    let mut step = step(state, kind, stamp);
    step.detail.assignee = assignee;
    if let Some((field, text)) = note {
        check_text(&[field], text)?;
        step.note = Some(text.to_owned());
    }
    Change::aside(state, step)
}
