use std::collections::HashMap;
use std::sync::Arc;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{AccountId, VersionId};
use crate::tree::version::{Part, Version};

/// Published versions of the viewer's account, from memory where they are there.
pub struct Versions;

impl Loader for Versions {
    type Key = VersionId;
    type Value = Arc<Version>;

    async fn load(reader: &Reader, ids: &[VersionId]) -> Result<HashMap<VersionId, Arc<Version>>, Error> {
        let mut conn = reader.app.db.conn().await?;
        Ok(reader.app.versions.get_many(&mut conn, reader.actor()?.account, ids).await?)
    }
}

/// Those of other accounts, too: one statement for each seller, and mostly none.
pub struct VersionsAnywhere;

impl Loader for VersionsAnywhere {
    type Key = (AccountId, VersionId);
    type Value = Arc<Version>;

    async fn load(reader: &Reader, ids: &[(AccountId, VersionId)]) -> Result<HashMap<(AccountId, VersionId), Arc<Version>>, Error> {
        let mut of_account: HashMap<AccountId, Vec<VersionId>> = HashMap::new();
        for (account, id) in ids {
            of_account.entry(*account).or_default().push(*id);
        }
        let mut conn = reader.app.db.conn().await?;
        let mut found = HashMap::new();
        for (account, ids) in of_account {
            let versions = reader.app.versions.get_many(&mut conn, account, &ids).await?;
            found.extend(versions.into_iter().map(|(id, version)| ((account, id), version)));
        }
        Ok(found)
    }
}

/// Parts of trees' lists of versions.
pub struct VersionLists;

impl Loader for VersionLists {
    type Key = Part;
    type Value = Vec<Arc<Version>>;

    async fn load(reader: &Reader, parts: &[Part]) -> Result<HashMap<Part, Vec<Arc<Version>>>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let ids = Version::of_trees(&mut conn, reader.actor()?.account, parts).await?;
        let all: Vec<VersionId> = ids.values().flatten().copied().collect();
        let versions = reader.app.versions.get_many(&mut conn, reader.actor()?.account, &all).await?;
        Ok(ids.into_iter().map(|(part, ids)| (part, ids.iter().filter_map(|id| versions.get(id).cloned()).collect())).collect())
    }
}
