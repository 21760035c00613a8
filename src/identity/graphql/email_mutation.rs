//! Mutations about a person's address, and what is mailed to it.

use async_graphql::{Context, InputObject, Object};
use secrecy::SecretString;

use super::mutation::granted;
use super::payload::{AcknowledgedPayload, AuthPayload, UserPayload};
use super::user::UserObject;
use crate::error::Error;
use crate::graphql::payload::answer;
use crate::graphql::{actor, app, requester};
use crate::identity::{
    change_email, request_email_verification, request_password_reset, request_sign_in_code, reset_password, sign_in_with_code, verify_email,
};

/// The proof of an address.
#[derive(InputObject)]
struct VerifyEmailInput {
    /// From the mail's link; good for one use within 24 hours.
    token: String,
}

/// Where mail will reach the viewer.
#[derive(InputObject)]
struct ChangeEmailInput {
    /// Where the link goes.
    email: String,
    /// Required for users who have one.
    password: Option<String>,
}

/// Who has forgotten their password.
#[derive(InputObject)]
struct RequestPasswordResetInput {
    /// Where to send the link, if somebody here has this address.
    email: String,
}

/// The proof, and the new password.
#[derive(InputObject)]
struct ResetPasswordInput {
    /// From the mail's link; good for one use within 30 minutes.
    token: String,
    /// 8 to 200 characters.
    new_password: String,
}

/// Who wants to sign in.
#[derive(InputObject)]
struct RequestSignInCodeInput {
    /// Where to send the code, if somebody here has verified this address.
    email: String,
}

/// Who one says to be, and the proof.
#[derive(InputObject)]
struct SignInWithCodeInput {
    /// Where the code was sent.
    email: String,
    /// Six digits, good for one use within 10 minutes and for 5 tries. Only the latest counts.
    code: String,
}

#[derive(Default)]
pub struct EmailMutation;

#[Object]
impl EmailMutation {
    /// Sends another mail that asks for proof of the viewer's address. One that is verified gets none.
    async fn request_email_verification(&self, ctx: &Context<'_>) -> Result<AcknowledgedPayload, Error> {
        let result = async {
            let requester = requester(ctx)?;
            request_email_verification::request_email_verification(app(ctx)?, actor(ctx)?, requester).await
        };
        answer(result.await.map(|()| AcknowledgedPayload::new()))
    }

    /// Proves that an address is its user's; one that `changeEmail` has asked for becomes theirs with it. Whoever shows the token need not be
    /// signed in.
    async fn verify_email(&self, ctx: &Context<'_>, input: VerifyEmailInput) -> Result<UserPayload, Error> {
        let result = async { verify_email::verify_email(app(ctx)?, requester(ctx)?, &input.token.into()).await }.await;
        answer(result.map(|user| UserPayload::new(UserObject::oneself(user))))
    }

    /// Sends a link to another address, which becomes the viewer's once `verifyEmail` is called with the link's token. Nothing changes before;
    /// then the old address is told, if it was verified. The answer does not tell whether the address is somebody's.
    async fn change_email(&self, ctx: &Context<'_>, input: ChangeEmailInput) -> Result<UserPayload, Error> {
        let password = input.password.map(SecretString::from);
        let result = async {
            let requester = requester(ctx)?;
            change_email::change_email(app(ctx)?, actor(ctx)?, requester, &input.email, password.as_ref()).await
        };
        answer(result.await.map(|user| UserPayload::new(UserObject::oneself(user))))
    }

    /// Sends a link to choose a new password with. The answer does not tell whether the address is known.
    async fn request_password_reset(&self, ctx: &Context<'_>, input: RequestPasswordResetInput) -> Result<AcknowledgedPayload, Error> {
        let result = async { request_password_reset::request_password_reset(app(ctx)?, requester(ctx)?, &input.email).await }.await;
        answer(result.map(|()| AcknowledgedPayload::new()))
    }

    /// Sets a new password, ends every sign-in, and tells so by mail.
    async fn reset_password(&self, ctx: &Context<'_>, input: ResetPasswordInput) -> Result<AcknowledgedPayload, Error> {
        let (token, new) = (input.token.into(), input.new_password.into());
        let result = async { reset_password::reset_password(app(ctx)?, requester(ctx)?, &token, &new).await }.await;
        answer(result.map(|()| AcknowledgedPayload::new()))
    }

    /// Sends a code to sign in with. The answer does not tell whether the address is known.
    async fn request_sign_in_code(&self, ctx: &Context<'_>, input: RequestSignInCodeInput) -> Result<AcknowledgedPayload, Error> {
        let result = async { request_sign_in_code::request_sign_in_code(app(ctx)?, requester(ctx)?, &input.email).await }.await;
        answer(result.map(|()| AcknowledgedPayload::new()))
    }

    /// Tokens for a device, in exchange for a code.
    async fn sign_in_with_code(&self, ctx: &Context<'_>, input: SignInWithCodeInput) -> Result<AuthPayload, Error> {
        granted(ctx, async { sign_in_with_code::sign_in_with_code(app(ctx)?, requester(ctx)?, &input.email, &input.code).await }.await)
    }
}
