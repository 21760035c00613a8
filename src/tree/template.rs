//! Templates: the starting points shipped with the server.
//!
//! They are compiled in, so that a server needs no files beside it. None calls a subtree: a fresh account can publish each
//! at once. A test reads them all and validates them, hence what cannot be read here cannot ship.

use super::document::Document;
use serde::Deserialize;
use std::sync::LazyLock;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub key: String,
    pub title: String,
    pub summary: String,
    pub document: Document,
}

/// In the order in which they are offered.
const FILES: [&str; 4] = [
    include_str!("templates/incident_triage.json"),
    include_str!("templates/user_cannot_sign_in.json"),
    include_str!("templates/restore_a_file.json"),
    include_str!("templates/website_does_not_answer.json"),
];

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| FILES.iter().filter_map(|file| serde_json::from_str(file).ok()).collect());

pub fn all() -> &'static [Template] {
    &TEMPLATES
}

pub fn find(key: &str) -> Option<&'static Template> {
    all().iter().find(|template| template.key == key)
}
