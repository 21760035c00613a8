//! Graphviz, for drawing; it is not read back.

use super::text;
use crate::tree::document::{Document, NodeKind};
use crate::tree::edge::{Slot, edges};

pub fn write(document: &Document, title: &str) -> String {
    let mut out = format!("digraph {} {{\n    node [shape=box];\n", quoted(title));
    for (key, node) in &document.nodes {
        let shape = match node.kind {
            NodeKind::Question => "diamond",
            NodeKind::Decision => "hexagon",
            NodeKind::Subtree => "box3d",
            NodeKind::Resolution => "oval",
            NodeKind::Action | NodeKind::Unknown(_) => "box",
        };
        let outcome = match node.outcome {
            Some(outcome) if node.kind == NodeKind::Resolution => format!(" ({})", outcome.as_str()),
            _ => String::new(),
        };
        let label = quoted(&format!("{}{outcome}", node.title));
        out += &format!("    {} [shape={shape}, label={label}];\n", quoted(key));
    }
    for (key, node) in &document.nodes {
        for edge in edges(node) {
            let style = match edge.slot {
                Slot::Option(option) => format!(" [label={}]", quoted(&option.label)),
                Slot::Rule(_, rule) => format!(" [label={}]", quoted(&rule.when)),
                Slot::Otherwise => " [style=dashed]".to_owned(),
                Slot::Next => String::new(),
            };
            out += &format!("    {} -> {}{style};\n", quoted(key), quoted(edge.to));
        }
    }
    out + "}\n"
}

/// A DOT string. Backslashes begin escapes such as `\N`, and `&` an entity; control characters have no place in a label.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '&' => out += "&amp;",
            '\n' => out += "\\n",
            letter if text::is_hidden(letter) => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
