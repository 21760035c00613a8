//! `updateAccount`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::rules;
use crate::app::App;
use crate::db::schema::accounts;
use crate::error::Error;

/// None keeps the name.
pub async fn update_account(app: &App, actor: &Actor, from: &Requester, name: Option<&str>) -> Result<Account, Error> {
    actor.require(Role::Admin)?;
    let name = name.map(|name| rules::name("name", name)).transpose()?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Admin).await?;
            let Some(name) = name.as_ref().filter(|name| **name != account.name) else { return Ok(account) };
            diesel::update(accounts::table.find(account.id)).set(accounts::name.eq(name)).execute(conn).await?;
            let subject = format!("{} to {name}", account.name);
            audit::record(conn, &Entry::by(&actor, "updateAccount", now).about(subject).from(from)).await?;
            Ok(Account { name: name.clone(), ..account })
        })
        .await
}
