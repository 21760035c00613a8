use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, VersionId};
use crate::tree::version::Version;

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
