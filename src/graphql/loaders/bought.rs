use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId};
use crate::marketplace::bought::bought;
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
