use super::{Change, Stamp, require_active, step};
use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::session::refusal::{Corrupt, Refusal};
use crate::session::state::State;
use crate::session::walk::{Walk, trail};

/// Takes the walk back to where it stood after an earlier step; without `to_seq`, to before the last answer.
///
/// Any earlier step can be named: a note stands for the moment at which it was made, and a step that was undone brings its
/// branch back. Automatic steps belong to the answer before them, so naming that answer means after them. What is not the
/// walk stays as it is: notes, assignee, status, time.
///
/// `steps` are all steps of the session, and `state` is the state after them.
pub fn undo(library: &Library, state: &State, steps: &[StepRecord], to_seq: Option<i32>, stamp: Stamp) -> Result<Change, Refusal> {
    require_active(state)?;
    let now = trail(steps)?;
    let to_seq = match to_seq {
        Some(seq) => moment(state, steps, seq)?,
        None => before_last_answer(&now)?,
    };
    let mut undone = step(state, StepKind::Undone, stamp);
    undone.to_seq = Some(to_seq);

    let kept =
        usize::try_from(to_seq).ok().and_then(|seq| steps.get(..seq)).ok_or_else(|| Corrupt(format!("there is no step {to_seq}")))?;
    let then = trail(kept)?;
    if then.len() == now.len() && then.last().map(|step| step.seq) == now.last().map(|step| step.seq) {
        return Err(Refusal::WrongState(format!("The session already stands where step {to_seq} led.")));
    }
    let walk = Walk::replay(library, then.into_iter())?;
    undone.version = walk.current.version;
    undone.node_key.clone_from(&walk.current.node_key);
    let mut change = Change::aside(state, undone)?;
    change.state.walk = walk;
    Ok(change)
}

fn before_last_answer(trail: &[&StepRecord]) -> Result<i32, Refusal> {
    let last = trail.iter().rposition(|step| !step.kind.is_automatic() && step.kind != StepKind::Started);
    let before = last.and_then(|index| index.checked_sub(1)).and_then(|index| trail.get(index));
    before.map(|step| step.seq).ok_or_else(|| Refusal::WrongState("The session stands at its start; there is nothing to undo.".into()))
}

/// The named step, or the last automatic step that belongs to it.
fn moment(state: &State, steps: &[StepRecord], seq: i32) -> Result<i32, Refusal> {
    if seq < 1 || seq > state.revision {
        return Err(Refusal::invalid(&["toSeq"], format!("The session has the steps 1 to {}, and no step {seq}.", state.revision)));
    }
    let after = steps.iter().skip_while(|step| step.seq <= seq);
    let last = after.take_while(|step| step.kind.is_automatic()).last();
    Ok(last.map_or(seq, |step| step.seq))
}
