use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId};
use crate::marketplace::listing::Listing;

/// What is on sale, by seller and tree.
pub struct Listings(pub App);

impl Loader<(AccountId, TreeId)> for Listings {
    type Value = Listing;
    type Error = Shared;

    async fn load(&self, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), Listing>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = Listing::find_many(&mut conn, trees).await?;
        Ok(rows.into_iter().map(|listing| ((listing.seller_id, listing.tree_id), listing)).collect())
    }
}
