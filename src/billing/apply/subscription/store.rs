//! Where a subscription's state is written: which row, and whether it counts.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::super::subscription::{Status, Subscription};
use crate::db::Conn;
use crate::error::Error;
use crate::staff::alerts::{self, Kind};

/// How far Stripe's clock may be behind ours.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Writes `row`. `rows` are all of the account, `known` is the one among them that shows this subscription so far. `born`: when the
/// subscription was made at Stripe.
///
/// A local row (a trial of ours) *becomes* the Stripe one as soon as that gives access, so that nothing is lost in between; until then
/// they stand beside each other. An old subscription that is heard of late takes nothing over.
pub async fn store(
    conn: &mut Conn,
    rows: &[Subscription],
    known: Option<&Subscription>,
    mut row: Subscription,
    born: Option<DateTime<Utc>>,
) -> Result<Subscription, Error> {
    let now = row.updated_at;
    let others = || rows.iter().filter(|other| other.provider_subscription_id != row.provider_subscription_id && !other.is_local());
    let another_counts = others().any(|other| other.is_live() && other.is_primary);
    row.is_primary = !another_counts;

    let waits = |status: Status| matches!(status, Status::Incomplete | Status::IncompleteExpired);
    let local = rows.iter().find(|other| other.is_local());
    let takes_over = !waits(row.status) && row.is_primary && known.is_none_or(|known| waits(known.status));
    match local.filter(|local| takes_over && born.is_none_or(|born| born + SKEW >= local.created_at)) {
        Some(local) => {
            if let Some(known) = known {
                Subscription::delete(conn, known.id).await?;
            }
            row.id = local.id;
            row.created_at = local.created_at;
            Subscription::update(conn, row.clone()).await?;
        }
        None if known.is_some() => Subscription::update(conn, row.clone()).await?,
        None => Subscription::insert(conn, row.clone()).await?,
    }
    if !row.is_live() && !another_counts {
        succeed(conn, &row).await?;
    }
    report(conn, known, &row, now).await?;
    Ok(row)
}

/// Of what else the account pays for, the oldest counts once this one is over. Read anew: while we waited for the rows, one more may have
/// come.
async fn succeed(conn: &mut Conn, over: &Subscription) -> Result<(), Error> {
    let rows = Subscription::lock_all(conn, over.account_id).await?;
    let Some(successor) = rows.iter().find(|other| other.is_live()) else { return Ok(()) };
    let counts = Subscription { is_primary: true, ..successor.clone() };
    report(conn, Some(successor), &counts, over.updated_at).await?;
    Ok(Subscription::update(conn, counts).await?)
}

/// Somebody should look at an account that pays twice.
async fn report(conn: &mut Conn, known: Option<&Subscription>, row: &Subscription, now: DateTime<Utc>) -> Result<(), Error> {
    let Some(id) = row.provider_subscription_id.as_deref() else { return Ok(()) };
    if row.is_live() && !row.is_primary {
        let message = format!("The subscription {id} belongs to an account that has another one: end one of the two at Stripe.");
        alerts::open(conn, Kind::SecondSubscription, id, &message, now).await?;
    } else if known.is_some_and(|known| known.is_live() && !known.is_primary) {
        alerts::close(conn, Kind::SecondSubscription, id, now).await?;
    }
    Ok(())
}
