//! A session as a document for people and other systems: what was asked, answered and noted, by whom and when.
//!
//! Personal data is left out unless asked for: what variables declared as `pii` hold, the answers that set them, and the
//! variables of called trees that received their values. Free text is not searched: notes, reasons, the summary and the
//! subject are as somebody wrote them.

mod build;
mod csv;
mod html;
mod json;
mod markdown;
mod privacy;
mod words;

pub use build::build;

use crate::session::record::StepKind;
use crate::session::state::Status;
use crate::tree::document::{Key, OutcomeKind};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// What stands for a value that is left out.
pub const REDACTED: &str = "[redacted]";

/// What a report needs beside the session itself.
#[derive(Clone, Debug)]
pub struct Header {
    pub tree_title: String,
    pub version_number: i32,
    pub subject: Option<String>,
    /// Names of the people who appear in the steps.
    pub people: HashMap<Uuid, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub tree: String,
    pub version: i32,
    pub subject: Option<String>,
    pub assignee: String,
    pub status: Status,
    pub outcome: Option<ReportOutcome>,
    #[serde(serialize_with = "instant")]
    pub started_at: DateTime<Utc>,
    #[serde(serialize_with = "optional_instant")]
    pub ended_at: Option<DateTime<Utc>>,
    pub active_seconds: i64,
    /// Whether personal data was left out.
    pub redacted: bool,
    pub variables: Vec<ReportVariable>,
    pub steps: Vec<ReportStep>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportOutcome {
    #[serde(serialize_with = "as_in_the_api")]
    pub kind: OutcomeKind,
    pub resolution_key: Option<Key>,
    pub resolution_title: Option<String>,
    pub summary: Option<String>,
    pub helpful: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportVariable {
    /// The title of the node that called the tree in which the variable lives; none in the session's own tree.
    pub called_by: Option<String>,
    pub name: String,
    pub value: Value,
    pub pii: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportStep {
    pub seq: i32,
    #[serde(serialize_with = "instant")]
    pub at: DateTime<Utc>,
    pub by: String,
    pub kind: StepKind,
    pub node_key: Key,
    pub node_title: String,
    pub option_key: Option<Key>,
    /// What the technician answered, in the tree's words.
    pub label: Option<String>,
    pub value: Option<Value>,
    pub note: Option<String>,
    pub seconds: i64,
    /// The walk as it is now does not contain it.
    pub undone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    Json,
    Markdown,
    Html,
    Csv,
}

impl Format {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Csv => "csv",
        }
    }
}

impl Report {
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Json => json::render(self),
            Format::Markdown => markdown::render(self),
            Format::Html => html::render(self),
            Format::Csv => csv::render(self),
        }
    }
}

fn as_in_the_api<S: Serializer>(kind: &OutcomeKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.as_str().to_ascii_uppercase())
}

/// As everywhere on the wire: UTC, to the millisecond.
fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso(*at))
}

fn optional_instant<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(iso).serialize(serializer)
}
