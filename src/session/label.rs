//! A step in the tree's words: what the technician answered, and what came of it.

use crate::session::library::Library;
use crate::session::record::{StepKind, StepRecord};
use crate::tree::document::{Choice, Node};
use serde_json::Value;

/// The title of a step's node; its key, if it has none or is not there.
pub fn node_title<'a>(library: &'a Library, step: &'a StepRecord) -> &'a str {
    title(library, step, &step.node_key)
}

/// None where the kind of the step says all that there is to say.
pub fn label(library: &Library, step: &StepRecord) -> Option<String> {
    match step.kind {
        StepKind::Answered => answered(library, step),
        StepKind::Decided => step.detail.to.as_ref().map(|to| title(library, step, to).to_owned()),
        StepKind::LeftSubtree => step.value.as_ref().map(value_text),
        StepKind::Undone => step.to_seq.map(|seq| format!("back to step {seq}")),
        StepKind::Completed => step.detail.outcome.as_ref().map(|outcome| outcome.kind.as_str().to_owned()),
        StepKind::Started if step.detail.skipped => Some("in the middle".to_owned()),
        StepKind::Started
        | StepKind::Continued
        | StepKind::EnteredSubtree
        | StepKind::Noted
        | StepKind::Paused
        | StepKind::Resumed
        | StepKind::HandedOver
        | StepKind::Abandoned => None,
    }
}

/// The option that an answer chose.
pub fn option<'a>(library: &'a Library, step: &StepRecord) -> Option<&'a Choice> {
    let key = step.option_key.as_ref()?;
    node(library, step)?.options.iter().find(|option| option.key == *key)
}

pub fn node<'a>(library: &'a Library, step: &StepRecord) -> Option<&'a Node> {
    library.node(step.version, &step.node_key).ok()
}

/// A value as a person reads it: a text without quotes.
pub fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn answered(library: &Library, step: &StepRecord) -> Option<String> {
    match option(library, step) {
        Some(option) if !option.label.is_empty() => Some(option.label.clone()),
        _ => step.value.as_ref().map(value_text).or_else(|| step.option_key.clone()),
    }
}

fn title<'a>(library: &'a Library, step: &StepRecord, key: &'a str) -> &'a str {
    library.node(step.version, key).ok().map(|node| node.title.as_str()).filter(|title| !title.is_empty()).unwrap_or(key)
}
