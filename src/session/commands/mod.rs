//! What a person asks of a session. Each command is a pure function from the state to new steps, or to a refusal.
//!
//! A session that has ended takes no command. A paused one takes notes, a hand-over, its resumption and `abandon`; all else
//! needs it active. After its 1,998th step a session takes only what ends it: `resume`, `complete` and `abandon`.

mod answer;
mod aside;
mod end;
mod start;
mod undo;

pub use answer::{Answer, answer};
pub use aside::{hand_over, note, pause, resume};
pub use end::{abandon, complete};
pub use start::start;
pub use undo::undo;

use crate::session::library::Library;
use crate::session::record::{Detail, StepKind, StepRecord};
use crate::session::refusal::Refusal;
use crate::session::run_on::{self, Automatic};
use crate::session::state::{State, Status};
use crate::session::walk::Position;
use crate::tree::validate::MAX_HOPS;
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

/// Steps a session. The last two are kept for its end: RESUMED, if it was paused, and COMPLETED or ABANDONED.
pub const MAX_STEPS: i32 = 2000;

/// The longest time that one step may claim: a day.
const MAX_ACTIVE_MS: i64 = 24 * 60 * 60 * 1000;

/// Who acts, when, and how long it took them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stamp {
    pub by: Uuid,
    pub at: DateTime<Utc>,
    pub active_ms: i64,
}

/// What a command did: at least one new step, and the state after them.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub steps: Vec<StepRecord>,
    pub state: State,
}

impl Change {
    fn of(state: &State) -> Self {
        Self { steps: Vec::new(), state: state.clone() }
    }

    /// A step that leaves the walk alone.
    fn aside(state: &State, step: StepRecord) -> Result<Self, Refusal> {
        require_room(&step)?;
        let mut change = Self::of(state);
        change.state.record(&step)?;
        change.steps.push(step);
        Ok(change)
    }

    /// A step of the walk.
    fn push(&mut self, library: &Library, step: StepRecord) -> Result<(), Refusal> {
        require_room(&step)?;
        self.state.record(&step)?;
        self.state.walk.apply(library, &step)?;
        self.steps.push(step);
        Ok(())
    }

    /// Takes the automatic steps that follow, until a person is needed.
    fn run_on(mut self, library: &Library, stamp: Stamp) -> Result<Self, Refusal> {
        let mut hops = 0;
        while let Some(automatic) = run_on::next(library, &self.state.walk)? {
            hops = if matches!(automatic, Automatic::Decide { .. }) { hops + 1 } else { 0 };
            if hops > MAX_HOPS {
                return Err(Refusal::TooMany(format!("The tree takes more than {MAX_HOPS} decisions in a row.")));
            }
            let mut step = step(&self.state, automatic.kind(), Stamp { active_ms: 0, ..stamp });
            match automatic {
                Automatic::Decide { to } => step.detail.to = Some(to),
                Automatic::Enter => {}
                Automatic::Leave { caller, outcome } => {
                    (step.version, step.node_key) = (caller.version, caller.node_key);
                    step.value = Some(Value::from(outcome.as_str()));
                }
            }
            self.push(library, step)?;
        }
        Ok(self)
    }
}

/// The next step of a session, about the node on which it stands.
fn step(state: &State, kind: StepKind, stamp: Stamp) -> StepRecord {
    blank(state.revision.saturating_add(1), kind, &state.walk.current, stamp)
}

fn blank(seq: i32, kind: StepKind, position: &Position, stamp: Stamp) -> StepRecord {
    StepRecord {
        seq,
        kind,
        version: position.version,
        node_key: position.node_key.clone(),
        option_key: None,
        value: None,
        note: None,
        by: stamp.by,
        at: stamp.at,
        active_ms: stamp.active_ms.clamp(0, MAX_ACTIVE_MS),
        to_seq: None,
        detail: Detail::default(),
    }
}

fn require_room(step: &StepRecord) -> Result<(), Refusal> {
    let last = match step.kind {
        StepKind::Completed | StepKind::Abandoned => MAX_STEPS,
        StepKind::Resumed => MAX_STEPS - 1,
        _ => MAX_STEPS - 2,
    };
    if step.seq > last {
        return Err(Refusal::TooMany(format!("A session has at most {MAX_STEPS} steps; this one can only be ended now.")));
    }
    Ok(())
}

fn require_active(state: &State) -> Result<(), Refusal> {
    match state.status {
        Status::Active => Ok(()),
        Status::Paused => Err(Refusal::WrongState("The session is paused; resume it first.".into())),
        Status::Completed | Status::Abandoned => require_open(state),
    }
}

fn require_open(state: &State) -> Result<(), Refusal> {
    match state.status {
        Status::Active | Status::Paused => Ok(()),
        Status::Completed => Err(Refusal::WrongState("The session is completed.".into())),
        Status::Abandoned => Err(Refusal::WrongState("The session is abandoned.".into())),
    }
}
