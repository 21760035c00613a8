use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId};
use crate::tree::tree::Tree;

/// Trees by id or by slug.
pub struct Trees(pub App, pub AccountId);

impl Loader<TreeId> for Trees {
    type Value = Tree;
    type Error = Shared;

    async fn load(&self, ids: &[TreeId]) -> Result<HashMap<TreeId, Tree>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = Tree::find_many(&mut conn, self.1, ids).await?;
        Ok(rows.into_iter().map(|tree| (tree.id, tree)).collect())
    }
}

impl Loader<String> for Trees {
    type Value = Tree;
    type Error = Shared;

    async fn load(&self, slugs: &[String]) -> Result<HashMap<String, Tree>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = Tree::find_by_slugs(&mut conn, self.1, slugs).await?;
        Ok(rows.into_iter().map(|tree| (tree.slug.clone(), tree)).collect())
    }
}
