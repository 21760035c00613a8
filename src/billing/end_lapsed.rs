//! The hourly sweep: a subscription whose period ended days ago, and of which nothing was heard since, ends here too. It is the last
//! resort against access for ever: first Stripe is asked, and what it says counts. What is past due is Stripe's to end.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::apply::{Source, store};
use super::delivery;
use super::jobs;
use super::locked;
use super::mails::{self, BillingMail};
use super::refetch;
use super::subscription::{STRIPE, Status, Subscription};
use crate::app::App;
use crate::db::Conn;
use crate::db::notices::Notice;
use crate::db::schema::subscriptions;
use crate::error::Error;
use crate::stripe::client::{Answer, StripeError};
use crate::stripe::object;

/// Renewals take up to a day, and events may come late.
const GRACE: TimeDelta = TimeDelta::days(3);
/// In one sweep. The next one does the rest.
const BATCH: i64 = 500;

pub async fn end_lapsed(app: &App) -> Result<(), Error> {
    let since = app.clock.now() - GRACE;
    // Made from a checkout, and Stripe has told nothing of it since.
    let unheard = subscriptions::current_period_end.is_null().and(subscriptions::updated_at.lt(since));
    let lapsed: Vec<Subscription> = subscriptions::table
        .filter(subscriptions::provider.eq(STRIPE))
        .filter(subscriptions::status.eq_any([Status::Trialing.as_str(), Status::Active.as_str()]))
        .filter(subscriptions::current_period_end.lt(since).or(unheard))
        .order(subscriptions::current_period_end)
        .limit(BATCH)
        .select(Subscription::as_select())
        .load(&mut *app.db.conn().await?)
        .await?;
    for row in lapsed {
        end(app, row).await?;
    }
    Ok(())
}

async fn end(app: &App, row: Subscription) -> Result<(), Error> {
    let Some(id) = row.provider_subscription_id.as_deref() else { return Ok(()) };
    match refetch::read(app, id).await {
        Ok(answer) => {
            let outcome = refetch::apply_subscription(app, &answer, Source::Refetch).await?;
            // Of a customer who was deleted nothing is applied any more; what is over at Stripe is over here all the same.
            if outcome.status != delivery::Status::Tombstone || !is_over(&answer) {
                return Ok(());
            }
        }
        Err(StripeError::Refused(refused)) if refused.is_missing() => {
            tracing::warn!(subscription = id, "Stripe does not know a lapsed subscription")
        }
        // Nobody but Stripe knows when its period ends.
        Err(error) if row.current_period_end.is_none() => {
            tracing::warn!(subscription = id, ?error, "a subscription that was never heard of goes on until Stripe can be asked");
            return Ok(());
        }
        Err(error) => tracing::warn!(subscription = id, ?error, "a lapsed subscription ends without having asked Stripe"),
    }
    let key = row.provider_customer_id.as_deref().unwrap_or(id);
    let ended = locked::transaction(app, key, async |conn| end_here(conn, app, &row, id).await).await?;
    if ended {
        app.notices.publish(Notice::Billing(row.account_id));
    }
    Ok(())
}

fn is_over(answer: &Answer) -> bool {
    object::Subscription::read(&answer.body).status.as_deref().and_then(Status::read).is_some_and(Status::is_terminal)
}

async fn end_here(conn: &mut Conn, app: &App, row: &Subscription, id: &str) -> Result<bool, Error> {
    let rows = Subscription::lock_all(conn, row.account_id).await?;
    // Anything may have been told while Stripe was asked.
    let Some(now) = rows.iter().find(|now| *now == row).cloned() else { return Ok(false) };
    let ended_at = now.current_period_end.or(Some(app.clock.now()));
    let ended = Subscription {
        status: Status::Canceled,
        ended_at,
        canceled_at: now.canceled_at.or(ended_at),
        needs_attention: None,
        // Should Stripe know better, its next event says so, or its answer once it can be asked: this end is ours, not its.
        needs_refetch: true,
        updated_at: app.clock.now(),
        ..now.clone()
    };
    let about = format!("lapsed:{id}:{}", ended_at.map(|end| end.timestamp()).unwrap_or_default());
    mails::send_once(conn, app, &about, BillingMail::Ended { subscription: ended.id }).await?;
    // Another one that lives may count now.
    store(conn, &rows, Some(&now), ended, None).await?;
    jobs::refetch_later(conn, app, id).await?;
    Ok(true)
}
