//! `refreshTokens`.

use secrecy::SecretString;

use super::actor::{Actor, Requester, Standing};
use super::audit::{self, Entry};
use super::grant::Grant;
use super::membership::Membership;
use super::refresh_token::RefreshToken;
use super::requesters;
use super::sign_in::SignIn;
use super::user::Secret;
use crate::app::App;
use crate::db::Conn;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};

enum Outcome {
    Renewed(Grant),
    /// Shown twice: its family has ended.
    Replayed(UserId),
    Refused,
}

/// Each token is good for one use; a second use ends the sign-in that it belongs to.
pub async fn refresh_tokens(app: &App, from: &Requester, token: Option<SecretString>) -> Result<Grant, Error> {
    let Some(token) = token.or_else(|| from.refresh_cookie.clone().map(SecretString::from)) else {
        return Err(Refusal::at(Code::Required, "refreshToken", "There is neither a `refreshToken` nor the cookie that holds one.").into());
    };
    // A refusal would roll back: that a family has ended must be committed.
    match app.db.transaction(async |conn| renew(conn, app, from, &token).await).await? {
        Outcome::Renewed(grant) => Ok(grant),
        Outcome::Replayed(user) => {
            app.requesters.forget(user);
            tracing::warn!(?user, "a refresh token was used twice; its sign-in has ended");
            Err(expired())
        }
        Outcome::Refused => Err(expired()),
    }
}

async fn renew(conn: &mut Conn, app: &App, from: &Requester, token: &SecretString) -> Result<Outcome, Error> {
    let now = app.clock.now();
    let Some(known) = RefreshToken::find(conn, token).await? else { return Ok(Outcome::Refused) };
    let Some(sign_in) = SignIn::find(conn, known.sign_in_id).await? else { return Ok(Outcome::Refused) };
    // The user first, then the sign-in: in this order everything locks them.
    let Some(user) = Secret::find_and_hold(conn, sign_in.user_id).await?.filter(|user| user.deactivated_at.is_none()) else {
        return Ok(Outcome::Refused);
    };
    let Some(sign_in) = SignIn::find_and_lock(conn, sign_in.id).await? else { return Ok(Outcome::Refused) };
    if !RefreshToken::take(conn, token, now).await? {
        let used = RefreshToken::find(conn, token).await?.is_some_and(|token| token.used_at.is_some());
        if !used {
            return Ok(Outcome::Refused);
        }
        SignIn::end(conn, sign_in.id, now).await?;
        // Nobody knows who showed it.
        let entry = Entry { account: Some(sign_in.account_id), ..Entry::new("refreshTokenReused", now) };
        audit::record(conn, &entry.about(user.id.encode()).from(from)).await?;
        requesters::announce_in_txn(conn, user.id).await?;
        return Ok(Outcome::Replayed(user.id));
    }
    // Whoever was removed from the account that the sign-in spoke for goes on in another of theirs.
    let memberships = Membership::of_user(conn, user.id).await?;
    let same = memberships.iter().find(|member| member.account_id == sign_in.account_id);
    let Some(member) = same.or(memberships.first()) else { return Ok(Outcome::Refused) };
    SignIn::used(conn, sign_in.id, member.account_id, from, now).await?;
    let refresh_token = RefreshToken::create(conn, sign_in.id, now).await?;
    let Standing { verified, staff } = user.standing(&app.config);
    let actor = Actor { user: user.id, account: member.account_id, role: member.role, sign_in: sign_in.id, verified, staff };
    Ok(Outcome::Renewed(Grant { actor, refresh_token }))
}

fn expired() -> Error {
    Refusal::new(Code::TokenExpired, "This refresh token is unknown, used, ended or too old; sign in again.").into()
}
