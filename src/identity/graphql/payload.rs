//! What mutations about people answer.

use async_graphql::{Context, SimpleObject};
use secrecy::ExposeSecret;

use super::user::UserObject;
use super::viewer::Viewer;
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError};
use crate::graphql::{app, requester};
use crate::identity::grant::Grant;
use crate::identity::{cookie, token};

/// Tokens for a device. Browsers (requests with an Origin) get the refresh token as an httpOnly cookie, and null in `refreshToken`.
#[derive(SimpleObject)]
pub struct AuthPayload {
    /// Who is signed in now.
    viewer: Option<Viewer>,
    /// For the `Authorization` header: `Bearer …`.
    access_token: Option<String>,
    /// Seconds until the access token expires.
    expires_in: Option<i64>,
    /// Good for one use; null for browsers, which keep it as a cookie.
    refresh_token: Option<String>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl AuthPayload {
    pub fn new(ctx: &Context<'_>, grant: &Grant) -> Result<Self, Error> {
        let app = app(ctx)?;
        let mut refresh_token = Some(grant.refresh_token.expose_secret().to_owned());
        if requester(ctx)?.browser {
            ctx.append_http_header("set-cookie", cookie::set(&app.config, &grant.refresh_token));
            refresh_token = None;
        }
        Ok(Self {
            viewer: Some(Viewer(grant.actor)),
            access_token: Some(grant.access_token(app)?),
            expires_in: Some(token::LIFETIME.num_seconds()),
            refresh_token,
            user_errors: Vec::new(),
        })
    }
}

impl Payload for AuthPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { viewer: None, access_token: None, expires_in: None, refresh_token: None, user_errors }
    }
}

/// That a request was accepted, and nothing more.
#[derive(SimpleObject)]
pub struct AcknowledgedPayload {
    /// False only with `userErrors`.
    acknowledged: bool,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl AcknowledgedPayload {
    pub fn new() -> Self {
        Self { acknowledged: true, user_errors: Vec::new() }
    }
}

impl Payload for AcknowledgedPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { acknowledged: false, user_errors }
    }
}

/// A person, changed.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// As they are now.
    user: Option<UserObject>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl UserPayload {
    pub fn new(user: UserObject) -> Self {
        Self { user: Some(user), user_errors: Vec::new() }
    }
}

impl Payload for UserPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { user: None, user_errors }
    }
}
