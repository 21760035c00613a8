use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId};
use crate::tree::document::Document;
use crate::tree::tree::Tree;

/// Drafts by their tree.
pub struct Drafts(pub App, pub AccountId);

impl Loader<TreeId> for Drafts {
    type Value = Arc<Document>;
    type Error = Shared;

    async fn load(&self, trees: &[TreeId]) -> Result<HashMap<TreeId, Arc<Document>>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = Tree::drafts(&mut conn, self.1, trees).await?;
        Ok(rows.into_iter().map(|(tree, document)| (tree, Arc::new(document))).collect())
    }
}
