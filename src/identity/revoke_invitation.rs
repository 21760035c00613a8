//! `revokeInvitation`.

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::invitation::Invitation;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::InvitationId;

/// From now on its link is of no use, and its seat is free.
pub async fn revoke_invitation(app: &App, actor: &Actor, from: &Requester, id: InvitationId) -> Result<(), Error> {
    actor.require(Role::Admin)?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Admin).await?;
            let Some(revoked) = Invitation::revoke(conn, account.id, id, now).await? else {
                return Err(Refusal::at(Code::NotFound, "id", "The account has no such invitation that is open.").into());
            };
            Ok(audit::record(conn, &Entry::by(&actor, "revokeInvitation", now).about(revoked.email).from(from)).await?)
        })
        .await
}
