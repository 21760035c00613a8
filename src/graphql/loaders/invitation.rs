use std::collections::HashMap;

use super::{Loader, Reader};
use crate::error::Error;
use crate::id::InvitationId;
use crate::identity::invitation::Invitation;

/// Invitations by id, of all accounts.
pub struct Invitations;

impl Loader for Invitations {
    type Key = InvitationId;
    type Value = Invitation;

    async fn load(reader: &Reader, ids: &[InvitationId]) -> Result<HashMap<InvitationId, Invitation>, Error> {
        let rows = Invitation::find_many(&mut *reader.app.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
