use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{AccountId, TreeId};
use crate::session::resolved_rate::resolved_rates;

/// How often a tree helped, by its account and id.
pub struct ResolvedRates;

impl Loader for ResolvedRates {
    type Key = (AccountId, TreeId);
    type Value = f64;

    async fn load(reader: &Reader, trees: &[(AccountId, TreeId)]) -> Result<HashMap<(AccountId, TreeId), f64>, Error> {
        Ok(resolved_rates(&mut *reader.app.db.read().await?, trees).await?)
    }
}
