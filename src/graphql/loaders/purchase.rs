use std::collections::HashMap;

use super::{Loader, Reader};
use crate::billing::purchase::Purchase;
use crate::error::Error;
use crate::id::PurchaseId;

/// Purchases by id, of all accounts.
pub struct Purchases;

impl Loader for Purchases {
    type Key = PurchaseId;
    type Value = Purchase;

    async fn load(reader: &Reader, ids: &[PurchaseId]) -> Result<HashMap<PurchaseId, Purchase>, Error> {
        let rows = Purchase::find_many(&mut *reader.app.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
