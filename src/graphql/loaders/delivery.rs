use std::collections::HashMap;

use super::{Loader, Reader};
use crate::billing::delivery::Delivery;
use crate::error::Error;
use crate::id::DeliveryId;

/// What Stripe has sent: for staff.
pub struct Deliveries;

impl Loader for Deliveries {
    type Key = DeliveryId;
    type Value = Delivery;

    async fn load(reader: &Reader, ids: &[DeliveryId]) -> Result<HashMap<DeliveryId, Delivery>, Error> {
        let rows = Delivery::find_many(&mut *reader.app.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
