//! Reads a subscription from Stripe, where events could not tell which of two states is the later one, or told less than all. One at a
//! time for each subscription, and not many a second: Stripe has a limit, and events bring most of the truth anyway.

use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::Value;
use stripe_billing::subscription::RetrieveSubscription;
use stripe_billing::subscription_schedule::RetrieveSubscriptionSchedule;

use super::apply::{Outcome, Source, Told, apply};
use super::delivery::Status;
use super::locked;
use super::note_scheduled::note_read;
use super::subscription::Subscription;
use crate::app::App;
use crate::error::Error;
use crate::stripe::client::{Answer, StripeError};
use crate::stripe::object;
use crate::stripe::object::field;

/// The grain of Stripe's time, and a little more.
const A_SECOND: Duration = Duration::from_millis(1100);
/// Of all subscriptions together, in this process.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(15).unwrap();

/// For the queue: only if it is still wanted.
pub async fn refetch(app: &App, id: &str) -> Result<(), Error> {
    // Two jobs for one subscription: the second one finds that the first has done its work.
    let crowded = || Error::internal("too many wait for subscriptions to be read");
    let _turn = app.queues.enter(&format!("refetch:{id}")).await.ok_or_else(crowded)?;
    let row = Subscription::find_by_provider_id(&mut *app.db.conn().await?, id).await?;
    let Some(row) = row.filter(|row| row.needs_refetch || row.is_to_be_read()) else { return Ok(()) };
    match read(app, id).await {
        Ok(answer) => {
            match apply_subscription(app, &answer, Source::Refetch).await {
                // Somebody holds the customer for long: later and later, too, since nobody else asks for it.
                Err(Error::RateLimited(_)) => return Err(Error::internal("the customer was busy")),
                applied => applied?,
            };
            read_schedule(app, &row, &answer).await
        }
        // It is gone at Stripe. What ended it has its own events.
        Err(StripeError::Refused(refused)) if refused.is_missing() => {
            tracing::error!(subscription = id, "Stripe does not know a subscription that we have");
            Ok(())
        }
        Err(error) => Err(unread(error)),
    }
}

/// The queue tries again, later and later.
fn unread(error: StripeError) -> Error {
    match error {
        StripeError::Unavailable(cause) => Error::internal(format!("Stripe could not be reached: {cause}")),
        error => error.into(),
    }
}

/// Where nobody has noted what it will change.
async fn read_schedule(app: &App, row: &Subscription, answer: &Answer) -> Result<(), Error> {
    let schedule = field::id(&answer.body, "schedule").filter(|_| row.pending_plan_id.is_none());
    let Some(schedule) = schedule else { return Ok(()) };
    match app.stripe.read("retrieve_schedule", &RetrieveSubscriptionSchedule::new(schedule)).await {
        Ok(schedule) => note_read(app, row, &schedule.body).await,
        Err(StripeError::Refused(refused)) if refused.is_missing() => Ok(()),
        Err(error) => Err(unread(error)),
    }
}

/// The subscription as Stripe shows it now.
pub async fn read(app: &App, id: &str) -> Result<Answer, StripeError> {
    static BUDGET: OnceLock<DefaultDirectRateLimiter> = OnceLock::new();
    BUDGET.get_or_init(|| RateLimiter::direct(Quota::per_second(PER_SECOND))).until_ready().await;
    app.stripe.read("retrieve_subscription", &RetrieveSubscription::new(id)).await
}

/// Applies a subscription that was read, or that a change of ours was answered with: the same way as an event.
pub async fn apply_subscription(app: &App, answer: &Answer, source: Source) -> Result<Outcome, Error> {
    apply_object(app, "customer.subscription.updated", answer, source).await
}

/// Applies what a change of ours was answered with. `before`: the object as it was read just before. What has changed since is the
/// cause that tells which of two states of one second is the later one, as it is with events.
pub async fn apply_change(app: &App, before: &Value, answer: &Answer) -> Result<(), Error> {
    let outcome = apply_told(app, "customer.subscription.updated", answer, Some(&previous(before, &answer.body)), Source::Refetch).await?;
    if outcome.status == Status::Completed {
        return Ok(());
    }
    let told = object::Subscription::read(&answer.body);
    let Some(id) = told.id.as_deref() else { return Ok(()) };
    let row = Subscription::find_by_provider_id(&mut *app.db.conn().await?, id).await?;
    if row.and_then(|row| row.raw).is_some_and(|raw| object::Subscription::read(&raw) == told) {
        // Its event was faster.
        return Ok(());
    }
    // Somebody has changed something and changed it back within one second: which state came later can be told when it is over.
    tokio::time::sleep(A_SECOND).await;
    let answer = read(app, id).await?;
    apply_subscription(app, &answer, Source::Refetch).await.map(|_| ())
}

/// Applies any object that Stripe has answered with. `kind`: the type of the event that would tell the same.
pub async fn apply_object(app: &App, kind: &str, answer: &Answer, source: Source) -> Result<Outcome, Error> {
    apply_told(app, kind, answer, None, source).await
}

async fn apply_told(app: &App, kind: &str, answer: &Answer, previous: Option<&Value>, source: Source) -> Result<Outcome, Error> {
    let told =
        Told { kind, object: &answer.body, previous, from: answer.from, until: answer.until, event_id: None, source, customer: None };
    let key = key(&answer.body);
    let outcome = locked::transaction(app, &key, async |conn| apply(conn, app, &told).await).await?;
    outcome.tell(app);
    if !outcome.appeared.is_empty() {
        super::jobs::unpark(app, &outcome.appeared).await;
    }
    Ok(outcome)
}

/// What was different before, as Stripe's `previous_attributes` say it: only what has changed, null where there was nothing.
fn previous(before: &Value, after: &Value) -> Value {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            let field = |map: &serde_json::Map<String, Value>, name: &String| map.get(name).cloned().unwrap_or_default();
            let changed = names.filter(|name| old.get(*name) != new.get(*name));
            changed.map(|name| (name.clone(), previous(&field(old, name), &field(new, name)))).collect()
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            old.iter().zip(new).map(|(old, new)| previous(old, new)).collect()
        }
        (old, _) => old.clone(),
    }
}

fn key(object: &Value) -> String {
    field::id(object, "customer").or_else(|| field::text(object, "id")).unwrap_or_default()
}
