//! `switchAccount`.

use super::actor::{Actor, Requester};
use super::grant::Grant;
use super::membership::Membership;
use super::refresh_token::RefreshToken;
use super::sign_in::SignIn;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;

/// The same device, from now on speaking for another of the person's accounts. What it held before is replaced.
pub async fn switch_account(app: &App, actor: &Actor, from: &Requester, to: AccountId) -> Result<Grant, Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let Some(member) = Membership::find(conn, to, actor.user).await? else {
                return Err(Refusal::at(Code::NotFound, "accountId", "You belong to no such account.").into());
            };
            if SignIn::find_and_lock(conn, actor.sign_in).await?.is_none() {
                return Err(Error::Unauthenticated);
            }
            SignIn::used(conn, actor.sign_in, to, from, now).await?;
            let refresh_token = RefreshToken::replace(conn, actor.sign_in, now).await?;
            Ok(Grant { actor: Actor { account: to, role: member.role, ..*actor }, refresh_token })
        })
        .await
}
