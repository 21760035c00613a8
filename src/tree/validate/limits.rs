use super::IssueCode::Limit;
use super::{Report, Severity, name, quoted};
use crate::tree::document::{Document, Node};
use crate::tree::expression::RESERVED;
use crate::tree::value::VALUE_BYTES;
use serde_json::Value;

pub const MAX_NODES: usize = 1_000;
/// Beyond this a tree is hard to keep right, and is better cut into subtrees.
pub const MANY_NODES: usize = 150;
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
pub const MAX_VARIABLES: usize = 100;
pub const MAX_OPTIONS: usize = 20;
pub const MAX_RULES: usize = 20;
pub const MAX_MEDIA: usize = 20;
pub const MAX_BODY_BYTES: usize = 16 * 1024;
/// Of titles, labels, hints and alternative texts.
pub const MAX_LABEL_CHARACTERS: usize = 200;
pub const MAX_KEY_CHARACTERS: usize = 64;
pub const MAX_URL_BYTES: usize = 2_048;

/// Whether the document as a whole is small enough to be looked at. The cheap counts come first.
pub(super) fn fits(document: &Document, report: &mut Report) -> bool {
    let nodes = document.nodes.len();
    let variables = document.variables.len();
    if nodes > MAX_NODES {
        report.document_error(Limit, format!("The tree has {nodes} nodes; at most {MAX_NODES} are allowed."));
    } else if variables > MAX_VARIABLES {
        report.document_error(Limit, format!("The tree has {variables} variables; at most {MAX_VARIABLES} are allowed."));
    } else {
        let bytes = document.to_text().len();
        if bytes <= MAX_DOCUMENT_BYTES {
            return true;
        }
        report.document_error(Limit, format!("The document has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are allowed."));
    }
    false
}

pub(super) fn check(document: &Document, report: &mut Report) {
    let nodes = document.nodes.len();
    if nodes >= MANY_NODES {
        let message = format!("The tree has {nodes} nodes; from {MANY_NODES} on it is better cut into subtrees.");
        report.add(Severity::Warning, Limit, None, message);
    }
    for variable in &document.variables {
        let name = quoted(&variable.name);
        if RESERVED.contains(&variable.name.as_str()) {
            report.document_error(Limit, format!("No variable can be called {name}: it is a word of the expression language."));
        } else if !is_variable_name(&variable.name) {
            report.document_error(
                Limit,
                format!("The variable name {name} must begin with a-z, hold a-z, 0-9 and _ only, and have at most {MAX_KEY_CHARACTERS} characters."),
            );
        }
        if variable.default.as_ref().is_some_and(is_long) {
            report.document_error(Limit, format!("The default of variable {name} is longer than {VALUE_BYTES} bytes."));
        }
    }
    for (key, node) in &document.nodes {
        keys(key, node, report);
        sizes(key, node, report);
    }
}

fn keys(key: &str, node: &Node, report: &mut Report) {
    const RULE: &str = "must begin with a-z or 0-9, hold a-z, 0-9, _ and - only, and have at most 64 characters";
    if !is_key(key) {
        report.error(Limit, key, format!("The node key {} {RULE}.", quoted(key)));
    }
    for option in node.options.iter().take(MAX_OPTIONS).filter(|option| !is_key(&option.key)) {
        report.error(Limit, key, format!("The option key {} of node {} {RULE}.", quoted(&option.key), quoted(key)));
    }
}

fn sizes(key: &str, node: &Node, report: &mut Report) {
    let who = name(key, node);
    let counts = [
        ("options", node.options.len(), MAX_OPTIONS),
        ("rules", node.rules.len(), MAX_RULES),
        ("media", node.media.len(), MAX_MEDIA),
        ("args", node.args.len(), MAX_VARIABLES),
    ];
    for (what, count, most) in counts.into_iter().filter(|(_, count, most)| count > most) {
        report.error(Limit, key, format!("{who} has {count} {what}; at most {most} are allowed."));
    }
    let bytes = node.body.as_ref().map_or(0, String::len);
    if bytes > MAX_BODY_BYTES {
        report.error(Limit, key, format!("The body of {who} has {bytes} bytes; at most {MAX_BODY_BYTES} are allowed."));
    }
    let mut label = |what: &str, text: &str| {
        let characters = text.chars().count();
        if characters > MAX_LABEL_CHARACTERS {
            report.error(
                Limit,
                key,
                format!("The {what} of {who} has {characters} characters; at most {MAX_LABEL_CHARACTERS} are allowed."),
            );
        }
    };
    label("title", &node.title);
    for option in node.options.iter().take(MAX_OPTIONS) {
        label(&format!("label of option {}", quoted(&option.key)), &option.label);
        label(&format!("hint of option {}", quoted(&option.key)), option.hint.as_deref().unwrap_or_default());
    }
    node.media.iter().take(MAX_MEDIA).for_each(|media| label("alternative text of a medium", &media.alt));
    for url in node.media.iter().take(MAX_MEDIA).map(|media| &media.url).chain(&node.url).filter(|url| url.len() > MAX_URL_BYTES) {
        report.error(Limit, key, format!("A URL of {who} has {} bytes; at most {MAX_URL_BYTES} are allowed.", url.len()));
    }
}

/// Whether a value is longer than a session may store.
pub(super) fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > VALUE_BYTES)
}

/// `[a-z0-9][a-z0-9_-]{0,63}`
pub fn is_key(key: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    key.len() <= MAX_KEY_CHARACTERS && !key.starts_with(['_', '-']) && !key.is_empty() && key.bytes().all(inside)
}

/// `[a-z][a-z0-9_]{0,63}`
pub fn is_variable_name(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= MAX_KEY_CHARACTERS && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(inside)
}
