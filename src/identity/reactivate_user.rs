//! `reactivateUser`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::membership::Membership;
use super::user::User;
use crate::app::App;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};

/// By an admin of an account that the person belongs to, or by staff. What they were signed in on has ended: they sign in again.
pub async fn reactivate_user(app: &App, actor: &Actor, from: &Requester, user: UserId) -> Result<User, Error> {
    if !actor.staff {
        actor.require(Role::Admin)?;
    }
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let actor = match actor.staff {
                true => *actor,
                false => Account::lock_for(conn, actor, Role::Admin).await?.1,
            };
            let member = Membership::find(conn, actor.account, user).await?;
            if member.is_none() && !actor.staff {
                return Err(not_found());
            }
            let deactivated = users::table.find(user).filter(users::erased_at.is_null()).filter(users::deactivated_at.is_not_null());
            let reactivated = diesel::update(deactivated)
                .set((users::deactivated_at.eq(None::<chrono::DateTime<chrono::Utc>>), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            let Some(reactivated) = reactivated else {
                let known = users::table.find(user).filter(users::erased_at.is_null()).count().get_result::<i64>(conn).await? > 0;
                let active = Refusal::at(Code::WrongState, "userId", "This person is active.");
                return Err(if known { active.into() } else { not_found() });
            };
            let account = member.map(|member| member.account_id);
            let entry = Entry { account, ..Entry::by(&actor, "reactivateUser", now) };
            audit::record(conn, &entry.about(user.encode()).from(from)).await?;
            Ok(reactivated)
        })
        .await
}

fn not_found() -> Error {
    Refusal::at(Code::NotFound, "userId", "This person is no member of the account.").into()
}
