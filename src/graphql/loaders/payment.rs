use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::billing::payment::Payment;
use crate::id::{AccountId, PaymentId};

/// Payments of the viewer's account.
pub struct Payments(pub App, pub AccountId);

impl Loader<PaymentId> for Payments {
    type Value = Payment;
    type Error = Shared;

    async fn load(&self, ids: &[PaymentId]) -> Result<HashMap<PaymentId, Payment>, Shared> {
        let rows = Payment::find_many(&mut *self.0.db.conn().await?, self.1, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
