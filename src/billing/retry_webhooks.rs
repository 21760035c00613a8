//! `retryWebhooks`, for the platform's staff.

use super::delivery::Delivery;
use super::jobs;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester};
use crate::identity::audit;

/// A person waits for the answer.
const AT_ONCE: usize = 100;

/// Tries these deliveries again, or those that have failed or died; returns them as they stand then. What was decided already is left alone.
pub async fn retry_webhooks(app: &App, actor: &Actor, from: &Requester, events: Option<&[String]>) -> Result<Vec<Delivery>, Error> {
    actor.require_staff()?;
    let unwell = match events {
        Some(events) if events.len() > AT_ONCE => {
            let message = format!("at most {AT_ONCE} events can be retried at once, not {}", events.len());
            return Err(Refusal::at(Code::TooMany, "eventIds", message).into());
        }
        Some(events) => {
            let found = Delivery::of_events(&mut *app.db.conn().await?, events).await?;
            if let Some(missing) = events.iter().find(|event| found.iter().all(|delivery| delivery.event_id != **event)) {
                return Err(Refusal::at(Code::NotFound, "eventIds", format!("no event `{missing}` has arrived")).into());
            }
            found.into_iter().filter(Delivery::is_undecided).collect()
        }
        None => Delivery::unwell(&mut *app.db.conn().await?, AT_ONCE).await?,
    };
    if !unwell.is_empty() {
        note(app, actor, from, &unwell).await?;
    }
    let mut retried = Vec::with_capacity(unwell.len());
    for delivery in unwell {
        jobs::again(app, &delivery).await?;
        retried.push(delivery.event_id);
    }
    Ok(Delivery::of_events(&mut *app.db.conn().await?, &retried).await?)
}

/// Before the first try: each of them has a transaction of its own. The line belongs to no account, as the deliveries are of many.
async fn note(app: &App, actor: &Actor, from: &Requester, deliveries: &[Delivery]) -> Result<(), Error> {
    let events: Vec<_> = deliveries.iter().map(|delivery| delivery.event_id.as_str()).collect();
    let line = audit::Entry { actor: Some(actor.user), ..audit::Entry::new("retryWebhooks", app.clock.now()) };
    Ok(audit::record(&mut *app.db.conn().await?, &line.about(events.join(" ")).from(from)).await?)
}
