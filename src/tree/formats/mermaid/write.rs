use std::collections::{HashMap, HashSet};

use crate::tree::document::{Document, Key, Node, NodeKind, OutcomeKind};
use crate::tree::edge::{Edge, Slot, edges};
use crate::tree::formats::details::{DocumentDetails, NodeDetails, OptionDetails, WORD, comment};
use crate::tree::formats::sketch::usual_kind;
use crate::tree::formats::text::{encode, slug};

/// Words that Mermaid's grammar takes for itself at the start of an id.
const RESERVED: [&str; 13] = [
    "accdescr",
    "acctitle",
    "class",
    "classdef",
    "click",
    "default",
    "direction",
    "end",
    "flowchart",
    "graph",
    "linkstyle",
    "style",
    "subgraph",
];

pub fn write(document: &Document, title: &str) -> String {
    let ids = ids(document);
    // JSON is YAML.
    let mut out = format!("---\ntitle: {}\n---\n", serde_json::Value::from(title));
    push_comment(&mut out, "", comment(&DocumentDetails::of(document)));
    out += "flowchart TD\n";
    for (key, node) in &document.nodes {
        push_node(&mut out, id_of(&ids, key), key, node);
    }
    for (key, node) in &document.nodes {
        for edge in edges(node) {
            push_edge(&mut out, id_of(&ids, key), edge, id_of(&ids, edge.to));
        }
    }
    out
}

fn push_comment(out: &mut String, indent: &str, comment: Option<String>) {
    if let Some(json) = comment {
        *out += &format!("{indent}%% {WORD} {json}\n");
    }
}

fn push_node(out: &mut String, id: &str, key: &str, node: &Node) {
    let (open, close) = match node.kind {
        NodeKind::Question => ("{", "}"),
        NodeKind::Decision => ("{{", "}}"),
        NodeKind::Subtree => ("[[", "]]"),
        NodeKind::Resolution => ("([", "])"),
        NodeKind::Action | NodeKind::Unknown(_) => ("[", "]"),
    };
    let shows = match node.kind {
        NodeKind::Question | NodeKind::Decision | NodeKind::Subtree => node.kind.clone(),
        _ => usual_kind(edges(node).len(), !node.options.is_empty()),
    };
    let details = NodeDetails {
        key: (slug(id) != key).then(|| key.to_owned()),
        kind: (shows != node.kind).then(|| node.kind.clone()),
        body: node.body.clone(),
        ..NodeDetails::of(node)
    };
    push_comment(out, "    ", comment(&details));
    let class = match node.kind {
        NodeKind::Resolution => format!(":::{}", node.outcome.unwrap_or(OutcomeKind::Resolved).as_str()),
        _ => String::new(),
    };
    *out += &format!("    {id}{open}\"{}\"{close}{class}\n", escaped(&node.title));
}

fn push_edge(out: &mut String, from: &str, edge: Edge, to: &str) {
    let arrow = match edge.slot {
        Slot::Option(option) => {
            let (label, details) = OptionDetails::with_key(option);
            push_comment(out, "    ", comment(&details));
            format!("-->|\"{}\"|", escaped(label))
        }
        Slot::Rule(_, rule) => format!("-->|\"{}\"|", escaped(&rule.when)),
        Slot::Otherwise => "-.->".to_owned(),
        Slot::Next => "-->".to_owned(),
    };
    *out += &format!("    {from} {arrow} {to}\n");
}

/// A backtick would begin Markdown, parentheses may be taken for an outcome's mark.
fn escaped(text: &str) -> String {
    encode(text, '#', |letter| matches!(letter, '"' | '#' | '<' | '>' | '&' | '`' | ';' | '(' | ')' | '%' | '\\'))
}

/// An id for every key: the key itself where Mermaid takes it.
fn ids(document: &Document) -> HashMap<&str, Key> {
    let targets = document.nodes.values().flat_map(edges).map(|edge| edge.to);
    let keys: Vec<&str> = document.nodes.keys().map(String::as_str).chain(targets).collect();
    let mut taken: HashSet<Key> = keys.iter().filter(|key| is_id(key)).map(|key| (*key).to_owned()).collect();
    let mut ids = HashMap::new();
    let mut number = 1;
    for key in keys {
        ids.entry(key).or_insert_with(|| {
            if is_id(key) {
                return key.to_owned();
            }
            while !taken.insert(format!("n{number}")) {
                number += 1;
            }
            format!("n{number}")
        });
    }
    ids
}

fn id_of<'a>(ids: &'a HashMap<&str, Key>, key: &str) -> &'a str {
    ids.get(key).map_or("n0", String::as_str)
}

fn is_id(key: &str) -> bool {
    let word = key.split(['-', '_']).next().unwrap_or_default();
    slug(key) == key && !key.is_empty() && !RESERVED.contains(&word)
}
