//! How much of what it may use an account uses, counted where a limit can be checked without a race: under the account's row lock.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::credit::{self, Cause};
use super::entitlement::{self, Entitlements};
use super::plan::{self, Feature, Limit, LimitKey, Plan};
use crate::db::Conn;
use crate::db::schema::{accounts, session_usage, trees};
use crate::error::{Code, Detail, Error, Refusal};
use crate::id::{AccountId, Id, SessionId};
use crate::identity::invitation::Invitation;
use crate::identity::membership::Membership;

/// For whoever is about to use one more: refuses if that is one too many. The account stays locked until the transaction ends.
pub async fn lock_and_check(conn: &mut Conn, account: AccountId, key: LimitKey, now: DateTime<Utc>) -> Result<(), Error> {
    let entitled = lock(conn, account, now).await?;
    let Some(max) = entitled.max_to_take(key) else { return Ok(()) };
    let used = used(conn, account, key, now).await?;
    if used < max { Ok(()) } else { Err(reached(conn, &entitled, Limit { key, max: Some(max), used }).await?.into()) }
}

/// For an invitation that is being accepted: its seat is its own, so only people count. The account stays locked, as above.
pub async fn lock_and_check_joining(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> Result<(), Error> {
    let entitled = lock(conn, account, now).await?;
    let Some(max) = entitled.max_to_take(LimitKey::Seats) else { return Ok(()) };
    if Membership::count(conn, account).await? < i64::from(max) {
        return Ok(());
    }
    let used = used(conn, account, LimitKey::Seats, now).await?;
    Err(reached(conn, &entitled, Limit { key: LimitKey::Seats, max: Some(max), used }).await?.into())
}

/// The lock first, in a statement of its own: what is read after it is as new as it can be.
async fn lock(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> Result<Entitlements, Error> {
    accounts::table.find(account).select(accounts::id).for_no_key_update().first::<AccountId>(conn).await?;
    entitlement::load(conn, account, now).await
}

/// Refuses what the account's plan does not include, and names the cheapest plan that does.
pub async fn require(conn: &mut Conn, account: AccountId, feature: Feature, now: DateTime<Utc>) -> Result<(), Error> {
    let Err(refusal) = entitlement::load(conn, account, now).await?.require(feature) else { return Ok(()) };
    let on_sale = Plan::on_sale(conn).await?;
    let message = match on_sale.iter().find(|plan| plan.has(feature)) {
        Some(plan) => format!("{} The {} plan does.", refusal.message, plan.name),
        None => refusal.message,
    };
    Err(Refusal { message, ..refusal }.into())
}

/// Every limit of an account, and how much of it is used.
pub async fn limits(conn: &mut Conn, account: AccountId, entitled: &Entitlements, now: DateTime<Utc>) -> Result<Vec<Limit>, Error> {
    let mut limits = Vec::new();
    for key in LimitKey::ALL {
        limits.push(Limit { key, max: entitled.max(key), used: used(conn, account, key, now).await? });
    }
    Ok(limits)
}

/// Counts one more session of this month; beyond the month's allowance it costs a credit, and without one it is refused. One statement
/// counts, and its row lock makes a race have one winner. Whether it cost a credit.
pub async fn start_session(conn: &mut Conn, account: AccountId, session: SessionId, now: DateTime<Utc>) -> Result<bool, Error> {
    let started: i32 = diesel::insert_into(session_usage::table)
        .values((session_usage::account_id.eq(account), session_usage::month.eq(month(now)), session_usage::started.eq(1)))
        .on_conflict((session_usage::account_id, session_usage::month))
        .do_update()
        .set(session_usage::started.eq(session_usage::started + 1))
        .returning(session_usage::started)
        .get_result(conn)
        .await?;
    let entitled = entitlement::load(conn, account, now).await?;
    let Some(max) = entitled.max(LimitKey::SessionsPerMonth).filter(|max| started > *max) else { return Ok(false) };
    let cause = Cause { source: &session.encode(), reason: "a session beyond the month's allowance" };
    if credit::spend(conn, account, 1, cause, now).await? {
        return Ok(true);
    }
    // The refusal rolls the count back.
    let refusal = reached(conn, &entitled, Limit { key: LimitKey::SessionsPerMonth, max: Some(max), used: started - 1 }).await?;
    // Who has never had credits need not be told of them.
    if !credit::had(conn, account).await? {
        return Err(refusal.into());
    }
    let message = format!("{} No credits are left for more.", refusal.message);
    Err(Refusal { code: Code::InsufficientCredits, message, ..refusal }.into())
}

pub async fn used(conn: &mut Conn, account: AccountId, key: LimitKey, now: DateTime<Utc>) -> Result<i32, Error> {
    let count: i64 = match key {
        LimitKey::Seats => Membership::count(conn, account).await? + Invitation::count_open(conn, account, now).await?,
        LimitKey::Trees => trees::table.filter(trees::account_id.eq(account)).count().get_result(conn).await?,
        LimitKey::SessionsPerMonth => {
            let query = session_usage::table.find((account, month(now))).select(session_usage::started);
            query.first::<i32>(conn).await.optional()?.unwrap_or(0).into()
        }
    };
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// The refusal, with the cheapest plan that lifts the limit.
async fn reached(conn: &mut Conn, entitled: &Entitlements, limit: Limit) -> Result<Refusal, Error> {
    let what = match limit.key {
        LimitKey::Seats => "people",
        LimitKey::Trees => "trees",
        LimitKey::SessionsPerMonth => "sessions a month",
    };
    let max = limit.max.unwrap_or_default();
    let plan = &entitled.plan;
    // More seats of the same plan can be bought without changing it.
    let paid = limit.key == LimitKey::Seats && limit.max != plan.max(LimitKey::Seats);
    let message = match entitled.max(limit.key) {
        Some(present) if present != max => format!(
            "A change that waits leaves {max} of the {present} seats of the subscription to the {} plan, and these are used: \
             ask for more, or take it back.",
            plan.name
        ),
        _ if paid => format!("The subscription to the {} plan has {max} seats, and all are used: add seats to it.", plan.name),
        _ => format!("The {} plan allows {max} {what}, and all are used.", plan.name),
    };
    let on_sale = Plan::on_sale(conn).await?;
    let upgrade = if paid { Some(plan) } else { plan::cheapest_for(&on_sale, limit.key, limit.used) };
    let detail = Detail::Limit { limit, upgrade: upgrade.cloned().map(Box::new) };
    Ok(Refusal { detail, ..Refusal::new(Code::PlanLimit, message) })
}

/// The first day of the month, in UTC.
fn month(now: DateTime<Utc>) -> NaiveDate {
    let today = now.date_naive();
    today.with_day(1).unwrap_or(today)
}
