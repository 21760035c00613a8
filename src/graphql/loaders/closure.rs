use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, VersionId};
use crate::tree::version::Closure;

/// Published versions with what they call. All that are asked for together share one closure.
pub struct Closures(pub App);

impl Loader<(AccountId, VersionId)> for Closures {
    type Value = Closure;
    type Error = Shared;

    async fn load(&self, roots: &[(AccountId, VersionId)]) -> Result<HashMap<(AccountId, VersionId), Closure>, Shared> {
        let closure = self.0.versions.closure(&mut *self.0.db.conn().await?, roots).await?;
        Ok(roots.iter().map(|root| (*root, closure.clone())).collect())
    }
}
