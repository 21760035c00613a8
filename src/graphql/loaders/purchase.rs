use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::billing::purchase::Purchase;
use crate::id::PurchaseId;

/// Purchases by id, of all accounts.
pub struct Purchases(pub App);

impl Loader<PurchaseId> for Purchases {
    type Value = Purchase;
    type Error = Shared;

    async fn load(&self, ids: &[PurchaseId]) -> Result<HashMap<PurchaseId, Purchase>, Shared> {
        let rows = Purchase::find_many(&mut *self.0.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
