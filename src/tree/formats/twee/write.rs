use serde_json::json;
use sha2::{Digest, Sha256};

use crate::tree::document::{Document, Node, NodeKind, OutcomeKind};
use crate::tree::edge::{Slot, edges};
use crate::tree::formats::details::{DocumentDetails, NodeDetails, OptionDetails, WORD, comment};
use crate::tree::formats::text::{encode, is_hidden, slug};

pub fn write(document: &Document, title: &str) -> String {
    let mut data = json!({ "ifid": ifid(title), "start": document.root });
    let details = DocumentDetails { root: None, variables: document.variables.clone() };
    if details != DocumentDetails::default()
        && let Some(data) = data.as_object_mut()
    {
        data.insert(WORD.into(), json!(details));
    }
    // A header begins a line with `::`, and a title is one line.
    let title = title.replace(is_hidden, " ");
    let mut out = format!(":: StoryTitle\n{}{title}\n\n:: StoryData\n{data}\n", if title.starts_with("::") { " " } else { "" });
    for (key, node) in &document.nodes {
        push_passage(&mut out, key, node);
    }
    out
}

fn push_passage(out: &mut String, key: &str, node: &Node) {
    let tags = match &node.kind {
        NodeKind::Unknown(_) => String::new(),
        NodeKind::Resolution => format!(" [resolution {}]", node.outcome.unwrap_or(OutcomeKind::Resolved).as_str()),
        kind => format!(" [{}]", kind.as_str()),
    };
    let details = NodeDetails {
        key: (slug(key) != key).then(|| key.to_owned()),
        kind: Some(&node.kind).filter(|kind| matches!(kind, NodeKind::Unknown(_))).cloned(),
        body: node.body.clone().filter(|body| !is_showable(body)),
        ..NodeDetails::of(node)
    };
    let metadata = comment(&details).map(|json| format!(" {{\"{WORD}\":{json}}}")).unwrap_or_default();
    *out += &format!("\n:: {}{tags}{metadata}\n# {}\n", escaped_name(key), escaped(&node.title));
    if let Some(body) = node.body.as_deref().filter(|body| is_showable(body)) {
        *out += &format!("\n{body}\n");
    }
    for (at, edge) in edges(node).into_iter().enumerate() {
        if at == 0 {
            out.push('\n');
        }
        let to = escaped(edge.to);
        *out += &match edge.slot {
            Slot::Next => format!("[[{to}]]\n"),
            Slot::Otherwise => format!("otherwise [[{to}]]\n"),
            Slot::Rule(_, rule) => format!("[[{}->{to}]]\n", escaped(&rule.when)),
            Slot::Option(option) => {
                let (label, details) = OptionDetails::with_key(option);
                let details = comment(&details).map(|json| format!(" <!-- {WORD} {json} -->")).unwrap_or_default();
                format!("[[{}->{to}]]{details}\n", escaped(label))
            }
        };
    }
}

/// Whether the body is read back as it is when it stands in a passage.
fn is_showable(body: &str) -> bool {
    let is_plain = |line: &str| !line.starts_with("::") && !line.contains("[[");
    let has_hidden = body.chars().any(|letter| is_hidden(letter) && !matches!(letter, '\n' | '\t'));
    !body.is_empty() && body.trim() == body && !has_hidden && body.split('\n').all(is_plain)
}

fn escaped(text: &str) -> String {
    encode(text, '&', |letter| matches!(letter, '[' | ']' | '<' | '>' | '|' | '&'))
}

fn escaped_name(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars().map(|letter| if is_hidden(letter) { ' ' } else { letter }) {
        if matches!(letter, '[' | ']' | '{' | '}' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Twine tells stories apart by this UUID; one made of the title stays the same from export to export.
fn ifid(title: &str) -> String {
    let hex = hex::encode_upper(Sha256::digest(title));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}
