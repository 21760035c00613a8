use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, VersionId};
use crate::tree::version::{Part, Version};

/// Published versions, from memory where they are there.
pub struct PublishedVersions(pub App, pub AccountId);

impl Loader<VersionId> for PublishedVersions {
    type Value = Arc<Version>;
    type Error = Shared;

    async fn load(&self, ids: &[VersionId]) -> Result<HashMap<VersionId, Arc<Version>>, Shared> {
        let mut conn = self.0.db.conn().await?;
        Ok(self.0.versions.get_many(&mut conn, self.1, ids).await?)
    }
}

/// Of other accounts: one statement for each seller, and mostly none.
impl Loader<(AccountId, VersionId)> for PublishedVersions {
    type Value = Arc<Version>;
    type Error = Shared;

    async fn load(&self, ids: &[(AccountId, VersionId)]) -> Result<HashMap<(AccountId, VersionId), Arc<Version>>, Shared> {
        let mut of_account: HashMap<AccountId, Vec<VersionId>> = HashMap::new();
        for (account, id) in ids {
            of_account.entry(*account).or_default().push(*id);
        }
        let mut conn = self.0.db.conn().await?;
        let mut found = HashMap::new();
        for (account, ids) in of_account {
            let versions = self.0.versions.get_many(&mut conn, account, &ids).await?;
            found.extend(versions.into_iter().map(|(id, version)| ((account, id), version)));
        }
        Ok(found)
    }
}

/// Parts of trees' lists of versions.
impl Loader<Part> for PublishedVersions {
    type Value = Vec<Arc<Version>>;
    type Error = Shared;

    async fn load(&self, parts: &[Part]) -> Result<HashMap<Part, Vec<Arc<Version>>>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let ids = Version::of_trees(&mut conn, self.1, parts).await?;
        let all: Vec<VersionId> = ids.values().flatten().copied().collect();
        let versions = self.0.versions.get_many(&mut conn, self.1, &all).await?;
        Ok(ids.into_iter().map(|(part, ids)| (part, ids.iter().filter_map(|id| versions.get(id).cloned()).collect())).collect())
    }
}
