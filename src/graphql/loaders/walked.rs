use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{AccountId, TreeId};
use crate::tree::tree::Tree;

/// Other accounts' trees by account and id: for whoever holds a version of one through a session. What may be shown of them is
/// `TreeObject`'s to say.
pub struct Walked;

impl Loader for Walked {
    type Key = (AccountId, TreeId);
    type Value = Tree;

    async fn load(reader: &Reader, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), Tree>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = Tree::find_anywhere(&mut conn, trees).await?;
        Ok(rows.into_iter().map(|tree| ((tree.account_id, tree.id), tree)).collect())
    }
}
