use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::UserId;
use crate::identity::identity;
use crate::identity::provider::Provider;

/// Where people can sign in elsewhere.
pub struct Identities;

impl Loader for Identities {
    type Key = UserId;
    type Value = Vec<Provider>;
    const FOR_ANYBODY: bool = true;

    async fn load(reader: &Reader, users: &[UserId]) -> Result<HashMap<UserId, Vec<Provider>>, Error> {
        let rows = identity::providers(&mut *reader.app.db.conn().await?, users).await?;
        let mut found: HashMap<UserId, Vec<Provider>> = HashMap::new();
        for (user, provider) in rows {
            found.entry(user).or_default().push(provider);
        }
        Ok(found)
    }
}
