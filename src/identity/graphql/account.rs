//! Accounts, and who belongs to them.

use async_graphql::{Context, ID, Object};

use super::audit::{self, AuditLog};
use super::invitation::InvitationObject;
use super::user::UserObject;
use super::vanished;
use crate::billing::graphql::account::Entitlements;
use crate::billing::graphql::credits::Credits;
use crate::billing::graphql::payment::{self, Payments};
use crate::billing::graphql::plan::Limit;
use crate::billing::graphql::subscription::PlanSubscription;
use crate::billing::{entitlement, usage};
use crate::db::is_storable;
use crate::error::Error;
use crate::graphql::connection::Connection;
use crate::graphql::page::PageArgs;
use crate::graphql::scalars::DateTime;
use crate::graphql::{app, loaders};
use crate::id::{AccountId, Id};
use crate::identity::actor::{Actor, Role};
use crate::identity::{account, invitation, membership};
use crate::marketplace::{self, graphql::Purchases};

pub struct AccountObject {
    row: account::Account,
    /// Who looks. More than the name is shown only to those whose access token speaks for the account.
    viewer: Actor,
    /// To staff, who were asked about its billing: that is shown, and nothing else.
    reported: bool,
}

impl AccountObject {
    pub async fn load(ctx: &Context<'_>, id: AccountId, viewer: &Actor) -> Result<Option<Self>, Error> {
        Ok(loaders::one::<loaders::Accounts>(ctx, id).await?.map(|row| Self::new(row, viewer)))
    }

    pub fn new(row: account::Account, viewer: &Actor) -> Self {
        Self { row, viewer: *viewer, reported: false }
    }

    /// For a report to staff.
    pub fn reported(self) -> Self {
        Self { reported: true, ..self }
    }

    pub fn is_viewers(&self) -> bool {
        self.viewer.account == self.row.id
    }

    /// What it pays for and has.
    fn shows_billing(&self) -> bool {
        self.is_viewers() || self.reported
    }

    /// What only an owner may see of it.
    fn shows_money(&self) -> Result<bool, Error> {
        if self.is_viewers() && !self.reported {
            self.viewer.require(Role::Owner)?;
        }
        Ok(self.shows_billing())
    }

    /// Read once for all fields that need it.
    async fn entitled(&self, ctx: &Context<'_>) -> Result<entitlement::Entitlements, Error> {
        loaders::one::<loaders::Entitled>(ctx, self.row.id).await?.ok_or_else(vanished)
    }
}

/// What people work for.
#[Object(name = "Account")]
impl AccountObject {
    /// `account_…`
    pub async fn id(&self) -> ID {
        self.row.id.encode().into()
    }

    /// What its people call it.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Its people, in the order in which they joined. Null unless the access token speaks for this account.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Connection<MembershipObject, MembersTotal>>, Error> {
        const ORDER: &str = "members by joining";
        let page = PageArgs::forward(first, after).page::<membership::Position>(ORDER)?;
        if !self.is_viewers() {
            return Ok(None);
        }
        if page.after.is_some_and(|(joined, _)| !is_storable(joined)) {
            return Err(Error::BadInput("the cursor is none of this list".into()));
        }
        let rows = membership::Membership::page(&mut *app(ctx)?.db.conn().await?, self.row.id, &page).await?;
        let connection = page.cut(rows).connection(
            ORDER,
            MembersTotal(self.row.id),
            |row| (row.created_at, row.user_id),
            |row| MembershipObject { row, viewer: self.viewer },
        );
        Ok(Some(connection))
    }

    /// Who was invited and has not joined yet. For admins; null unless the access token speaks for this account.
    async fn invitations(&self, ctx: &Context<'_>) -> Result<Option<Vec<InvitationObject>>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        self.viewer.require(Role::Admin)?;
        let app = app(ctx)?;
        let open = invitation::Invitation::open_of(&mut *app.db.conn().await?, self.row.id, app.clock.now()).await?;
        Ok(Some(open.into_iter().map(InvitationObject).collect()))
    }

    /// Who did what, the newest first. For owners; null unless the access token speaks for this account.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<AuditLog>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        self.viewer.require(Role::Owner)?;
        audit::log(ctx, Some(self.row.id), first, after).await.map(Some)
    }

    /// When it and all it owns will be deleted, after `deleteAccount`. Null unless the access token speaks for this account.
    async fn deletes_at(&self) -> Option<DateTime> {
        self.row.deletes_at.filter(|_| self.is_viewers()).map(DateTime)
    }

    /// What the plan allows, and how much of it is used. Null unless the access token speaks for this account, or staff look it up.
    async fn limits(&self, ctx: &Context<'_>) -> Result<Option<Vec<Limit>>, Error> {
        if !self.shows_billing() {
            return Ok(None);
        }
        let (app, entitled) = (app(ctx)?, self.entitled(ctx).await?);
        let limits = usage::limits(&mut *app.db.conn().await?, self.row.id, &entitled, app.clock.now()).await?;
        Ok(Some(limits.into_iter().map(Limit::from).collect()))
    }

    /// Which features the current plan opens, and until when. Null unless the access token speaks for this account, or staff look it up.
    async fn entitlements(&self, ctx: &Context<'_>) -> Result<Option<Entitlements>, Error> {
        if !self.shows_billing() {
            return Ok(None);
        }
        Ok(Some(self.entitled(ctx).await?.into()))
    }

    /// What it pays for, or has on trial; null if that is nothing, or unless the access token speaks for this account, or staff look it up.
    async fn subscription(&self, ctx: &Context<'_>) -> Result<Option<PlanSubscription>, Error> {
        if !self.shows_billing() {
            return Ok(None);
        }
        let (app, entitled) = (app(ctx)?, self.entitled(ctx).await?);
        let shown = entitlement::shown(&mut *app.db.conn().await?, self.row.id, &entitled, app.clock.now()).await?;
        match shown {
            Some(row) => Ok(Some(PlanSubscription::new(ctx, row).await?)),
            None => Ok(None),
        }
    }

    /// What was paid, and what is to be, the newest first. For owners; null unless the access token speaks for this account, or staff look it up.
    async fn payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Payments>, Error> {
        if !self.shows_money()? {
            return Ok(None);
        }
        Ok(Some(payment::page(ctx, self.row.id, first, after).await?))
    }

    /// The trees that it has bought, the newest first. Null unless the access token speaks for this account, or staff look it up.
    async fn purchases(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Purchases>, Error> {
        match self.shows_billing() {
            true => Ok(Some(marketplace::graphql::bought(ctx, self.row.id, first, after).await?)),
            false => Ok(None),
        }
    }

    /// What others have bought of it, the newest first. For owners; null unless the access token speaks for this account, or staff look it up.
    async fn sales(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Purchases>, Error> {
        if !self.shows_money()? {
            return Ok(None);
        }
        Ok(Some(marketplace::graphql::sold(ctx, self.row.id, first, after).await?))
    }

    /// What was paid for in advance. Null unless the access token speaks for this account, or staff look it up.
    async fn credits(&self, ctx: &Context<'_>) -> Result<Option<Credits>, Error> {
        match self.shows_billing() {
            true => Ok(Some(Credits::of(ctx, self.row.id).await?)),
            false => Ok(None),
        }
    }
}

/// What a list of members tells beside its pages.
pub struct MembersTotal(AccountId);

#[Object]
impl MembersTotal {
    /// How many people belong to the account.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64, Error> {
        Ok(membership::Membership::count(&mut *app(ctx)?.db.conn().await?, self.0).await?)
    }
}

pub struct MembershipObject {
    row: membership::Membership,
    viewer: Actor,
}

impl MembershipObject {
    pub fn new(row: membership::Membership, viewer: &Actor) -> Self {
        Self { row, viewer: *viewer }
    }
}

/// That a person belongs to an account: one of the viewer's own memberships, or one in the viewer's account.
#[Object(name = "Membership")]
impl MembershipObject {
    /// What they belong to.
    async fn account(&self, ctx: &Context<'_>) -> Result<AccountObject, Error> {
        AccountObject::load(ctx, self.row.account_id, &self.viewer).await?.ok_or_else(vanished)
    }

    /// Who belongs to it.
    async fn user(&self, ctx: &Context<'_>) -> Result<UserObject, Error> {
        UserObject::load_colleague(ctx, self.row.user_id).await
    }

    /// What they may do there.
    async fn role(&self) -> Role {
        self.row.role
    }

    /// When they joined.
    async fn since(&self) -> DateTime {
        self.row.created_at.into()
    }
}
