//! A delivery arrives. Everything that it changes is written in one transaction, together with its entries in the ledger and in the log;
//! what fails leaves nothing but a line in the log, and is tried again: by Stripe for three days, and by ourselves.

use chrono::TimeDelta;
use metrics::counter;

use super::apply::{Outcome, Told, apply};
use super::customer::Customer;
use super::delivery::{self, Attempted, Delivery, Status};
use super::jobs::{self, BillingJob};
use super::locked::{self, Refused};
use super::payment_link::Link;
use super::subscription::Subscription;
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::jobs::{Job, enqueue};
use crate::stripe::object::{Charge, CheckoutSession, Dispute, Event, Invoice, InvoicePayment, Refund, field};
use crate::stripe::signature::{self, Forged};

/// When we try again by ourselves after the first failure, the second, the third. Then it is dead, until Stripe sends it once more.
pub const RETRIES: [TimeDelta; 3] = [TimeDelta::minutes(5), TimeDelta::minutes(10), TimeDelta::minutes(15)];
/// How often the key may turn out to be another one while the lock is waited for.
const KEYS: u32 = 3;

/// What Stripe is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    Decided {
        applied: bool,
        reason: String,
    },
    /// Not sent by Stripe.
    Forged(Forged),
    /// Signed, but no event.
    Unreadable,
    /// Come again.
    Busy,
    /// Our fault; Stripe tries again.
    Failed,
}

/// The one door for deliveries from outside.
pub async fn receive(app: &App, signature: Option<&str>, body: &[u8]) -> Receipt {
    if let Err(forged) = signature::verify(signature, body, &app.config.stripe.webhook_secrets, app.clock.now()) {
        return Receipt::Forged(forged);
    }
    let (Ok(text), Some(event)) = (std::str::from_utf8(body), Event::read(body)) else { return Receipt::Unreadable };
    attempt(app, &event, text).await
}

/// One attempt at an event, from wherever it came.
pub async fn attempt(app: &App, event: &Event, payload: &str) -> Receipt {
    let receipt = match decide(app, event, payload).await {
        Ok(None) => Receipt::Decided { applied: false, reason: "duplicate: it was decided before".to_owned() },
        Ok(Some(outcome)) => {
            after_commit(app, event, &outcome).await;
            let applied = outcome.status == Status::Completed;
            Receipt::Decided { applied, reason: format!("{}: {}", outcome.status.as_str(), outcome.reason) }
        }
        Err(Refused::Busy) => Receipt::Busy,
        Err(Refused::Failed(error)) => {
            failed(app, event, payload, &error).await;
            Receipt::Failed
        }
    };
    let outcome = match &receipt {
        Receipt::Decided { reason, .. } => reason.split(':').next().unwrap_or_default().to_owned(),
        Receipt::Busy => "busy".to_owned(),
        Receipt::Failed => "failed".to_owned(),
        Receipt::Forged(_) | Receipt::Unreadable => "refused".to_owned(),
    };
    counter!("stripe_deliveries_total", "outcome" => outcome).increment(1);
    receipt
}

/// None: a duplicate.
async fn decide(app: &App, event: &Event, payload: &str) -> Result<Option<Outcome>, Refused> {
    let livemode = event.livemode.unwrap_or(app.config.stripe.livemode());
    let mut key = match named_key(event) {
        Some(key) => key,
        None => looked_up_customer(app, event).await.map_err(Refused::by)?.unwrap_or_else(|| own_key(event)),
    };
    let customer = field::id(&event.object, "customer");
    for _ in 0..KEYS {
        let arrived = Arrived { event, payload, livemode, customer: customer.as_deref() };
        match locked::transaction(app, &key, async |conn| in_txn(conn, app, arrived, &key).await).await? {
            Decided::Outcome(outcome) => return Ok(Some(outcome)),
            Decided::Duplicate => return Ok(None),
            Decided::OtherKey(current) => key = current,
        }
    }
    Err(Refused::Busy)
}

#[derive(Clone, Copy)]
struct Arrived<'a> {
    event: &'a Event,
    payload: &'a str,
    livemode: bool,
    customer: Option<&'a str>,
}

async fn in_txn(conn: &mut Conn, app: &App, arrived: Arrived<'_>, key: &str) -> Result<Decided, Error> {
    let Arrived { event, payload, livemode, customer } = arrived;
    // What has no customer was looked up before the lock: while we waited, somebody may have told whose it is.
    if named_key(event).is_none() {
        let current = known_customer(conn, event).await?.unwrap_or_else(|| own_key(event));
        if current != key {
            return Ok(Decided::OtherKey(current));
        }
    }
    let now = app.clock.now();
    // Sent together.
    let shared = &*conn;
    let (is_new, known) = tokio::try_join!(delivery::enter(shared, event, now), Customer::named(shared, customer))?;
    if !is_new {
        return Ok(Decided::Duplicate);
    }
    let outcome = match livemode == app.config.stripe.livemode() {
        true => apply(conn, app, &Told { customer: known.as_ref(), ..Told::by_event(event, now) }).await?,
        false => Outcome::ignored("it belongs to the other mode (live or test)"),
    };
    if outcome.status != Status::Completed {
        delivery::decide(conn, &event.id, outcome.status).await?;
    }
    let attempted = Attempted {
        status: outcome.status,
        decision: Some(&outcome.reason),
        error: None,
        next_attempt_at: None,
        account: outcome.account,
        customer,
        parked_under: outcome.parked_under.as_deref(),
    };
    Delivery::log(conn, &app.clock, event, payload, livemode, &attempted).await?;
    Ok(Decided::Outcome(outcome))
}

enum Decided {
    Outcome(Outcome),
    Duplicate,
    /// The lock is another one's: nothing was done.
    OtherKey(String),
}

/// The customer that the object names, or is.
fn named_key(event: &Event) -> Option<String> {
    if event.kind.starts_with("customer.") && !event.kind.starts_with("customer.subscription.") {
        return field::text(&event.object, "id");
    }
    field::id(&event.object, "customer")
}

async fn looked_up_customer(app: &App, event: &Event) -> Result<Option<String>, Error> {
    let mut conn = app.db.conn().await?;
    known_customer(&mut conn, event).await
}

/// Of what nobody is known for.
fn own_key(event: &Event) -> String {
    field::text(&event.object, "id").unwrap_or_else(|| event.id.clone())
}

/// The customer as far as we know it, for objects that do not name one.
async fn known_customer(conn: &mut Conn, event: &Event) -> Result<Option<String>, Error> {
    let object = &event.object;
    let mut subscription = None;
    let link = match event.kind.split('.').next().unwrap_or_default() {
        "refund" => {
            let refund = Refund::read(object);
            Link { payment_intent: refund.payment_intent, charge: refund.charge, ..Link::default() }
        }
        "charge" if event.kind.starts_with("charge.dispute.") => {
            let dispute = Dispute::read(object);
            Link { payment_intent: dispute.payment_intent, charge: dispute.charge, ..Link::default() }
        }
        "charge" => {
            let charge = Charge::read(object);
            Link { payment_intent: charge.payment_intent, charge: charge.id, invoice: charge.invoice, customer: None }
        }
        "invoice_payment" => {
            let paid = InvoicePayment::read(object);
            Link { payment_intent: paid.payment_intent, charge: paid.charge, invoice: paid.invoice, customer: None }
        }
        "invoice" => {
            let invoice = Invoice::read(object);
            subscription = invoice.subscription;
            Link { invoice: invoice.id, ..Link::default() }
        }
        "checkout" => {
            let session = CheckoutSession::read(object);
            subscription = session.subscription;
            Link { payment_intent: session.payment_intent, invoice: session.invoice, ..Link::default() }
        }
        "customer" => {
            subscription = field::text(object, "id");
            Link::default()
        }
        _ => return Ok(None),
    };
    if let Some(id) = subscription
        && let Some(known) = Subscription::find_by_provider_id(conn, &id).await?
        && let Some(customer) = known.provider_customer_id
    {
        return Ok(Some(customer));
    }
    Ok(link.customer(conn).await?)
}

/// What may only happen once the change is there for all to see.
async fn after_commit(app: &App, event: &Event, outcome: &Outcome) {
    if outcome.status == Status::Completed {
        outcome.tell(app);
    }
    // What we wait for may have come while we were about to wait: each looks for the other after its own commit.
    let parked = match &outcome.parked_under {
        Some(under) => {
            tracing::info!(event = event.id, kind = event.kind, under, reason = outcome.reason, "a delivery is parked");
            jobs::has_appeared(app, &event.id).await
        }
        None => false,
    };
    if parked {
        jobs::retry_soon(app, std::slice::from_ref(&event.id)).await;
    }
    if !outcome.appeared.is_empty() {
        jobs::unpark(app, &outcome.appeared).await;
    }
}

/// Writes the failure down, in a transaction of its own, with the next try.
async fn failed(app: &App, event: &Event, payload: &str, error: &Error) {
    let cause = format!("{error:?}");
    tracing::error!(event = event.id, kind = event.kind, cause, "a delivery could not be applied; it will be tried again");
    let livemode = event.livemode.unwrap_or(app.config.stripe.livemode());
    let customer = match named_key(event) {
        Some(customer) => Some(customer),
        // What has failed may fail here as well.
        None => looked_up_customer(app, event).await.unwrap_or_default(),
    };
    let logged = app
        .db
        .transaction(async |conn| {
            let attempted = Attempted {
                status: Status::Failed,
                decision: None,
                error: Some(&cause),
                next_attempt_at: None,
                account: None,
                customer: customer.as_deref(),
                parked_under: None,
            };
            let attempts = Delivery::log(conn, &app.clock, event, payload, livemode, &attempted).await?;
            // None: somebody else has succeeded meanwhile.
            let Some(failures) = usize::try_from(attempts).ok().and_then(|attempts| attempts.checked_sub(1)) else { return Ok(()) };
            let next = RETRIES.get(failures).map(|delay| app.clock.now() + *delay);
            Delivery::plan(conn, &event.id, next).await?;
            if next.is_some() {
                enqueue(conn, &Job::Billing(BillingJob::Retry { event: event.id.clone() }), next).await?;
            }
            Ok(())
        })
        .await;
    if let Err(error) = logged {
        tracing::error!(event = event.id, cause = ?error, "a failed delivery could not be logged; Stripe will send it again");
    }
}
