use super::escape::escape;
use crate::tree::document::{Document, Node, NodeKind, OutcomeKind};
use crate::tree::formats::details::{DocumentDetails, Exit, NodeDetails, OptionDetails, WORD, comment, exits};
use crate::tree::formats::sketch::usual_kind;
use crate::tree::formats::text::{is_hidden, outcome_name, slug};

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
        for (at, exit) in exits(node).enumerate() {
            if at == 0 || matches!(exit, Exit::Next(_)) {
                out.push('\n');
            }
            push_exit(&mut out, document, &exit);
        }
    }
    out
}

fn push_heading(out: &mut String, key: &str, node: &Node) {
    *out += &format!("\n## {} {{#{}}}", escape(&node.title, false), escape(key, false));
    let usual = match exits(node).count() {
        ways if node.rules.is_empty() => usual_kind(ways, !node.options.is_empty()),
        _ => NodeKind::Decision,
    };
    let mut details = NodeDetails { body: node.body.clone().filter(|body| !is_quotable(body)), ..NodeDetails::of(node) };
    match &node.kind {
        NodeKind::Resolution => *out += &format!(" ({})", outcome_name(node.outcome.unwrap_or(OutcomeKind::Resolved))),
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

fn push_exit(out: &mut String, document: &Document, exit: &Exit) {
    let title = document.nodes.get(exit.to()).map_or("", |node| &node.title);
    let target = format!("→ [{}](#{})", escape(title, false), escape(exit.to(), false));
    *out += &match exit {
        Exit::Next(_) => target,
        Exit::Otherwise(_) => format!("- *otherwise* {target}"),
        Exit::Rule { when, .. } => format!("- *if* {} {target}", escape(when, true)),
        Exit::Option(option) => {
            let key = match slug(&option.label) == option.key {
                true => String::new(),
                false => format!(" {{#{}}}", escape(&option.key, false)),
            };
            let details = comment(&OptionDetails::of(option)).map(|json| format!(" <!-- {WORD} {json} -->")).unwrap_or_default();
            format!("- {}{key} {target}{details}", escape(&option.label, true))
        }
    };
    out.push('\n');
}

/// Whether a quote shows the body exactly: readers may change other ends of lines, and an empty quote is none.
fn is_quotable(body: &str) -> bool {
    !body.is_empty() && !body.chars().any(|letter| is_hidden(letter) && !matches!(letter, '\n' | '\t'))
}
