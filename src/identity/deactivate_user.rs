//! `deactivateUser`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::change_password::confirm_password;
use super::email_token::end_mailed;
use super::requesters;
use super::sign_in::SignIn;
use super::user::Secret;
use crate::app::App;
use crate::billing::subscription::Subscription;
use crate::db::Conn;
use crate::db::schema::{accounts, memberships, users};
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, UserId};

/// One's own user. Nothing is deleted: what they wrote stays theirs, and they can be reactivated.
pub async fn deactivate_user(app: &App, actor: &Actor, from: &Requester, password: Option<&SecretString>) -> Result<(), Error> {
    let secret = Secret::find(&mut *app.db.conn().await?, actor.user).await?.ok_or(Error::Unauthenticated)?;
    app.limits.check_login(from.address, &secret.email).await?;
    confirm_password(app, actor, &secret, password).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            keep_owners(conn, actor.user).await?;
            Secret::find_and_lock(conn, actor.user).await?;
            diesel::update(users::table.find(actor.user))
                .set((users::deactivated_at.eq(now), users::updated_at.eq(now)))
                .execute(conn)
                .await?;
            SignIn::end_all(conn, actor.user, None, now).await?;
            end_mailed(conn, actor.user).await?;
            audit::record(conn, &Entry::by(actor, "deactivateUser", now).from(from)).await?;
            requesters::announce_in_txn(conn, actor.user).await
        })
        .await?;
    app.requesters.forget(actor.user);
    Ok(())
}

/// Refuses to leave people in an account without an owner. The person's accounts stay locked until the transaction ends, so that two
/// owners cannot leave at once, and nobody is made an owner while they leave.
async fn keep_owners(conn: &mut Conn, user: UserId) -> Result<(), Error> {
    let theirs = memberships::table.filter(memberships::user_id.eq(user)).select(memberships::account_id);
    let theirs: Vec<AccountId> = theirs.load(conn).await?;
    let locked: Vec<(AccountId, String)> = accounts::table
        .filter(accounts::id.eq_any(theirs))
        .order(accounts::id)
        .select((accounts::id, accounts::name))
        .for_no_key_update()
        .load(conn)
        .await?;
    for (account, name) in locked {
        let members: Vec<(UserId, String)> = memberships::table
            .inner_join(users::table)
            .filter(memberships::account_id.eq(account))
            .filter(memberships::user_id.eq(user).or(users::deactivated_at.is_null()))
            .select((memberships::user_id, memberships::role))
            .load(conn)
            .await?;
        let owner = Role::Owner.as_str();
        let (own, others): (Vec<_>, Vec<_>) = members.iter().partition(|(member, _)| *member == user);
        let owns = own.iter().any(|(_, role)| role == owner);
        if owns
            && others.is_empty()
            && Subscription::of_account(conn, account).await?.iter().any(|one| one.is_live() && one.cancel_at.is_none())
        {
            let message = format!("`{name}` pays for a subscription, and nobody else could end it: cancel it first.");
            return Err(Refusal::new(Code::WrongState, message).into());
        }
        if owns && !others.is_empty() && !others.iter().any(|(_, role)| role == owner) {
            let message = format!("You are the last owner of `{name}`, which has other members.");
            return Err(Refusal::new(Code::LastOwner, message).into());
        }
    }
    Ok(())
}
