use super::{Change, Stamp, require_active, step};
use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::session::refusal::{Refusal, check_text};
use crate::session::state::State;
use crate::text::shortened;
use crate::tree::document::{AskKind, Node, NodeKind};
use crate::tree::value::{accepts, of_option};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An option's key.
    Option(String),
    Text(String),
    Number(f64),
    /// As `2026-01-31`.
    Date(String),
    /// Past an action.
    Continue,
}

/// Answers the question, or continues past the action, on which the session stands. The caller names that node, so that an
/// answer never lands on another one.
pub fn answer(
    library: &Library,
    state: &State,
    node_key: &str,
    answer: &Answer,
    note: Option<&str>,
    stamp: Stamp,
) -> Result<Change, Refusal> {
    require_active(state)?;
    let current = &state.walk.current.node_key;
    if node_key != current {
        let named = shortened(node_key);
        return Err(Refusal::WrongState(format!("The session stands on `{current}`, not on `{named}`.")));
    }
    let node = state.walk.node(library)?;
    let mut taken = match (&node.kind, answer) {
        (NodeKind::Action, Answer::Continue) => step(state, StepKind::Continued, stamp),
        (NodeKind::Action, _) => return Err(wrong(current, "is an action: it takes `continue`")),
        (NodeKind::Question, answer) => choose(node, current, answer, step(state, StepKind::Answered, stamp))?,
        (NodeKind::Resolution, _) => {
            return Err(Refusal::WrongState(format!("The session has reached the resolution `{current}`: complete it, or go back.")));
        }
        (NodeKind::Decision | NodeKind::Subtree | NodeKind::Unknown(_), _) => {
            return Err(Refusal::WrongState(format!("The node `{current}` takes no answer.")));
        }
    };
    if let Some(note) = note {
        check_text(&["note"], note)?;
        taken.note = Some(note.to_owned());
    }
    let mut change = Change::of(state);
    change.push(library, taken)?;
    change.run_on(library, stamp)
}

/// An option where the question has it; free input where the question has somewhere to go with it. A choice or a yes/no
/// question that has takes text.
fn choose(node: &Node, key: &str, answer: &Answer, mut step: StepRecord) -> Result<StepRecord, Refusal> {
    let ask = node.ask.unwrap_or(AskKind::Choice);
    let refused = || wrong(key, &expected(node, ask));
    if let Answer::Option(chosen) = answer {
        let option = node.options.iter().find(|option| option.key == *chosen).ok_or_else(refused)?;
        step.value = of_option(ask, &option.key);
        step.option_key = Some(option.key.clone());
        return Ok(step);
    }
    if node.otherwise.is_none() {
        return Err(refused());
    }
    step.value = Some(match (ask, answer) {
        (AskKind::Number, Answer::Number(number)) if number.is_finite() => number_value(*number),
        (AskKind::Date, Answer::Date(date)) if accepts(ask, &Value::from(date.as_str())) => Value::from(date.as_str()),
        (AskKind::Text | AskKind::Choice | AskKind::YesNo, Answer::Text(text)) if !text.trim().is_empty() => {
            check_text(&["answer", "text"], text)?;
            Value::from(text.as_str())
        }
        _ => return Err(refused()),
    });
    Ok(step)
}

/// Whole numbers are kept without a fraction, as a person would write them. Up to 2^53 no digit is lost.
fn number_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT { Value::from(number as i64) } else { Value::from(number) }
}

fn wrong(key: &str, expected: &str) -> Refusal {
    Refusal::invalid(&["answer"], format!("The node `{key}` {expected}."))
}

fn expected(node: &Node, ask: AskKind) -> String {
    let free = match ask {
        AskKind::Number => "a finite `number`",
        AskKind::Date => "a `date` like 2026-01-31",
        AskKind::Text | AskKind::Choice | AskKind::YesNo => "`text` that is not blank",
    };
    let keys: Vec<String> = node.options.iter().map(|option| format!("`{}`", option.key)).collect();
    let options = format!("the `option` {}", keys.join(" or "));
    match (node.otherwise.is_some(), keys.is_empty()) {
        (true, true) => format!("asks for {free}"),
        (true, false) => format!("asks for {options}, or for {free}"),
        (false, _) => format!("asks for {options}"),
    }
}
