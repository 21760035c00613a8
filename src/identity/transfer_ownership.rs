//! `transferOwnership`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::membership::Membership;
use super::requesters;
use crate::app::App;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};

/// A member becomes an owner, and the actor, who was one, an admin: both or neither.
pub async fn transfer_ownership(app: &App, actor: &Actor, from: &Requester, to: UserId) -> Result<Account, Error> {
    actor.require(Role::Owner)?;
    if to == actor.user {
        return Err(Refusal::at(Code::Invalid, "toUserId", "You own the account already.").into());
    }
    let now = app.clock.now();
    let account = app
        .db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Owner).await?;
            let heir = Membership::require(conn, account.id, to, "toUserId").await?;
            // Deactivating waits for the account's lock, too: there is always an owner who can sign in.
            let active = users::table.find(to).filter(users::deactivated_at.is_null()).select(users::id);
            if active.first::<UserId>(conn).await.optional()?.is_none() {
                return Err(Refusal::at(Code::WrongState, "toUserId", "This person is deactivated.").into());
            }
            let owner = Membership::require(conn, account.id, actor.user, "toUserId").await?;
            heir.set_role(conn, Role::Owner).await?;
            owner.set_role(conn, Role::Admin).await?;
            audit::record(conn, &Entry::by(&actor, "transferOwnership", now).about(to.encode()).from(from)).await?;
            requesters::announce_in_txn(conn, to).await?;
            requesters::announce_in_txn(conn, actor.user).await?;
            Ok(account)
        })
        .await?;
    app.requesters.forget(to);
    app.requesters.forget(actor.user);
    Ok(account)
}
