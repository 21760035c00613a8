//! `changeMemberRole`.

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::invitation::Invitation;
use super::membership::Membership;
use super::requesters;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};

/// Nobody gives a role above their own, or changes somebody above them. It counts at once, in every process.
pub async fn change_member_role(app: &App, actor: &Actor, from: &Requester, user: UserId, role: Role) -> Result<Membership, Error> {
    actor.require(Role::Admin)?;
    let now = app.clock.now();
    let member = app
        .db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Admin).await?;
            let member = Membership::require(conn, account.id, user, "userId").await?;
            if member.role == role {
                return Ok(member);
            }
            if member.role > actor.role || role > actor.role {
                return Err(Refusal::new(Code::Forbidden, "Only an owner makes somebody an owner, or changes the role of one.").into());
            }
            if member.role == Role::Owner {
                member.require_other_owner(conn).await?;
            }
            let changed = member.set_role(conn, role).await?;
            if role < Role::Admin {
                Invitation::end_by(conn, account.id, user, now).await?;
            }
            let subject = format!("{}: {} to {}", user.encode(), member.role.as_str(), role.as_str());
            audit::record(conn, &Entry::by(&actor, "changeMemberRole", now).about(subject).from(from)).await?;
            requesters::announce_in_txn(conn, user).await?;
            Ok(changed)
        })
        .await?;
    app.requesters.forget(user);
    Ok(member)
}
