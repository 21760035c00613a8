//! Viewer, people, accounts, memberships, devices.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{Context, Enum, ID, Object};

use super::audit::{self, AuditLog};
use super::invitation::InvitationObject;
use crate::billing::graphql::account::Entitlements;
use crate::billing::graphql::credits::Credits;
use crate::billing::graphql::payment::{self, Payments};
use crate::billing::graphql::plan::Limit;
use crate::billing::graphql::subscription::PlanSubscription;
use crate::billing::{entitlement, usage};
use crate::db::is_storable;
use crate::error::Error;
use crate::graphql::page::{Cursor, PageArgs};
use crate::graphql::scalars::{DateTime, Url};
use crate::graphql::{app, loaders, requester};
use crate::id::{AccountId, Id, UserId};
use crate::identity::actor::{Actor, Role};
use crate::identity::provider::Provider;
use crate::identity::{account, invitation, membership, pending_email, sign_in, user};
use crate::marketplace::{self, graphql::Purchases};

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
        Ok(found.into_iter().map(|row| MembershipObject { row, viewer: self.0 }).collect())
    }

    /// Devices that hold a refresh token, the most recently used first.
    async fn sign_ins(&self, ctx: &Context<'_>) -> Result<Vec<SignInObject>, Error> {
        let app = app(ctx)?;
        let found = sign_in::SignIn::of_user(&mut *app.db.conn().await?, self.0.user, app.clock.now()).await?;
        Ok(found.into_iter().map(|row| SignInObject { current: row.id == self.0.sign_in, row }).collect())
    }
}

pub struct UserObject {
    row: user::User,
    colleague: bool,
}

impl UserObject {
    /// As whoever sent the request may see them. None: there is no such user.
    pub async fn load(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>, Error> {
        let itself = requester(ctx)?.actor.is_some_and(|actor| actor.user == id);
        let seen = loaders::one(&loaders::people(ctx)?.users, id).await?;
        Ok(seen.map(|(row, colleague)| Self { colleague: itself || colleague, row }))
    }

    /// Where a foreign key says that there is one.
    pub async fn require(ctx: &Context<'_>, id: UserId) -> Result<Self, Error> {
        Self::load(ctx, id).await?.ok_or_else(vanished)
    }

    /// As a member of the viewer's account may be seen.
    async fn load_colleague(ctx: &Context<'_>, id: UserId) -> Result<Self, Error> {
        let (row, _) = loaders::one(&loaders::people(ctx)?.users, id).await?.ok_or_else(vanished)?;
        Ok(Self { row, colleague: true })
    }

    /// For those who look at themselves.
    pub fn oneself(row: user::User) -> Self {
        Self { row, colleague: true }
    }

    /// Whether the viewer sees more than a name.
    pub fn is_colleague(&self) -> bool {
        self.colleague
    }

    fn shown<'a, T>(&'a self, value: impl FnOnce(&'a user::User) -> T) -> Option<T> {
        self.colleague.then(|| value(&self.row))
    }
}

/// A person. Of people who do not belong to the viewer's account only `id` and `username` are shown; the rest is null.
#[Object(name = "User")]
impl UserObject {
    /// `user_…`
    pub async fn id(&self) -> ID {
        self.row.id.encode().into()
    }

    /// Short number that support can ask for on the phone.
    async fn number(&self) -> Option<i64> {
        self.shown(|row| row.number)
    }

    /// Where mail reaches them.
    async fn email(&self) -> Option<&str> {
        self.shown(|row| row.email.as_str())
    }

    /// Unique; case does not matter.
    async fn username(&self) -> &str {
        &self.row.username
    }

    /// Given name.
    async fn first_name(&self) -> Option<&str> {
        self.shown(|row| row.first_name.as_deref()).flatten()
    }

    /// Family name.
    async fn last_name(&self) -> Option<&str> {
        self.shown(|row| row.last_name.as_deref()).flatten()
    }

    /// A picture.
    async fn avatar_url(&self) -> Option<Url> {
        self.shown(|row| row.avatar_url.clone()).flatten().map(Url)
    }

    /// Whether the e-mail address was proved to be theirs.
    async fn email_verified(&self) -> Option<bool> {
        self.shown(|row| row.email_verified_at.is_some())
    }

    /// False once deactivated.
    async fn active(&self) -> Option<bool> {
        self.shown(|row| row.deactivated_at.is_none())
    }

    /// The ways in which they can sign in.
    async fn sign_in_methods(&self, ctx: &Context<'_>) -> Result<Option<Vec<SignInMethod>>, Error> {
        if !self.colleague {
            return Ok(None);
        }
        let mut methods = Vec::new();
        if self.row.has_password {
            methods.push(SignInMethod::Password);
        }
        if self.row.email_verified_at.is_some() {
            methods.push(SignInMethod::EmailCode);
        }
        let elsewhere = loaders::one(&loaders::people(ctx)?.identities, self.row.id).await?.unwrap_or_default();
        methods.extend(elsewhere.into_iter().map(|provider| match provider {
            Provider::Google => SignInMethod::Google,
            Provider::GitHub => SignInMethod::Github,
        }));
        Ok(Some(methods))
    }

    /// When they signed up.
    async fn created_at(&self) -> Option<DateTime> {
        self.shown(|row| row.created_at.into())
    }
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum SignInMethod {
    /// E-mail or username, and a password.
    Password,
    /// A code by mail, to a verified address.
    EmailCode,
    /// An account at Google.
    Google,
    /// An account at GitHub.
    Github,
}

pub struct AccountObject {
    row: account::Account,
    /// Who looks. More than the name is shown only to those whose access token speaks for the account.
    viewer: Actor,
}

impl AccountObject {
    pub async fn load(ctx: &Context<'_>, id: AccountId, viewer: &Actor) -> Result<Option<Self>, Error> {
        Ok(loaders::one(&loaders::people(ctx)?.accounts, id).await?.map(|row| Self { row, viewer: *viewer }))
    }

    pub fn new(row: account::Account, viewer: &Actor) -> Self {
        Self { row, viewer: *viewer }
    }

    pub fn is_viewers(&self) -> bool {
        self.viewer.account == self.row.id
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
    ) -> Result<Option<Connection<Cursor, MembershipObject, MembersTotal, EmptyFields>>, Error> {
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

    /// What the plan allows, and how much of it is used. Null unless the access token speaks for this account.
    async fn limits(&self, ctx: &Context<'_>) -> Result<Option<Vec<Limit>>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        let app = app(ctx)?;
        let limits = usage::limits(&mut *app.db.conn().await?, self.row.id, app.clock.now()).await?;
        Ok(Some(limits.into_iter().map(Limit::from).collect()))
    }

    /// Which features the current plan opens, and until when. Null unless the access token speaks for this account.
    async fn entitlements(&self, ctx: &Context<'_>) -> Result<Option<Entitlements>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        let app = app(ctx)?;
        Ok(Some(entitlement::load(&mut *app.db.conn().await?, self.row.id, app.clock.now()).await?.into()))
    }

    /// What it pays for, or has on trial; null if that is nothing, or unless the access token speaks for this account.
    async fn subscription(&self, ctx: &Context<'_>) -> Result<Option<PlanSubscription>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        let app = app(ctx)?;
        let shown = entitlement::shown(&mut *app.db.conn().await?, self.row.id, app.clock.now()).await?;
        match shown {
            Some(row) => Ok(Some(PlanSubscription::new(ctx, row).await?)),
            None => Ok(None),
        }
    }

    /// What was paid, and what is to be, the newest first. For owners; null unless the access token speaks for this account.
    async fn payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Payments>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        self.viewer.require(Role::Owner)?;
        Ok(Some(payment::page(ctx, self.row.id, first, after).await?))
    }

    /// The trees that it has bought, the newest first. Null unless the access token speaks for this account.
    async fn purchases(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Purchases>, Error> {
        match self.is_viewers() {
            true => Ok(Some(marketplace::graphql::bought(ctx, self.row.id, first, after).await?)),
            false => Ok(None),
        }
    }

    /// What others have bought of it, the newest first. For owners; null unless the access token speaks for this account.
    async fn sales(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Option<Purchases>, Error> {
        if !self.is_viewers() {
            return Ok(None);
        }
        self.viewer.require(Role::Owner)?;
        Ok(Some(marketplace::graphql::sold(ctx, self.row.id, first, after).await?))
    }

    /// What was paid for in advance. Null unless the access token speaks for this account.
    async fn credits(&self, ctx: &Context<'_>) -> Result<Option<Credits>, Error> {
        match self.is_viewers() {
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

/// What a foreign key points at is there, unless it was deleted this moment.
fn vanished() -> Error {
    Error::internal("a row that a foreign key names is gone")
}
