use std::collections::HashMap;

use super::{Loader, Reader};
use crate::billing::subscription::Subscription;
use crate::error::Error;
use crate::id::SubscriptionId;

/// Subscriptions of the viewer's account.
pub struct Subscriptions;

impl Loader for Subscriptions {
    type Key = SubscriptionId;
    type Value = Subscription;

    async fn load(reader: &Reader, ids: &[SubscriptionId]) -> Result<HashMap<SubscriptionId, Subscription>, Error> {
        let rows = Subscription::find_many(&mut *reader.app.db.conn().await?, reader.actor()?.account, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
