//! What billing does by itself: deliveries tried again, subscriptions read again, the sweep of what has lapsed, mails.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::delivery::Delivery;
use super::mails::BillingMail;
use super::receive;
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::{PaymentId, UserId};
use crate::jobs::{Job, enqueue, outbox};
use crate::staff::alerts::{self, Kind};
use crate::stripe::object::Event;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingJob {
    /// One more attempt at a delivery that has failed or is parked.
    Retry {
        event: String,
    },
    /// Every minute: what is overdue, and what is parked although what it waits for is there.
    RetryOverdue,
    /// Reads a subscription from Stripe.
    Refetch {
        subscription: String,
    },
    /// Tells Stripe what we sell, where it does not know the latest.
    OfferPlans,
    /// Gives a payment back that bought nothing.
    PayBack {
        payment: PaymentId,
    },
    /// Hourly: ends what has lapsed.
    EndLapsed,
    /// Hourly: mails about trials of ours that end.
    TellTrials,
    Mail(BillingMail),
    /// To one of those whom it is for.
    MailTo {
        mail: BillingMail,
        user: UserId,
    },
}

/// Two changes of one second are told apart once that second is over.
const REFETCH_AFTER: TimeDelta = TimeDelta::seconds(2);

/// How long a parked delivery is waited with. Stripe's own tries end after three days, and what is unknown after a week is most likely
/// somebody else's, or something else that a customer of ours buys there. It is dead then, so that whatever is parked later is told anew;
/// should what it waits for come all the same, it is tried again.
const WAITS: TimeDelta = TimeDelta::days(7);

/// How long a delivery may be parked before somebody is told.
const PATIENCE: TimeDelta = TimeDelta::minutes(2);

pub async fn run(app: &App, job: &BillingJob) -> Result<(), Error> {
    match job {
        BillingJob::Retry { event } => retry(app, event).await,
        BillingJob::RetryOverdue => retry_overdue(app).await,
        BillingJob::Refetch { subscription } => super::refetch::refetch(app, subscription).await,
        BillingJob::OfferPlans => super::offer_plans::offer_plans(app).await,
        BillingJob::PayBack { payment } => super::pay_back::pay_back(app, *payment).await,
        BillingJob::EndLapsed => super::end_lapsed::end_lapsed(app).await,
        BillingJob::TellTrials => super::tell_trials::tell_trials(app).await,
        BillingJob::Mail(mail) => super::mails::address(app, mail).await,
        BillingJob::MailTo { mail, user } => super::mails::deliver(app, mail, *user).await,
    }
}

/// Ends well whatever comes of it: an attempt that fails writes the next one itself.
async fn retry(app: &App, event: &str) -> Result<(), Error> {
    let delivery = Delivery::find(&mut *app.db.conn().await?, event).await?;
    // Each failure, Stripe's tries included, plans the next try anew: the ones that were planned before it come too early.
    let is_due = |delivery: &Delivery| delivery.next_attempt_at.is_none_or(|next| next <= app.clock.now());
    let Some(delivery) = delivery.filter(|delivery| delivery.is_retried() && is_due(delivery)) else { return Ok(()) };
    again(app, &delivery).await.map(|_| ())
}

/// One attempt at what was received before.
pub async fn again(app: &App, delivery: &Delivery) -> Result<receive::Receipt, Error> {
    let payload = serde_json::to_string(&delivery.payload)?;
    match Event::read(payload.as_bytes()) {
        Some(event) => Ok(receive::attempt(app, &event, &payload).await),
        None => Err(Error::internal(format!("the stored payload of {} is no event", delivery.event_id))),
    }
}

async fn retry_overdue(app: &App) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let mut events = Delivery::overdue(&mut conn, app.clock.now()).await?;
    events.extend(Delivery::found(&mut conn).await?);
    drop(conn);
    for event in events {
        retry(app, &event).await?;
    }
    let given_up = Delivery::give_up(&mut *app.db.conn().await?, app.clock.now() - WAITS).await?;
    if given_up > 0 {
        tracing::warn!(given_up, "parked deliveries have waited in vain");
    }
    report(app).await
}

/// Opens and closes the alerts about deliveries. What is parked is mostly found within seconds: nobody is called for that.
async fn report(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let parked = Delivery::parked(conn, now - PATIENCE).await?;
            let message = format!(
                "{parked} deliveries of Stripe's wait for something unknown: `staff.webhookDeliveries` lists the PARKED ones. \
                 After {} days each is DEAD.",
                WAITS.num_days()
            );
            told(conn, Kind::ParkedDeliveries, parked, &message, now).await?;
            let dead = Delivery::dead(conn).await?;
            let message = format!("{dead} deliveries of Stripe's have failed for good: `staff.webhookDeliveries` lists the DEAD ones.");
            told(conn, Kind::DeadDeliveries, dead, &message, now).await
        })
        .await
}

async fn told(conn: &mut Conn, kind: Kind, count: i64, message: &str, now: DateTime<Utc>) -> Result<(), Error> {
    match count {
        0 => alerts::close(conn, kind, "webhooks", now).await?,
        _ => drop(alerts::open(conn, kind, "webhooks", message, now).await?),
    }
    Ok(())
}

/// Has what this parked event waits for come meanwhile?
pub async fn has_appeared(app: &App, event: &str) -> bool {
    let Ok(mut conn) = app.db.conn().await else { return false };
    Delivery::is_found(&mut conn, event).await.unwrap_or(false)
}

/// What waited for these ids goes on. What is missed here, the job of every minute finds.
pub async fn unpark(app: &App, ids: &[String]) {
    let Ok(mut conn) = app.db.conn().await else { return };
    match Delivery::parked_under(&mut conn, ids).await {
        Ok(events) if events.is_empty() => {}
        Ok(events) => {
            drop(conn);
            retry_soon(app, &events).await;
        }
        Err(cause) => tracing::warn!(?cause, "parked deliveries could not be looked for; they will be found within a minute"),
    }
}

pub async fn retry_soon(app: &App, events: &[String]) {
    let enqueued = app
        .db
        .transaction(async |conn| {
            for event in events {
                enqueue(conn, &Job::Billing(BillingJob::Retry { event: event.clone() }), None).await?;
            }
            Ok(())
        })
        .await;
    if let Err(cause) = enqueued {
        tracing::warn!(?cause, "parked deliveries could not be enqueued; they will be found within a minute");
    }
}

/// To be called in the transaction that marks the row.
pub async fn refetch_later(conn: &mut Conn, app: &App, subscription: &str) -> Result<(), Error> {
    let job = Job::Billing(BillingJob::Refetch { subscription: subscription.to_owned() });
    outbox::put(conn, &job, Some(app.clock.now() + REFETCH_AFTER)).await
}

/// To be called in the transaction that finds that it bought nothing.
pub async fn pay_back(conn: &mut Conn, payment: PaymentId) -> Result<(), Error> {
    enqueue(conn, &Job::Billing(BillingJob::PayBack { payment }), None).await
}
