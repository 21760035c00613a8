//! How much of its plan an account uses, counted where a limit can be checked without a race: under the account's row lock.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::plan::{Limit, LimitKey, Plan};
use crate::db::Conn;
use crate::db::schema::{accounts, session_usage, trees};
use crate::error::{Code, Detail, Error, Refusal};
use crate::id::AccountId;
use crate::identity::invitation::Invitation;
use crate::identity::membership::Membership;

/// For whoever is about to use one more: refuses if that is one too many. The account stays locked until the transaction ends.
pub async fn lock_and_check(conn: &mut Conn, account: AccountId, key: LimitKey, now: DateTime<Utc>) -> Result<(), Error> {
    let query = accounts::table.find(account).select(accounts::plan).for_no_key_update();
    let plan = Plan::find(&query.first::<String>(conn).await?);
    let Some(max) = plan.max(key) else { return Ok(()) };
    let used = used(conn, account, key, now).await?;
    if used < max { Ok(()) } else { Err(reached(plan, Limit { key, max: Some(max), used })) }
}

/// For an invitation that is being accepted: its seat is its own, so only people count. The account stays locked, as above.
pub async fn lock_and_check_joining(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> Result<(), Error> {
    let query = accounts::table.find(account).select(accounts::plan).for_no_key_update();
    let plan = Plan::find(&query.first::<String>(conn).await?);
    let Some(max) = plan.seats else { return Ok(()) };
    if Membership::count(conn, account).await? < i64::from(max) {
        return Ok(());
    }
    let used = used(conn, account, LimitKey::Seats, now).await?;
    Err(reached(plan, Limit { key: LimitKey::Seats, max: Some(max), used }))
}

/// Every limit of an account's plan, and how much of it is used.
pub async fn limits(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> Result<Vec<Limit>, Error> {
    let plan = Plan::find(&accounts::table.find(account).select(accounts::plan).first::<String>(conn).await?);
    let mut limits = Vec::new();
    for key in [LimitKey::Seats, LimitKey::Trees, LimitKey::SessionsPerMonth] {
        limits.push(Limit { key, max: plan.max(key), used: used(conn, account, key, now).await? });
    }
    Ok(limits)
}

/// Counts one more session of this month, or refuses it. One statement does both, and its row lock makes a race have one winner.
pub async fn start_session(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> Result<(), Error> {
    let plan = Plan::find(&accounts::table.find(account).select(accounts::plan).first::<String>(conn).await?);
    let started: i32 = diesel::insert_into(session_usage::table)
        .values((session_usage::account_id.eq(account), session_usage::month.eq(month(now)), session_usage::started.eq(1)))
        .on_conflict((session_usage::account_id, session_usage::month))
        .do_update()
        .set(session_usage::started.eq(session_usage::started + 1))
        .returning(session_usage::started)
        .get_result(conn)
        .await?;
    match plan.sessions_per_month {
        // The refusal rolls the count back.
        Some(max) if started > max => Err(reached(plan, Limit { key: LimitKey::SessionsPerMonth, max: Some(max), used: max })),
        _ => Ok(()),
    }
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

fn reached(plan: &Plan, limit: Limit) -> Error {
    let what = match limit.key {
        LimitKey::Seats => "people",
        LimitKey::Trees => "trees",
        LimitKey::SessionsPerMonth => "sessions a month",
    };
    let max = limit.max.unwrap_or_default();
    let message = format!("The {} plan allows {max} {what}, and all are used.", plan.key);
    Refusal { detail: Detail::Limit(limit), ..Refusal::new(Code::PlanLimit, message) }.into()
}

/// The first day of the month, in UTC.
fn month(now: DateTime<Utc>) -> NaiveDate {
    let today = now.date_naive();
    today.with_day(1).unwrap_or(today)
}
