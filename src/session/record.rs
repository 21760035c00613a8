//! A step as it is stored: one row of an append-only table.
//!
//! A step records the *choice* that was made (which option, which value, which branch); what follows from the choice is in
//! the tree's version, which never changes. A decision's branch is recorded as well: a session that once went left must not
//! go right because a later server reads expressions differently.

use crate::session::state::Outcome;
use crate::tree::document::Key;
use crate::tree::value::Values;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// 1, 2, 3 … without gaps.
    pub seq: i32,
    pub kind: StepKind,
    /// The version of the tree in which `node_key` lives: in a subtree it is not the session's own.
    pub version: Uuid,
    /// The node that was answered, passed or left. For steps off the walk: where the session stood. UNDONE: where it stands again.
    pub node_key: Key,
    pub option_key: Option<Key>,
    /// ANSWERED: what was answered. LEFT_SUBTREE: how the call ended.
    pub value: Option<Value>,
    pub note: Option<String>,
    pub by: Uuid,
    pub at: DateTime<Utc>,
    /// Time that the person spent on it, as the client measured it. Automatic steps take none.
    pub active_ms: i64,
    /// UNDONE: the walk is again as it was after this step.
    pub to_seq: Option<i32>,
    pub detail: Detail,
}

/// What only one kind of step has; stored as one JSON value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Detail {
    /// STARTED: the session began in the middle, and the nodes before were skipped.
    #[serde(skip_serializing_if = "is_false")]
    pub skipped: bool,
    /// STARTED: the variables that were given.
    #[serde(skip_serializing_if = "Values::is_empty")]
    pub variables: Values,
    /// DECIDED: where the branch led.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Key>,
    /// HANDED_OVER: to whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<Uuid>,
    /// COMPLETED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepKind {
    Started,
    Answered,
    Continued,
    Decided,
    EnteredSubtree,
    LeftSubtree,
    Undone,
    Noted,
    Paused,
    Resumed,
    HandedOver,
    Completed,
    Abandoned,
}

impl StepKind {
    pub const ALL: [Self; 13] = [
        Self::Started,
        Self::Answered,
        Self::Continued,
        Self::Decided,
        Self::EnteredSubtree,
        Self::LeftSubtree,
        Self::Undone,
        Self::Noted,
        Self::Paused,
        Self::Resumed,
        Self::HandedOver,
        Self::Completed,
        Self::Abandoned,
    ];

    /// The name in the database, in exports and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Answered => "ANSWERED",
            Self::Continued => "CONTINUED",
            Self::Decided => "DECIDED",
            Self::EnteredSubtree => "ENTERED_SUBTREE",
            Self::LeftSubtree => "LEFT_SUBTREE",
            Self::Undone => "UNDONE",
            Self::Noted => "NOTED",
            Self::Paused => "PAUSED",
            Self::Resumed => "RESUMED",
            Self::HandedOver => "HANDED_OVER",
            Self::Completed => "COMPLETED",
            Self::Abandoned => "ABANDONED",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Steps that move the walk; only these can be undone.
    pub fn walks(self) -> bool {
        matches!(self, Self::Started | Self::Answered | Self::Continued) || self.is_automatic()
    }

    /// Steps that the machine takes by itself after somebody's step. They belong to it, and are undone with it.
    pub fn is_automatic(self) -> bool {
        matches!(self, Self::Decided | Self::EnteredSubtree | Self::LeftSubtree)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
