use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId, VersionId};
use crate::marketplace::bought::{bought, of_versions};
use crate::tree::tree::Tree;

/// Other accounts' trees that the viewer's account has bought.
pub struct Bought(pub App, pub AccountId);

impl Loader<TreeId> for Bought {
    type Value = Tree;
    type Error = Shared;

    async fn load(&self, ids: &[TreeId]) -> Result<HashMap<TreeId, Tree>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = bought(&mut conn, self.1, ids).await?;
        Ok(rows.into_iter().map(|tree| (tree.id, tree)).collect())
    }
}

/// By their present version.
impl Loader<VersionId> for Bought {
    type Value = Tree;
    type Error = Shared;

    async fn load(&self, versions: &[VersionId]) -> Result<HashMap<VersionId, Tree>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = of_versions(&mut conn, self.1, versions).await?;
        Ok(rows.into_iter().filter_map(|tree| Some((tree.published_version_id?, tree))).collect())
    }
}
