//! A session's state, and the fold that makes it from steps.

use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::session::refusal::Corrupt;
use crate::session::walk::{Walk, trail};
use crate::tree::document::{Key, OutcomeKind};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub status: Status,
    /// Where it stands. After the end: where it stood.
    pub walk: Walk,
    /// The number of steps, which is the last step's `seq`.
    pub revision: i32,
    pub assignee: Uuid,
    /// Set when completed.
    pub outcome: Option<Outcome>,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub active_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Active,
    Paused,
    Completed,
    Abandoned,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Paused => "PAUSED",
            Self::Completed => "COMPLETED",
            Self::Abandoned => "ABANDONED",
        }
    }

    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Abandoned)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub kind: OutcomeKind,
    /// The resolution on which the session stood; none if it was completed before it reached one.
    pub resolution_key: Option<Key>,
    pub summary: Option<String>,
    pub helpful: Option<bool>,
}

/// Makes the state from all steps of a session, in the order of `seq`.
pub fn fold(library: &Library, steps: &[StepRecord]) -> Result<State, Corrupt> {
    let trail = trail(steps)?;
    let walk = Walk::replay(library, trail.iter().copied())?;
    let (first, rest) = steps.split_first().ok_or_else(|| Corrupt("the session has no steps".into()))?;
    let mut state = State::begin(first, walk);
    for step in rest {
        state.record(step)?;
    }
    Ok(state)
}

impl State {
    pub(super) fn begin(started: &StepRecord, walk: Walk) -> Self {
        Self {
            status: Status::Active,
            walk,
            revision: started.seq,
            assignee: started.by,
            outcome: None,
            started_at: started.at,
            ended_at: None,
            active_ms: started.active_ms,
        }
    }

    /// Takes in what undo does not touch. (The rest of a step is for the walk.)
    pub(super) fn record(&mut self, step: &StepRecord) -> Result<(), Corrupt> {
        if self.status.is_ended() {
            return Err(Corrupt(format!("step {} comes after the session's end", step.seq)));
        }
        self.revision = step.seq;
        self.active_ms = self.active_ms.saturating_add(step.active_ms);
        match step.kind {
            StepKind::Started => return Err(Corrupt(format!("step {} starts the session again", step.seq))),
            StepKind::Answered
            | StepKind::Continued
            | StepKind::Decided
            | StepKind::EnteredSubtree
            | StepKind::LeftSubtree
            | StepKind::Undone
            | StepKind::Noted => {}
            StepKind::Paused => self.status = Status::Paused,
            StepKind::Resumed => self.status = Status::Active,
            StepKind::HandedOver => {
                self.assignee = step.detail.assignee.ok_or_else(|| Corrupt(format!("step {} names nobody to hand over to", step.seq)))?;
            }
            StepKind::Completed => {
                let outcome = step.detail.outcome.clone().ok_or_else(|| Corrupt(format!("step {} has no outcome", step.seq)))?;
                self.end(Status::Completed, Some(outcome), step.at);
            }
            StepKind::Abandoned => self.end(Status::Abandoned, None, step.at),
        }
        Ok(())
    }

    fn end(&mut self, status: Status, outcome: Option<Outcome>, at: DateTime<Utc>) {
        self.status = status;
        self.outcome = outcome;
        self.ended_at = Some(at);
    }
}
