use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::billing::delivery::Delivery;
use crate::id::DeliveryId;

/// What Stripe has sent: for staff.
pub struct Deliveries(pub App);

impl Loader<DeliveryId> for Deliveries {
    type Value = Delivery;
    type Error = Shared;

    async fn load(&self, ids: &[DeliveryId]) -> Result<HashMap<DeliveryId, Delivery>, Shared> {
        let rows = Delivery::find_many(&mut *self.0.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
