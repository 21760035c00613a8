use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::UserId;
use crate::identity::identity;
use crate::identity::provider::Provider;

/// Where people can sign in elsewhere.
pub struct Identities(pub App);

impl Loader<UserId> for Identities {
    type Value = Vec<Provider>;
    type Error = Shared;

    async fn load(&self, users: &[UserId]) -> Result<HashMap<UserId, Vec<Provider>>, Shared> {
        let rows = identity::providers(&mut *self.0.db.conn().await?, users).await?;
        let mut found: HashMap<UserId, Vec<Provider>> = HashMap::new();
        for (user, provider) in rows {
            found.entry(user).or_default().push(provider);
        }
        Ok(found)
    }
}
