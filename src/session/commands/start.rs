use super::{Change, Stamp, blank};
use crate::session::library::Library;
use crate::session::record::StepKind;
use crate::session::refusal::{Refusal, check_text};
use crate::session::state::State;
use crate::session::walk::{Position, Walk};
use crate::text::shortened;
use crate::tree::document::Document;
use crate::tree::value::{Values, accepts, kind_name};
use uuid::Uuid;

/// Starts a session on a version, at its root or in the middle, with values for its variables.
pub fn start(library: &Library, version: Uuid, at_node: Option<&str>, variables: Values, stamp: Stamp) -> Result<Change, Refusal> {
    let document = library.document(version)?;
    check_variables(document, &variables)?;
    let node_key = at_node.unwrap_or(&document.root).to_owned();
    if !document.nodes.contains_key(&node_key) {
        return Err(Refusal::not_found(&["atNode"], format!("The tree has no node `{}`.", shortened(&node_key))));
    }
    let mut step = blank(1, StepKind::Started, &Position { version, node_key }, stamp);
    step.detail.skipped = step.node_key != document.root;
    step.detail.variables = variables;
    let walk = Walk::begin(library, &step)?;
    let state = State::begin(&step, walk);
    Change { steps: vec![step], state }.run_on(library, stamp)
}

fn check_variables(document: &Document, variables: &Values) -> Result<(), Refusal> {
    for (name, value) in variables {
        let path = ["variables", name.as_str()];
        let Some(declared) = document.variable(name) else {
            return Err(Refusal::invalid(&path, format!("The tree has no variable `{}`.", shortened(name))));
        };
        if let Some(text) = value.as_str() {
            check_text(&path, text)?;
        }
        if !accepts(declared.kind, value) {
            return Err(Refusal::invalid(&path, format!("The variable `{name}` takes a {} value.", kind_name(declared.kind))));
        }
    }
    Ok(())
}
