use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::{AccountId, SessionId};
use crate::session::session::Session;

/// Sessions by id.
pub struct Sessions(pub App, pub AccountId);

impl Loader<SessionId> for Sessions {
    type Value = Session;
    type Error = Shared;

    async fn load(&self, ids: &[SessionId]) -> Result<HashMap<SessionId, Session>, Shared> {
        let rows = Session::find_many(&mut *self.0.db.conn().await?, self.1, ids).await?;
        Ok(rows.into_iter().map(|session| (session.id, session)).collect())
    }
}
