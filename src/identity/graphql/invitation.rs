//! Invitations on the wire. Only admins of the account see them.

use async_graphql::{Context, ID, Object};

use super::user::UserObject;
use crate::error::Error;
use crate::graphql::scalars::DateTime;
use crate::graphql::{app, loaders};
use crate::id::{Id, InvitationId};
use crate::identity::actor::{Actor, Role};
use crate::identity::invitation::Invitation;

pub struct InvitationObject(pub Invitation);

impl InvitationObject {
    /// None unless it is open and the viewer may see it.
    pub async fn find(ctx: &Context<'_>, viewer: &Actor, id: InvitationId) -> Result<Option<Self>, Error> {
        if viewer.role < Role::Admin {
            return Ok(None);
        }
        let (now, found) = (app(ctx)?.clock.now(), loaders::one::<loaders::Invitations>(ctx, id).await?);
        Ok(found.filter(|row| row.account_id == viewer.account && row.is_open(now)).map(Self))
    }
}

/// That somebody may join the account; it waits for them in their mailbox, and holds a seat.
#[Object(name = "Invitation")]
impl InvitationObject {
    /// `invitation_…`
    pub async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// Where it was sent.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// What they may do once they have joined.
    async fn role(&self) -> Role {
        self.0.role
    }

    /// From then on it cannot be accepted.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// Who sent it.
    async fn invited_by(&self, ctx: &Context<'_>) -> Result<Option<UserObject>, Error> {
        UserObject::load(ctx, self.0.invited_by).await
    }
}
