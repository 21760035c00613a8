use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::UserId;
use crate::identity::user::User;

/// People by id, and whether they belong to the viewer's account.
pub struct Users;

impl Loader for Users {
    type Key = UserId;
    type Value = (User, bool);
    const FOR_ANYBODY: bool = true;

    async fn load(reader: &Reader, ids: &[UserId]) -> Result<HashMap<UserId, (User, bool)>, Error> {
        let mut conn = reader.app.db.conn().await?;
        let rows = User::find_many(&mut conn, ids, reader.actor.map(|actor| actor.account)).await?;
        Ok(rows.into_iter().map(|(user, colleague)| (user.id, (user, colleague))).collect())
    }
}
