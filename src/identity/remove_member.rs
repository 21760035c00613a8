//! `removeMember`.

use super::account::{self, Account};
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::invitation::Invitation;
use super::membership::Membership;
use super::requesters;
use super::user::Secret;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};

/// Takes somebody out of the account, or lets the actor leave. It counts at once, in every process. Everything that they made stays:
/// their sessions, where those stand, can be read and handed over by others. Whoever belonged to no other account gets one of their
/// own, so that they can still sign in.
pub async fn remove_member(app: &App, actor: &Actor, from: &Requester, user: UserId) -> Result<(), Error> {
    let needed = if user == actor.user { Role::Technician } else { Role::Admin };
    actor.require(needed)?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, needed).await?;
            let member = Membership::require(conn, account.id, user, "userId").await?;
            if member.role > actor.role {
                return Err(Refusal::new(Code::Forbidden, "Only an owner removes an owner.").into());
            }
            if member.role == Role::Owner {
                member.require_other_owner(conn).await?;
            }
            let person = Secret::find_and_lock(conn, user).await?.ok_or_else(|| Error::internal("a member without a user"))?;
            member.delete(conn).await?;
            Invitation::end_by(conn, account.id, user, now).await?;
            if Membership::of_user(conn, user).await?.is_empty() {
                Account::create(conn, &account::default_name(&person.username), user, now).await?;
            }
            audit::record(conn, &Entry::by(&actor, "removeMember", now).about(user.encode()).from(from)).await?;
            requesters::announce_in_txn(conn, user).await
        })
        .await?;
    app.requesters.forget(user);
    Ok(())
}
