use super::escape::escape;
use crate::tree::document::{Document, Node, NodeKind, OutcomeKind};
use crate::tree::edge::{Edge, Slot, edges};
use crate::tree::formats::details::{DocumentDetails, NodeDetails, OptionDetails, WORD, comment};
use crate::tree::formats::sketch::usual_kind;
use crate::tree::formats::text::{is_hidden, slug};
use crate::tree::validate::MAX_LABEL_CHARACTERS;

pub fn write(document: &Document, title: &str) -> String {
    let mut out = format!("# {}\n", escape(title, false));
    push_comment(&mut out, comment(&DocumentDetails::of(document)));
    for (key, node) in &document.nodes {
        push_heading(&mut out, key, node);
        if let Some(body) = node.body.as_deref().filter(|body| is_quotable(body)) {
            out.push('\n');
            for line in body.split('\n') {
                out += if line.is_empty() { ">" } else { "> " };
                out += line;
                out.push('\n');
            }
        }
        for (at, edge) in edges(node).into_iter().enumerate() {
            if at == 0 || edge.slot == Slot::Next {
                out.push('\n');
            }
            push_edge(&mut out, document, edge);
        }
    }
    out
}

fn push_heading(out: &mut String, key: &str, node: &Node) {
    *out += &format!("\n## {} {{#{}}}", escape(&node.title, false), escape(key, false));
    let usual = match edges(node).len() {
        ways if node.rules.is_empty() => usual_kind(ways, !node.options.is_empty()),
        _ => NodeKind::Decision,
    };
    let mut details = NodeDetails { body: node.body.clone().filter(|body| !is_quotable(body)), ..NodeDetails::of(node) };
    match &node.kind {
        NodeKind::Resolution => *out += &format!(" ({})", node.outcome.unwrap_or(OutcomeKind::Resolved).as_str()),
        NodeKind::Unknown(_) => details.kind = Some(node.kind.clone()),
        kind if *kind == usual => {}
        kind => *out += &format!(" ({})", kind.as_str()),
    }
    out.push('\n');
    push_comment(out, comment(&details));
}

fn push_comment(out: &mut String, comment: Option<String>) {
    if let Some(json) = comment {
        *out += &format!("\n<!-- {WORD} {json} -->\n");
    }
}

fn push_edge(out: &mut String, document: &Document, edge: Edge) {
    // A draft's may be as long as the draft, and many ways may lead there.
    let title: String = document.nodes.get(edge.to).map_or("", |node| &node.title).chars().take(MAX_LABEL_CHARACTERS).collect();
    let target = format!("→ [{}](#{})", escape(&title, false), escape(edge.to, false));
    *out += &match edge.slot {
        Slot::Next => target,
        Slot::Otherwise => format!("- *otherwise* {target}"),
        Slot::Rule(_, rule) => format!("- *if* {} {target}", escape(&rule.when, true)),
        Slot::Option(option) => {
            let (label, details) = OptionDetails::of(option);
            let key = match slug(label) == option.key {
                true => String::new(),
                false => format!(" {{#{}}}", escape(&option.key, false)),
            };
            let details = comment(&details).map(|json| format!(" <!-- {WORD} {json} -->")).unwrap_or_default();
            format!("- {}{key} {target}{details}", escape(label, true))
        }
    };
    out.push('\n');
}

/// Whether a quote shows the body exactly: readers may change other ends of lines, and an empty quote is none.
fn is_quotable(body: &str) -> bool {
    !body.is_empty() && !body.chars().any(|letter| is_hidden(letter) && !matches!(letter, '\n' | '\t'))
}
