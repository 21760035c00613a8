//! `signOut`.

use secrecy::SecretString;

use super::actor::Requester;
use super::audit::{self, Entry};
use super::pending_email::PendingEmail;
use super::refresh_token::RefreshToken;
use super::requesters;
use super::sign_in::SignIn;
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::{AccountId, SignInId, UserId};

/// Ends the sign-in of the given refresh token, else of the access token, else of the cookie; `everywhere` ends all of that
/// person's. Whoever is signed out already stays so, and is told the same.
pub async fn sign_out(app: &App, from: &Requester, token: Option<SecretString>, everywhere: bool) -> Result<(), Error> {
    let now = app.clock.now();
    let cookie = from.refresh_cookie.clone().map(SecretString::from);
    let signed_out = app
        .db
        .transaction(async |conn| {
            let found = match (&token, &from.actor, &cookie) {
                (Some(token), _, _) => device_of(conn, app, token).await?,
                (None, Some(actor), _) => Some(Device { user: actor.user, account: actor.account, sign_in: actor.sign_in, live: true }),
                (None, None, Some(cookie)) => device_of(conn, app, cookie).await?,
                (None, None, None) => None,
            };
            let Some(device) = found else { return Ok(None) };
            let (action, ended) = if everywhere && device.live {
                // Whoever was signed in unwanted may have asked for it.
                PendingEmail::end(conn, device.user).await?;
                ("signOutEverywhere", SignIn::end_all(conn, device.user, None, now).await?)
            } else {
                ("signOut", SignIn::end(conn, device.sign_in, now).await?)
            };
            if ended {
                let entry = Entry { account: Some(device.account), actor: Some(device.user), ..Entry::new(action, now) };
                audit::record(conn, &entry.from(from)).await?;
            }
            requesters::announce_in_txn(conn, device.user).await?;
            Ok(Some(device.user))
        })
        .await?;
    if let Some(user) = signed_out {
        app.requesters.forget(user);
    }
    Ok(())
}

struct Device {
    user: UserId,
    account: AccountId,
    sign_in: SignInId,
    /// An old token may end its own family, as using it would; it does not speak for its person any more.
    live: bool,
}

async fn device_of(conn: &mut Conn, app: &App, token: &SecretString) -> Result<Option<Device>, Error> {
    let Some(token) = RefreshToken::find(conn, token).await? else { return Ok(None) };
    let Some(sign_in) = SignIn::find(conn, token.sign_in_id).await? else { return Ok(None) };
    let live = token.is_usable(app.clock.now()) && sign_in.ended_at.is_none();
    Ok(Some(Device { user: sign_in.user_id, account: sign_in.account_id, sign_in: sign_in.id, live }))
}
