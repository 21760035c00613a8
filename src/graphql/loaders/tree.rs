use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::TreeId;
use crate::tree::tree::Tree;

/// Trees by id.
pub struct Trees;

impl Loader for Trees {
    type Key = TreeId;
    type Value = Tree;

    async fn load(reader: &Reader, ids: &[TreeId]) -> Result<HashMap<TreeId, Tree>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = Tree::find_many(&mut conn, reader.actor()?.account, ids).await?;
        Ok(rows.into_iter().map(|tree| (tree.id, tree)).collect())
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
