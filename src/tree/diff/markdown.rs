use serde_json::Value;

use super::{ChangeKind, Diff, NodeChange, fields};
use crate::tree::document::Node;

impl Diff {
    /// The differences for a review. Whatever authors typed is shown as they typed it: it formats, links and embeds nothing.
    pub fn markdown(&self) -> String {
        let mut lines = Vec::new();
        let around = [
            self.schema.as_ref().map(|schema| fields::changed("schema", &schema.before, &schema.after)),
            self.root.as_ref().map(|root| fields::changed("root", &root.before, &root.after)),
            self.variables.as_ref().map(|variables| fields::changed("variables", &variables.before, &variables.after)),
        ];
        lines.extend(around.iter().flatten().flatten().map(line));
        if self.order.is_some() {
            lines.push("- nodes: the order".into());
        }
        for change in &self.changes {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(section(change));
        }
        match lines.as_slice() {
            [] => "No changes.\n".into(),
            lines => format!("{}\n", lines.join("\n")),
        }
    }
}

fn section(change: &NodeChange) -> Vec<String> {
    let (verb, node) = match change.kind {
        ChangeKind::Added => ("Added", &change.after),
        ChangeKind::Removed => ("Removed", &change.before),
        ChangeKind::Changed => ("Changed", &change.after),
    };
    let heading = match node {
        Some(node) => format!("### {verb}: {} ({}) {}", plain(&change.node_key), plain(node.kind.as_str()), plain(&node.title)),
        None => format!("### {verb}: {}", plain(&change.node_key)),
    };
    // An added or a removed node differs from one that has nothing.
    let nothing = Value::Object(serde_json::Map::new());
    let value = |node: &Option<Node>| node.as_ref().map_or(nothing.clone(), |node| serde_json::to_value(node).unwrap_or_default());
    let shown_above = |path: &str| change.kind != ChangeKind::Changed && (path == "kind" || path == "title");
    let fields = fields::changed("", &value(&change.before), &value(&change.after));
    let lines = fields.iter().filter(|field| !shown_above(&field.path)).map(line);
    [heading, String::new()].into_iter().chain(lines).collect()
}

fn line(field: &fields::FieldChange) -> String {
    let path = plain(&field.path);
    match (&field.before, &field.after) {
        (Some(Value::Array(_)), Some(Value::Array(_))) | (Some(Value::Object(_)), Some(Value::Object(_))) => format!("- {path}: the order"),
        (Some(before), Some(after)) => format!("- {path}: {} → {}", shown(before), shown(after)),
        (None, Some(after)) => format!("- {path}: {}", shown(after)),
        (Some(before), None) => format!("- {path}: ~~{}~~", shown(before)),
        (None, None) => format!("- {path}"),
    }
}

/// A text without its quotes, anything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".into(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

/// Escaped, on one line, and cut when long.
fn plain(text: &str) -> String {
    const LONGEST: usize = 300;
    // These turn the direction of what follows, and so could make a review lie.
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let mut shown = String::new();
    for character in text.chars().take(LONGEST) {
        match character {
            c if c.is_control() || turns(c) => shown.push(' '),
            ',' | '\'' | '-' | '?' | ' ' => shown.push(character),
            c if c.is_ascii_punctuation() => shown.extend(['\\', c]),
            c => shown.push(c),
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
