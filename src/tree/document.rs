//! A tree's content: one document, a graph of nodes by stable key.
//!
//! This is the document *as its author left it*: every edge may still be missing or lead nowhere, and a kind may be unknown.
//! Only its JSON shape is checked on reading (`Document::from_json`); what it means is judged by `validate`.
//! Keys are the author's and survive versions: sessions, diffs and translations hold on to them.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// `[a-z0-9][a-z0-9_-]{0,63}`; checked by `validate`, since a draft may hold anything.
pub type Key = String;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub schema: u32,
    #[serde(default)]
    pub root: Key,
    #[serde(default)]
    pub variables: Vec<Variable>,
    #[serde(default)]
    pub nodes: IndexMap<Key, Node>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub name: String,
    pub kind: AskKind,
    /// Personal data: redacted in exports unless asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pii: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// One node, with the fields of every kind side by side, so that a draft can hold a half-written node or one of a kind
/// that does not exist. `validate` tells which fields a kind needs and which it must not have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub kind: NodeKind,
    #[serde(default)]
    pub title: String,
    /// CommonMark without raw HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// Declares that the way may come back here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub loops: bool,

    /// Question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<AskKind>,
    /// Question: receives the answer. Subtree: receives how the call ended, as `resolved`, `escalated` or `unresolved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// Decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Question: where any answer leads that is no option. Decision: where it leads when no rule matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Key>,
    /// Action: a page to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Subtree: the slug or id of the tree that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Subtree: values for the callee's variables.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub args: IndexMap<String, Argument>,
    /// Action: where it goes on. Subtree: where it goes on after the call; absent, the call's end is the session's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Key>,
    /// Resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeKind>,
}

/// What a node does. `Unknown` keeps what the author wrote, so that the draft can be shown and mended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum NodeKind {
    #[default]
    Question,
    Action,
    Decision,
    Subtree,
    Resolution,
    Unknown(String),
}

impl NodeKind {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Question => "question",
            Self::Action => "action",
            Self::Decision => "decision",
            Self::Subtree => "subtree",
            Self::Resolution => "resolution",
            Self::Unknown(kind) => kind,
        }
    }
}

impl From<String> for NodeKind {
    fn from(kind: String) -> Self {
        match kind.as_str() {
            "question" => Self::Question,
            "action" => Self::Action,
            "decision" => Self::Decision,
            "subtree" => Self::Subtree,
            "resolution" => Self::Resolution,
            _ => Self::Unknown(kind),
        }
    }
}

impl Serialize for NodeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NodeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    Choice,
    YesNo,
    Number,
    Text,
    Date,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    Resolved,
    Escalated,
    Unresolved,
}

impl OutcomeKind {
    pub const ALL: [Self; 3] = [Self::Resolved, Self::Escalated, Self::Unresolved];

    /// As documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Escalated => "escalated",
            Self::Unresolved => "unresolved",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One answer that a question offers. (The API calls it `Option`; that word is taken in Rust.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    pub key: Key,
    #[serde(default)]
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default)]
    pub to: Key,
    /// Variables that choosing it sets.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub set: IndexMap<String, Value>,
}

/// One branch of a decision: the first whose expression holds is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub when: String,
    #[serde(default)]
    pub to: Key,
}

/// What a subtree's variable starts with: a variable of the caller, or a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Argument {
    Variable(CallerVariable),
    Value(Value),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerVariable {
    pub variable: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    pub url: String,
    pub kind: MediaKind,
    #[serde(default)]
    pub alt: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    Image,
    Video,
    File,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a JSON value is no document, and where: the path goes into the value, e.g. `["nodes", "reboot", "next"]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeError {
    pub path: Vec<String>,
    pub message: String,
}

impl Document {
    pub const SCHEMA: u32 = 1;

    pub fn empty() -> Self {
        Self { schema: Self::SCHEMA, root: String::new(), variables: Vec::new(), nodes: IndexMap::new() }
    }

    /// Reads a JSON value, refusing unknown fields and wrong types: what could not be stored must not vanish silently.
    pub fn from_json(value: &Value) -> Result<Self, ShapeError> {
        let document: Self = serde_path_to_error::deserialize(value).map_err(|error| ShapeError {
            path: error
                .path()
                .iter()
                .filter_map(|segment| match segment {
                    serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                    serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
                    serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => None,
                })
                .collect(),
            message: error.inner().to_string(),
        })?;
        if document.schema != Self::SCHEMA {
            return Err(ShapeError {
                path: vec!["schema".into()],
                message: format!("schema {} is not known here; the only one is {}", document.schema, Self::SCHEMA),
            });
        }
        Ok(document)
    }

    /// The one text of a document: how it is stored, exported and digested. Nodes keep the author's order.
    pub fn to_text(&self) -> String {
        // A document is strings, numbers and maps with string keys: serde_json cannot fail on it.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical document, in hex: object keys sorted at every depth, no white space. Equal content, equal
    /// digest, whatever the order in which the author wrote the nodes.
    pub fn digest(&self) -> String {
        let mut canonical = serde_json::to_value(self).unwrap_or_default();
        canonical.sort_all_objects();
        hex::encode(Sha256::digest(canonical.to_string()))
    }

    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }
}
