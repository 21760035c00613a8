//! A subscription tells that it has a schedule, and not what that will change it to. Whoever makes the schedule notes it; where that was
//! not heard of, or the schedule was made elsewhere, it is read.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::derive::Bought;
use super::subscription::Subscription;
use super::{catalogue, jobs, locked};
use crate::app::App;
use crate::db::notices::Notice;
use crate::db::schema::subscriptions;
use crate::error::Error;
use crate::stripe::object;
use crate::stripe::object::field::text;

/// What somebody has just told Stripe to change it to.
pub async fn note_scheduled(app: &App, row: &Subscription, next: &Bought) -> Result<(), Error> {
    write(app, row, Some(next), |_| true).await
}

/// What Stripe was told to change it to, and has not answered: it is read again.
pub async fn forget_scheduled(app: &App, row: &Subscription) -> Result<(), Error> {
    write(app, row, None, |_| true).await
}

/// What was read of a schedule.
pub async fn note_read(app: &App, row: &Subscription, schedule: &Value) -> Result<(), Error> {
    let items = object::scheduled(schedule);
    let items: Vec<_> = items.iter().collect();
    let bought = catalogue::bought(&*app.db.conn().await?, &items).await?;
    let Some(next) = bought.into_iter().flatten().next() else { return Ok(()) };
    // Meanwhile it may have been taken back, or noted; and not every schedule changes what is told here.
    let news = |row: &Subscription| row.is_to_be_read() && row.schedule() == text(schedule, "id") && next != row.bought();
    write(app, row, Some(&next), news).await?;
    app.notices.publish(Notice::Billing(row.account_id));
    Ok(())
}

/// Under the customer's lock: an event writes the whole row as it has read it.
async fn write(
    app: &App,
    row: &Subscription,
    next: Option<&Bought>,
    wanted: impl Fn(&Subscription) -> bool + Send + Sync,
) -> Result<(), Error> {
    let id = row.provider_subscription_id.as_deref().unwrap_or_default();
    let key = row.provider_customer_id.as_deref().unwrap_or(id);
    let noted = locked::transaction(app, key, async |conn| {
        let row = Subscription::lock(conn, id).await?;
        if row.is_none_or(|row| !wanted(&row)) {
            return Ok(());
        }
        diesel::update(subscriptions::table.filter(subscriptions::provider_subscription_id.eq(id)))
            .set((
                subscriptions::pending_plan_id.eq(next.map(|next| next.plan)),
                subscriptions::pending_interval.eq(next.and_then(|next| next.interval.as_deref())),
                subscriptions::pending_seats.eq(next.map(|next| next.seats)),
                subscriptions::updated_at.eq(app.clock.now()),
            ))
            .execute(conn)
            .await?;
        match next {
            Some(_) => Ok(()),
            None => jobs::refetch_later(conn, app, id).await,
        }
    });
    Ok(noted.await?)
}
