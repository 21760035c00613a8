use std::collections::HashMap;
use std::sync::Arc;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::TreeId;
use crate::tree::document::Document;
use crate::tree::tree::Tree;

/// Drafts by their tree.
pub struct Drafts;

impl Loader for Drafts {
    type Key = TreeId;
    type Value = Arc<Document>;

    async fn load(reader: &Reader, trees: &[TreeId]) -> Result<HashMap<TreeId, Arc<Document>>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = Tree::drafts(&mut conn, reader.actor()?.account, trees).await?;
        Ok(rows.into_iter().map(|(tree, document)| (tree, Arc::new(document))).collect())
    }
}
