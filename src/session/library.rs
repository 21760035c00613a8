//! What a session looks things up in: the version that it is pinned to, and every version that this one calls.

use crate::session::refusal::Corrupt;
use crate::tree::document::{Document, Key, Node};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// A published version as a session needs it. It never changes, so it may be cached for ever.
#[derive(Clone, Debug)]
pub struct PinnedVersion {
    pub document: Arc<Document>,
    /// For each subtree node, the version that it calls.
    pub pins: HashMap<Key, Uuid>,
}

#[derive(Clone, Debug, Default)]
pub struct Library {
    versions: HashMap<Uuid, Arc<PinnedVersion>>,
}

impl Library {
    pub fn new(versions: impl IntoIterator<Item = (Uuid, Arc<PinnedVersion>)>) -> Self {
        Self { versions: versions.into_iter().collect() }
    }

    pub fn document(&self, version: Uuid) -> Result<&Document, Corrupt> {
        self.version(version).map(|pinned| pinned.document.as_ref())
    }

    pub fn node(&self, version: Uuid, key: &str) -> Result<&Node, Corrupt> {
        self.document(version)?.nodes.get(key).ok_or_else(|| Corrupt(format!("version {version} has no node `{key}`")))
    }

    /// The version that a subtree node calls.
    pub fn pin(&self, version: Uuid, key: &str) -> Result<Uuid, Corrupt> {
        let pinned = self.version(version)?;
        pinned.pins.get(key).copied().ok_or_else(|| Corrupt(format!("version {version} has no pin for its subtree node `{key}`")))
    }

    fn version(&self, id: Uuid) -> Result<&PinnedVersion, Corrupt> {
        self.versions.get(&id).map(Arc::as_ref).ok_or_else(|| Corrupt(format!("version {id} is not loaded")))
    }
}
