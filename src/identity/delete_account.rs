//! `deleteAccount`: sets the day. `erase_account.rs` does it within the hour, unless `restoreAccount` comes before.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::membership::Membership;
use crate::app::App;
use crate::billing::subscription::Subscription;
use crate::billing::subscription_change::SubscriptionChange;
use crate::db::schema::accounts;
use crate::error::{Code, Error, Refusal};
use crate::jobs::{self, Job};

/// How long an owner can change their mind.
pub const GRACE: TimeDelta = TimeDelta::days(7);

/// Until the day comes, the account works as before, but nobody can join it. All its owners are told.
pub async fn delete_account(app: &App, actor: &Actor, from: &Requester, confirm_name: &str) -> Result<(), Error> {
    actor.require(Role::Owner)?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Owner).await?;
            if confirm_name.trim() != account.name {
                let message = format!("`confirmName` must be the account's name, `{}`.", account.name);
                return Err(Refusal::at(Code::Invalid, "confirmName", message).into());
            }
            if account.deletes_at.is_some() {
                return Err(Refusal::new(Code::WrongState, "This account is about to be deleted already.").into());
            }
            // Before the subscriptions are read: what is not under way any more is in them.
            if SubscriptionChange::resumes(conn, account.id, now).await? {
                let message = "Somebody has just asked for the subscription to be resumed: look again in a minute.";
                return Err(Refusal::new(Code::WrongState, message).into());
            }
            let deletes_at = now + GRACE;
            let paid = Subscription::of_account(conn, account.id).await?;
            if paid.iter().any(|one| one.is_live() && one.cancel_at.is_none_or(|end| end > deletes_at)) {
                let message = "The account pays for a subscription: cancel it at once first, or it would be charged on.";
                return Err(Refusal::new(Code::WrongState, message).into());
            }
            diesel::update(accounts::table.find(account.id)).set(accounts::deletes_at.eq(deletes_at)).execute(conn).await?;
            for user in Membership::owners(conn, account.id).await? {
                jobs::enqueue(conn, &Job::MailAccountDeletion { account: account.id, user }, None).await?;
            }
            Ok(audit::record(conn, &Entry::by(&actor, "deleteAccount", now).from(from)).await?)
        })
        .await
}
