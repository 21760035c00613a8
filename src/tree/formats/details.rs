//! What Markdown, Mermaid and Twee have no notation for, as a JSON object in a comment: `<!-- fixpath {"loops":true} -->`.
//!
//! A details object holds no field that the visible text expresses; where an older comment does, the text wins.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text::slug;
use crate::tree::document::{Argument, AskKind, Choice, Document, Key, Media, Node, NodeKind, Variable};
use crate::tree::edge::edges;

/// The word by which our comments are known.
pub const WORD: &str = "fixpath";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variable>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeDetails {
    /// Where it is not the slug of the visible name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Where neither the notation nor the ways out show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<NodeKind>,
    /// Where the text cannot show it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub args: IndexMap<String, Argument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    #[serde(skip_serializing_if = "is_false")]
    pub loops: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptionDetails {
    /// Where it is not the slug of the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The label is empty, and the key stands in its place. Another label counts.
    #[serde(skip_serializing_if = "is_false")]
    pub unlabelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub set: IndexMap<String, Value>,
}

impl DocumentDetails {
    /// Where the way begins goes without saying if it is the first node and nothing leads there.
    pub fn of(document: &Document) -> Self {
        let is_first = document.nodes.first().is_some_and(|(key, _)| *key == document.root);
        let is_target = document.nodes.values().any(|node| edges(node).iter().any(|edge| edge.to == document.root));
        let root = (!is_first || is_target).then(|| document.root.clone());
        Self { root, variables: document.variables.clone() }
    }
}

impl NodeDetails {
    /// All but `key`, `kind` and `body`, which each format shows in its own way.
    pub fn of(node: &Node) -> Self {
        let goes_without_saying = node.kind == NodeKind::Question && node.ask == Some(usual_ask(&node.options));
        Self {
            ask: node.ask.filter(|_| !goes_without_saying),
            variable: node.variable.clone(),
            url: node.url.clone(),
            tree: node.tree.clone(),
            args: node.args.clone(),
            media: node.media.clone(),
            loops: node.loops,
            ..Self::default()
        }
    }
}

impl OptionDetails {
    /// What is written as the option's label, and its details but for `key`.
    pub fn of(option: &Choice) -> (&str, Self) {
        let unlabelled = option.label.is_empty();
        let label = if unlabelled { &option.key } else { &option.label };
        (label, Self { key: None, unlabelled, hint: option.hint.clone(), set: option.set.clone() })
    }

    /// The same with `key`, where the label does not tell it.
    pub fn with_key(option: &Choice) -> (&str, Self) {
        let (label, details) = Self::of(option);
        let key = (slug(label) != option.key).then(|| option.key.clone());
        (label, Self { key, ..details })
    }
}

/// What a question asks when nothing else is said.
pub fn usual_ask(options: &[Choice]) -> AskKind {
    let has = |key: &str| options.iter().any(|option| option.key == key);
    match options.len() {
        0 => AskKind::Text,
        2 if has("yes") && has("no") => AskKind::YesNo,
        _ => AskKind::Choice,
    }
}

/// The object in a comment. `<` and `>` are escaped, so that no text in it ends the comment.
pub fn comment<T: Serialize + Default + PartialEq>(details: &T) -> Option<String> {
    if *details == T::default() {
        return None;
    }
    let json = serde_json::to_string(details).unwrap_or_default();
    Some(json.replace('<', "\\u003c").replace('>', "\\u003e"))
}

fn is_false(value: &bool) -> bool {
    !value
}
