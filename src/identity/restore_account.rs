//! `restoreAccount`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::membership::Membership;
use crate::app::App;
use crate::db::schema::accounts;
use crate::error::{Code, Error, Refusal};
use crate::jobs::{self, Job};

/// Undoes `deleteAccount`, within its week. All owners are told.
pub async fn restore_account(app: &App, actor: &Actor, from: &Requester) -> Result<Account, Error> {
    actor.require(Role::Owner)?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Owner).await?;
            if account.deletes_at.is_none() {
                return Err(Refusal::new(Code::WrongState, "This account is not about to be deleted.").into());
            }
            diesel::update(accounts::table.find(account.id)).set(accounts::deletes_at.eq(None::<DateTime<Utc>>)).execute(conn).await?;
            for user in Membership::owners(conn, account.id).await? {
                jobs::enqueue(conn, &Job::MailAccountRestored { account: account.id, user }, None).await?;
            }
            audit::record(conn, &Entry::by(&actor, "restoreAccount", now).from(from)).await?;
            Ok(Account { deletes_at: None, ..account })
        })
        .await
}
