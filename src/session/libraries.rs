//! Libraries of published versions, kept in memory: what a session walks through never changes.

use std::sync::Arc;

use moka::sync::Cache;
use uuid::Uuid;

use super::library::{Library, PinnedVersion};
use crate::db::Conn;
use crate::error::Error;
use crate::id::{AccountId, VersionId};
use crate::tree::version::{Closure, Versions};

/// Documents are shared with `Versions`; beside them a library is small.
const CACHED: u64 = 2_000;

#[derive(Clone)]
pub struct Libraries {
    cache: Cache<(AccountId, VersionId), Arc<Library>>,
}

impl Default for Libraries {
    fn default() -> Self {
        Self { cache: Cache::new(CACHED) }
    }
}

impl Libraries {
    /// The library of a session that walks this version, where it is in memory.
    pub fn cached(&self, account: AccountId, version: VersionId) -> Option<Arc<Library>> {
        self.cache.get(&(account, version))
    }

    pub async fn get(&self, conn: &mut Conn, versions: &Versions, account: AccountId, version: VersionId) -> Result<Arc<Library>, Error> {
        match self.cached(account, version) {
            Some(library) => Ok(library),
            None => Ok(self.keep(account, version, &versions.closure(conn, &[(account, version)]).await?)),
        }
    }

    /// The library of a session that walks this version, made of versions among which are all that it calls.
    pub fn keep(&self, account: AccountId, version: VersionId, among: &Closure) -> Arc<Library> {
        let pinned = among.of(version).into_iter().map(|version| {
            let pins = version.pins.iter().map(|(key, pin)| (key.clone(), Uuid::from(pin.version))).collect();
            (Uuid::from(version.id), Arc::new(PinnedVersion { document: version.document.clone(), pins }))
        });
        let library = Arc::new(Library::new(pinned));
        self.cache.insert((account, version), library.clone());
        library
    }
}
