use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, UserId};
use crate::identity::user::User;

/// People by id, and whether they belong to the viewer's account.
pub struct Users(pub App, pub Option<AccountId>);

impl Loader<UserId> for Users {
    type Value = (User, bool);
    type Error = Shared;

    async fn load(&self, ids: &[UserId]) -> Result<HashMap<UserId, (User, bool)>, Shared> {
        let mut conn = self.0.db.conn().await?;
        let rows = User::find_many(&mut conn, ids, self.1).await?;
        Ok(rows.into_iter().map(|(user, colleague)| (user.id, (user, colleague))).collect())
    }
}
