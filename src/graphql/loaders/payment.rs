use std::collections::HashMap;

use super::{Loader, Reader};
use crate::billing::payment::Payment;
use crate::error::Error;
use crate::id::PaymentId;

/// Payments of the viewer's account.
pub struct Payments;

impl Loader for Payments {
    type Key = PaymentId;
    type Value = Payment;

    async fn load(reader: &Reader, ids: &[PaymentId]) -> Result<HashMap<PaymentId, Payment>, Error> {
        let rows = Payment::find_many(&mut *reader.app.db.conn().await?, reader.actor()?.account, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
