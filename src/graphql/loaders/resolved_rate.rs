use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, TreeId};
use crate::session::resolved_rate::resolved_rates;

/// How often a tree helped, by its account and id.
pub struct ResolvedRates(pub App);

impl Loader<(AccountId, TreeId)> for ResolvedRates {
    type Value = f64;
    type Error = Shared;

    async fn load(&self, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), f64>, Shared> {
        Ok(resolved_rates(&mut *self.0.db.read().await?, trees).await?)
    }
}
