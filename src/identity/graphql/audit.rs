//! The audit log on the wire.

use async_graphql::{Context, ID, Object};

use super::account::AccountObject;
use super::user::UserObject;
use crate::db::is_storable;
use crate::error::Error;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::PageArgs;
use crate::graphql::scalars::DateTime;
use crate::graphql::{actor, app};
use crate::id::{AccountId, Id};
use crate::identity::audit::{AuditEntry, Position};

pub type AuditLog = Connection<AuditEntryObject>;

/// The newest lines first: an account's, or all. Whether the viewer may read them is for the caller to check.
pub async fn log(ctx: &Context<'_>, account: Option<AccountId>, first: Option<i32>, after: Option<String>) -> Result<AuditLog, Error> {
    const ORDER: &str = "audit log";
    let page = PageArgs::forward(first, after).page::<Position>(ORDER)?;
    if page.after.is_some_and(|(at, _)| !is_storable(at)) {
        return Err(Error::BadInput("the cursor is none of this list".into()));
    }
    let rows = AuditEntry::page(&mut *app(ctx)?.db.conn().await?, account, &page).await?;
    Ok(page.cut(rows).connection(ORDER, EmptyFields, AuditEntry::position, AuditEntryObject))
}

/// What staff read of it: all.
#[derive(Default)]
pub struct AuditStaff;

#[Object]
impl AuditStaff {
    /// Who did what in every account, the newest first.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<AuditLog, Error> {
        log(ctx, None, first, after).await
    }
}

pub struct AuditEntryObject(AuditEntry);

/// One line of the append-only audit log: sign-ins, roles, passwords, billing.
#[Object(name = "AuditEntry")]
impl AuditEntryObject {
    /// `audit_…`
    async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// Whose log it stands in. Null: no account's, such as a sign-in with a login that nobody has.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<AccountObject>, Error> {
        match self.0.account_id {
            Some(account) => AccountObject::load(ctx, account, actor(ctx)?).await,
            None => Ok(None),
        }
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Who did it. Null: nobody known, such as whoever fails to sign in, or the platform itself.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<UserObject>, Error> {
        match self.0.actor_id {
            Some(actor) => Ok(Some(UserObject::require(ctx, actor).await?)),
            None => Ok(None),
        }
    }

    /// The operation's name.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// Whom or what it was done to: an id, an address, what changed.
    async fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Where the request came from.
    async fn ip_address(&self) -> Option<&str> {
        self.0.ip_address.as_deref()
    }

    /// What the device calls itself.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }
}
