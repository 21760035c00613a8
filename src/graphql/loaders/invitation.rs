use std::collections::HashMap;

use async_graphql::dataloader::Loader;

use super::Shared;
use crate::app::App;
use crate::id::InvitationId;
use crate::identity::invitation::Invitation;

/// Invitations by id, of all accounts.
pub struct Invitations(pub App);

impl Loader<InvitationId> for Invitations {
    type Value = Invitation;
    type Error = Shared;

    async fn load(&self, ids: &[InvitationId]) -> Result<HashMap<InvitationId, Invitation>, Shared> {
        let rows = Invitation::find_many(&mut *self.0.db.conn().await?, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
