use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::SessionId;
use crate::session::session::Session;

/// Sessions by id.
pub struct Sessions;

impl Loader for Sessions {
    type Key = SessionId;
    type Value = Session;

    async fn load(reader: &Reader, ids: &[SessionId]) -> Result<HashMap<SessionId, Session>, Error> {
        let rows = Session::find_many(&mut *reader.app.db.conn().await?, reader.actor()?.account, ids).await?;
        Ok(rows.into_iter().map(|session| (session.id, session)).collect())
    }
}
