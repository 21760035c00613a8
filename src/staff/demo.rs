//! The demo trees: real content with which a new server can be tried at once.
//!
//! Three large trees and the two small ones that they call. Nodes of kind `subtree` name the called tree by its slug.

use crate::tree::document::Document;
use serde::Deserialize;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoTree {
    pub slug: String,
    pub title: String,
    pub summary: String,
    /// The slug of a category.
    pub category: String,
    pub tags: Vec<String>,
    pub document: Document,
}

/// The called before their callers: in this order each can be published.
const FILES: [&str; 5] = [
    include_str!("demo/check_cable_and_link.json"),
    include_str!("demo/collect_logs_for_escalation.json"),
    include_str!("demo/branch_network_outage.json"),
    include_str!("demo/printer_does_not_print.json"),
    include_str!("demo/kubernetes_pod_does_not_start.json"),
];

/// In an order in which they can be published.
pub fn trees() -> Vec<DemoTree> {
    FILES.iter().filter_map(|file| serde_json::from_str(file).ok()).collect()
}
