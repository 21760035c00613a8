//! Mutations about people.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use secrecy::SecretString;

use super::payload::{AcknowledgedPayload, AuthPayload, UserPayload};
use super::user::UserObject;
use crate::error::{Code, Error, Refusal};
use crate::graphql::payload::answer;
use crate::graphql::scalars::Url;
use crate::graphql::{actor, app, requester};
use crate::id::Id;
use crate::identity::grant::Grant;
use crate::identity::sign_up::SignUp;
use crate::identity::update_profile::UpdateProfile;
use crate::identity::{
    change_password, cookie, deactivate_user, refresh_tokens, revoke_sign_in, sign_in_with_password, sign_out, sign_up, switch_account,
    update_profile,
};

/// A new person and their account.
#[derive(InputObject)]
struct SignUpInput {
    /// Unique; case does not matter.
    email: String,
    /// 3 to 40 letters, digits, `.`, `_` and `-`; unique, case does not matter.
    username: String,
    /// 8 to 200 characters.
    password: String,
    /// Left out: named after the username.
    account_name: Option<String>,
}

/// Who one says to be, and the proof.
#[derive(InputObject)]
struct SignInInput {
    /// E-mail or username.
    login: String,
    /// As it was set.
    password: String,
}

/// The token to exchange.
#[derive(InputObject)]
struct RefreshTokensInput {
    /// Left out by browsers, which send the httpOnly cookie.
    refresh_token: Option<String>,
}

/// Which devices to sign out.
#[derive(InputObject)]
struct SignOutInput {
    /// The device that holds it; left out: the one that asks.
    refresh_token: Option<String>,
    /// Every device of this person.
    #[graphql(default)]
    everywhere: bool,
}

/// Which device.
#[derive(InputObject)]
struct RevokeSignInInput {
    /// One of the viewer's `signIns`.
    id: ID,
}

/// Where to go.
#[derive(InputObject)]
struct SwitchAccountInput {
    /// One of the viewer's accounts.
    account_id: ID,
}

/// Fields left out stay; null clears.
#[derive(InputObject)]
struct UpdateProfileInput {
    /// 3 to 40 letters, digits, `.`, `_` and `-`; cannot be cleared.
    username: MaybeUndefined<String>,
    /// Given name, at most 100 characters.
    first_name: MaybeUndefined<String>,
    /// Family name, at most 100 characters.
    last_name: MaybeUndefined<String>,
    /// A picture.
    avatar_url: MaybeUndefined<Url>,
}

/// The old password, and the new one.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// As it is now.
    current_password: String,
    /// 8 to 200 characters.
    new_password: String,
}

/// The proof that it is meant.
#[derive(InputObject)]
struct DeactivateUserInput {
    /// Required for users who have one.
    password: Option<String>,
}

#[derive(Default)]
pub struct IdentityMutation;

#[Object]
impl IdentityMutation {
    /// A new person with an account of their own, signed in at once.
    async fn sign_up(&self, ctx: &Context<'_>, input: SignUpInput) -> Result<AuthPayload, Error> {
        let SignUpInput { email, username, password, account_name } = input;
        let input = SignUp { email, username, password: password.into(), account_name };
        granted(ctx, async { sign_up::sign_up(app(ctx)?, requester(ctx)?, input).await }.await)
    }

    /// Tokens for a device, in exchange for a password.
    async fn sign_in(&self, ctx: &Context<'_>, input: SignInInput) -> Result<AuthPayload, Error> {
        let password = input.password.into();
        granted(
            ctx,
            async { sign_in_with_password::sign_in_with_password(app(ctx)?, requester(ctx)?, &input.login, &password).await }.await,
        )
    }

    /// Rotates the refresh token; a token used twice ends every sign-in that came from it.
    async fn refresh_tokens(&self, ctx: &Context<'_>, input: Option<RefreshTokensInput>) -> Result<AuthPayload, Error> {
        let token = input.and_then(|input| input.refresh_token).map(SecretString::from);
        granted(ctx, async { refresh_tokens::refresh_tokens(app(ctx)?, requester(ctx)?, token).await }.await)
    }

    /// Signs out this device, or all of them. Whoever is signed out already is told the same.
    async fn sign_out(&self, ctx: &Context<'_>, input: Option<SignOutInput>) -> Result<AcknowledgedPayload, Error> {
        let SignOutInput { refresh_token, everywhere } = input.unwrap_or(SignOutInput { refresh_token: None, everywhere: false });
        let result = async {
            let (app, requester) = (app(ctx)?, requester(ctx)?);
            sign_out::sign_out(app, requester, refresh_token.map(SecretString::from), everywhere).await?;
            if requester.browser || requester.refresh_cookie.is_some() {
                ctx.append_http_header("set-cookie", cookie::clear(&app.config));
            }
            Ok(AcknowledgedPayload::new())
        };
        answer(result.await)
    }

    /// Signs out one of the viewer's devices.
    async fn revoke_sign_in(&self, ctx: &Context<'_>, input: RevokeSignInInput) -> Result<AcknowledgedPayload, Error> {
        let id = Id::decode(&input.id)?;
        let result = async { revoke_sign_in::revoke_sign_in(app(ctx)?, actor(ctx)?, requester(ctx)?, id).await };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }

    /// New tokens that speak for another of the viewer's accounts.
    async fn switch_account(&self, ctx: &Context<'_>, input: SwitchAccountInput) -> Result<AuthPayload, Error> {
        let to = Id::decode(&input.account_id)?;
        let result = async {
            let requester = requester(ctx)?;
            switch_account::switch_account(app(ctx)?, actor(ctx)?, requester, to).await
        };
        granted(ctx, result.await)
    }

    /// Changes how the viewer is called and shown.
    async fn update_profile(&self, ctx: &Context<'_>, input: UpdateProfileInput) -> Result<UserPayload, Error> {
        let result = async {
            let actor = actor(ctx)?;
            let username = match input.username {
                MaybeUndefined::Null => {
                    return Err(Refusal::at(Code::Required, "username", "`username` cannot be cleared.").into());
                }
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Value(username) => Some(username),
            };
            let input = UpdateProfile {
                username,
                first_name: change(input.first_name),
                last_name: change(input.last_name),
                avatar_url: change(input.avatar_url.map_value(|url| url.0)),
            };
            update_profile::update_profile(app(ctx)?, actor, input).await
        };
        answer(result.await.map(|user| UserPayload::new(UserObject::oneself(user))))
    }

    /// Sets a new password, and ends every other sign-in.
    async fn change_password(&self, ctx: &Context<'_>, input: ChangePasswordInput) -> Result<AcknowledgedPayload, Error> {
        let result = async {
            let requester = requester(ctx)?;
            let (current, new) = (input.current_password.into(), input.new_password.into());
            change_password::change_password(app(ctx)?, actor(ctx)?, requester, &current, &new).await
        };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }

    /// Deactivates the viewer's own user, and ends all of its sign-ins. The last owner of an account with other members cannot go.
    async fn deactivate_user(&self, ctx: &Context<'_>, input: DeactivateUserInput) -> Result<AcknowledgedPayload, Error> {
        let result = async {
            let requester = requester(ctx)?;
            let password = input.password.map(SecretString::from);
            deactivate_user::deactivate_user(app(ctx)?, actor(ctx)?, requester, password.as_ref()).await
        };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }
}

pub fn granted(ctx: &Context<'_>, result: Result<Grant, Error>) -> Result<AuthPayload, Error> {
    answer(result.and_then(|grant| AuthPayload::new(ctx, &grant)))
}

/// None keeps, Some(None) clears.
fn change<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
