use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::{AccountId, VersionId};
use crate::tree::version::Closure;

/// Published versions with what they call. All that are asked for together share one closure.
pub struct Closures;

impl Loader for Closures {
    type Key = (AccountId, VersionId);
    type Value = Closure;

    async fn load(reader: &Reader, roots: &[(AccountId, VersionId)]) -> Result<HashMap<(AccountId, VersionId), Closure>, Error> {
        let closure = reader.app.versions.closure(&mut *reader.app.db.conn().await?, roots).await?;
        Ok(roots.iter().map(|root| (*root, closure.clone())).collect())
    }
}
