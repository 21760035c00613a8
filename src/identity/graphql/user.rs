//! People.

use async_graphql::{Context, Enum, ID, Object};

use super::vanished;
use crate::error::Error;
use crate::graphql::scalars::{DateTime, Url};
use crate::graphql::{loaders, requester};
use crate::id::{Id, UserId};
use crate::identity::provider::Provider;
use crate::identity::user;

pub struct UserObject {
    row: user::User,
    colleague: bool,
}

impl UserObject {
    /// As whoever sent the request may see them. None: there is no such user.
    pub async fn load(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>, Error> {
        let itself = requester(ctx)?.actor.is_some_and(|actor| actor.user == id);
        let seen = loaders::one::<loaders::Users>(ctx, id).await?;
        Ok(seen.map(|(row, colleague)| Self { colleague: itself || colleague, row }))
    }

    /// Where a foreign key says that there is one.
    pub async fn require(ctx: &Context<'_>, id: UserId) -> Result<Self, Error> {
        Self::load(ctx, id).await?.ok_or_else(vanished)
    }

    /// As a member of the viewer's account may be seen.
    pub async fn load_colleague(ctx: &Context<'_>, id: UserId) -> Result<Self, Error> {
        let (row, _) = loaders::one::<loaders::Users>(ctx, id).await?.ok_or_else(vanished)?;
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
        let elsewhere = loaders::one::<loaders::Identities>(ctx, self.row.id).await?.unwrap_or_default();
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
