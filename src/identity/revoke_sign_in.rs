//! `revokeSignIn`.

use super::actor::{Actor, Requester};
use super::audit::{self, Entry};
use super::pending_email::PendingEmail;
use super::requesters;
use super::sign_in::SignIn;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, SignInId};

/// Signs one of the person's own devices out, be it the one that asks.
pub async fn revoke_sign_in(app: &App, actor: &Actor, from: &Requester, id: SignInId) -> Result<(), Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            if !SignIn::end_own(conn, actor.user, id, now).await? {
                return Err(Refusal::at(Code::NotFound, "id", "You are signed in on no such device.").into());
            }
            // Whoever was signed in there may have asked for it.
            PendingEmail::end(conn, actor.user).await?;
            audit::record(conn, &Entry::by(actor, "revokeSignIn", now).about(id.encode()).from(from)).await?;
            requesters::announce_in_txn(conn, actor.user).await
        })
        .await?;
    app.requesters.forget(actor.user);
    Ok(())
}
