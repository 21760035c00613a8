use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId};
use crate::tree::tree::Tree;

/// Other accounts' trees by account and id: for whoever holds a version of one through a session. What may be shown of them is
/// `TreeObject`'s to say.
pub struct Walked(pub App);

impl Loader<(AccountId, TreeId)> for Walked {
    type Value = Tree;
    type Error = Shared;

    async fn load(&self, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), Tree>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = Tree::find_anywhere(&mut conn, trees).await?;
        Ok(rows.into_iter().map(|tree| ((tree.account_id, tree.id), tree)).collect())
    }
}
