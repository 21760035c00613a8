//! What a new account begins with: a trial, once for each mailbox; else the free plan.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};

use super::plan::{Plan, TRIAL};
use super::subscription::{Status, Subscription};
use crate::db::Conn;
use crate::db::schema::trial_grants;
use crate::error::Error;
use crate::id::AccountId;

/// Grants the trial if this mailbox has never had one.
pub async fn start_trial_in_txn(conn: &mut Conn, account: AccountId, email: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let Some(plan) = Plan::find(conn, TRIAL).await?.filter(|plan| plan.on_sale && plan.trial_days > 0) else { return Ok(()) };
    if !remember_trial(conn, account, email, now).await? {
        return Ok(());
    }
    let end = now + TimeDelta::days(plan.trial_days.into());
    let trial = Subscription { status: Status::Trialing, trial_end: Some(end), ..Subscription::local(account, plan.id, now) };
    Ok(Subscription::insert(conn, trial).await?)
}

/// Whoever reads this mailbox has had their trial, here or at Stripe. Returns false if that was known.
pub async fn remember_trial(conn: &mut Conn, account: AccountId, email: &str, now: DateTime<Utc>) -> QueryResult<bool> {
    diesel::insert_into(trial_grants::table)
        .values((trial_grants::mailbox.eq(mailbox(email)), trial_grants::account_id.eq(account), trial_grants::created_at.eq(now)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await
        .map(|granted| granted > 0)
}

/// A plan without charge and without end.
pub async fn give_in_txn(conn: &mut Conn, account: AccountId, key: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let plan = Plan::find(conn, key).await?.ok_or_else(|| Error::internal(format!("there is no plan {key}")))?;
    Ok(Subscription::insert(conn, Subscription::local(account, plan.id, now)).await?)
}

/// How a mailbox is recognised. The address itself is not kept: this outlives the account.
pub fn mailbox(email: &str) -> Vec<u8> {
    Sha256::digest(normalised(email)).to_vec()
}

/// The mailbox, without what lets one have many addresses: case, what follows a plus, and at Google also dots.
pub fn normalised(email: &str) -> String {
    let email = email.to_lowercase();
    let Some((local, domain)) = email.rsplit_once('@') else { return email };
    let local = local.split('+').next().unwrap_or(local);
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    }
}
