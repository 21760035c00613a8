use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::billing::subscription::Subscription;
use crate::id::{AccountId, SubscriptionId};

/// Subscriptions of the viewer's account.
pub struct Subscriptions(pub App, pub AccountId);

impl Loader<SubscriptionId> for Subscriptions {
    type Value = Subscription;
    type Error = Shared;

    async fn load(&self, ids: &[SubscriptionId]) -> Result<HashMap<SubscriptionId, Subscription>, Shared> {
        let rows = Subscription::find_many(&mut *self.0.db.conn().await?, self.1, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
