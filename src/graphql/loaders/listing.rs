use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{AccountId, TreeId};
use crate::marketplace::listing::Listing;

/// What is on sale, by seller and tree.
pub struct Listings;

impl Loader for Listings {
    type Key = (AccountId, TreeId);
    type Value = Listing;

    async fn load(reader: &Reader, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), Listing>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = Listing::find_many(&mut conn, trees).await?;
        Ok(rows.into_iter().map(|listing| ((listing.seller_id, listing.tree_id), listing)).collect())
    }
}
