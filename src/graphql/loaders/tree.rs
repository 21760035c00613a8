use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{AccountId, TreeId};
use crate::tree::tree::Tree;

/// Trees by id, from memory where they are there.
pub struct Trees;

impl Loader for Trees {
    type Key = TreeId;
    type Value = Tree;

    async fn load(reader: &Reader, ids: &[TreeId]) -> Result<HashMap<TreeId, Tree>, Error> {
        reader.app.trees.get_many(&reader.app.db, reader.actor()?.account, ids).await
    }
}

/// Trees by slug.
pub struct TreesBySlug;

impl Loader for TreesBySlug {
    type Key = String;
    type Value = Tree;

    async fn load(reader: &Reader, slugs: &[String]) -> Result<HashMap<String, Tree>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = Tree::find_by_slugs(&mut conn, reader.actor()?.account, slugs).await?;
        Ok(rows.into_iter().map(|tree| (tree.slug.clone(), tree)).collect())
    }
}

/// How many sessions have walked a tree, of any account.
pub struct SessionCounts;

impl Loader for SessionCounts {
    type Key = (AccountId, TreeId);
    type Value = i32;

    async fn load(reader: &Reader, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), i32>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let counts = Tree::session_counts(&mut conn, trees).await?;
        Ok(counts.into_iter().map(|(account, id, count)| ((account, id), count)).collect())
    }
}
