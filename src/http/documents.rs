//! Queries that were parsed before. Clients send the same few texts again and again, and parsing is the dearest part of a small request.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::ServerError;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, OperationType};
use moka::sync::Cache;

use super::answer::{PARSE_FAILED, error};
use super::operation::refused_by_guard;
use crate::graphql::query_text;

/// Of text, over all documents; each takes some times its text's length.
const MAX_BYTES: u64 = 2 * 1024 * 1024;
/// What the shortest takes, in text.
const LEAST: usize = 256;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Documents by their text. Whoever sends others in masses does not push those out that are used.
#[derive(Clone)]
pub struct Documents(Cache<String, Arc<ExecutableDocument>>);

impl Default for Documents {
    fn default() -> Self {
        let weigher = |query: &String, _: &Arc<ExecutableDocument>| u32::try_from(query.len().max(LEAST)).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MAX_BYTES).weigher(weigher).time_to_idle(FORGOTTEN_AFTER).build())
    }
}

impl Documents {
    pub fn parse(&self, query: &str) -> Result<Arc<ExecutableDocument>, ServerError> {
        if let Some(document) = self.0.get(query) {
            return Ok(document);
        }
        query_text::check(query).map_err(refused_by_guard)?;
        let document = parse_query(query).map_err(|reason| {
            let locations = reason.positions().collect();
            ServerError { locations, ..error(PARSE_FAILED, reason.to_string()) }
        })?;
        let document = Arc::new(document);
        if !may_hold_secrets(query, &document) {
            self.0.insert(query.to_owned(), document.clone());
        }
        Ok(document)
    }
}

/// Whoever writes a password or a token into the text itself writes it between quotes, and into a mutation.
fn may_hold_secrets(query: &str, document: &ExecutableDocument) -> bool {
    query.contains('"') && document.operations.iter().any(|(_, operation)| operation.node.ty == OperationType::Mutation)
}
