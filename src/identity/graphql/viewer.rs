//! Who asks, and on which devices.

use async_graphql::{Context, ID, Object};

use super::account::{AccountObject, MembershipObject};
use super::user::UserObject;
use super::vanished;
use crate::error::Error;
use crate::graphql::app;
use crate::graphql::scalars::DateTime;
use crate::id::Id;
use crate::identity::actor::{Actor, Role};
use crate::identity::{membership, pending_email, sign_in};

pub struct Viewer(pub Actor);

/// Who asks, and for which account. One person may belong to several accounts; an access token speaks for one of them.
#[Object]
impl Viewer {
    /// The person.
    async fn user(&self, ctx: &Context<'_>) -> Result<UserObject, Error> {
        UserObject::load_colleague(ctx, self.0.user).await
    }

    /// The account that the access token speaks for.
    async fn account(&self, ctx: &Context<'_>) -> Result<AccountObject, Error> {
        AccountObject::load(ctx, self.0.account, &self.0).await?.ok_or_else(vanished)
    }

    /// What the person may do in the account.
    async fn role(&self) -> Role {
        self.0.role
    }

    /// Whether the person works for the platform itself.
    async fn staff(&self) -> bool {
        self.0.staff
    }

    /// The address that `changeEmail` has asked for, until `verifyEmail` proves it or its link has expired; null if there is none.
    async fn pending_email(&self, ctx: &Context<'_>) -> Result<Option<String>, Error> {
        let app = app(ctx)?;
        Ok(pending_email::PendingEmail::of_user(&mut *app.db.conn().await?, self.0.user, app.clock.now()).await?)
    }

    /// All accounts that the person belongs to, the one they joined first before the others.
    async fn memberships(&self, ctx: &Context<'_>) -> Result<Vec<MembershipObject>, Error> {
        let found = membership::Membership::of_user(&mut *app(ctx)?.db.conn().await?, self.0.user).await?;
        Ok(found.into_iter().map(|row| MembershipObject::new(row, &self.0)).collect())
    }

    /// Devices that hold a refresh token, the most recently used first.
    async fn sign_ins(&self, ctx: &Context<'_>) -> Result<Vec<SignInObject>, Error> {
        let app = app(ctx)?;
        let found = sign_in::SignIn::of_user(&mut *app.db.conn().await?, self.0.user, app.clock.now()).await?;
        Ok(found.into_iter().map(|row| SignInObject { current: row.id == self.0.sign_in, row }).collect())
    }
}

pub struct SignInObject {
    row: sign_in::SignIn,
    current: bool,
}

/// A device that holds a refresh token.
#[Object(name = "SignIn")]
impl SignInObject {
    /// `signin_…`
    async fn id(&self) -> ID {
        self.row.id.encode().into()
    }

    /// When the person signed in.
    async fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// When it last got tokens.
    async fn last_used_at(&self) -> DateTime {
        self.row.last_used_at.into()
    }

    /// What the device calls itself.
    async fn user_agent(&self) -> Option<&str> {
        self.row.user_agent.as_deref()
    }

    /// Where it last called from.
    async fn ip_address(&self) -> Option<&str> {
        self.row.ip_address.as_deref()
    }

    /// Whether it is the one that asks.
    async fn current(&self) -> bool {
        self.current
    }
}
