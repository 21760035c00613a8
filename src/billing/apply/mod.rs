//! What is told of an object becomes our rows. The webhook comes here, and so does whatever else has read or changed an object at Stripe:
//! a mutation, a refetch. Everything happens in the caller's transaction, under the customer's lock (`locked.rs`).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::customer::Customer;
use super::delivery::Status;
use super::place::{Hints, Place, place};
use crate::app::App;
use crate::db::Conn;
use crate::db::notices::Notice;
use crate::error::Error;
use crate::id::AccountId;
use crate::staff::alerts;
use crate::staff::lookup::is_placeholder;
use crate::stripe::object::Event;

mod catalogue; // products and prices
mod charge;
mod checkout;
mod customer;
mod invoice;
mod refund; // refunds and disputes
mod settle; // what refunds and disputes leave of a payment
mod subscription;

pub(super) use subscription::store;

/// How we came to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Stripe sent an event.
    Event,
    /// We read the object, or our own change answered with it.
    Refetch,
    /// A comparison of everything found it.
    Reconcile,
    /// The platform's staff asked for it.
    Staff,
}

impl Source {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Refetch => "refetch",
            Self::Reconcile => "reconcile",
            Self::Staff => "staff",
        }
    }
}

/// What is told of an object.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// An event's type; whoever read an object says which one would tell it.
    pub kind: &'a str,
    pub object: &'a Value,
    pub previous: Option<&'a Value>,
    /// Between these two times, in Stripe's time, the object was like this.
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub event_id: Option<&'a str>,
    pub source: Source,
    /// The customer that the object names, for whoever has found it already.
    pub customer: Option<&'a Customer>,
}

impl<'a> Told<'a> {
    /// An event without a time happened now.
    pub fn by_event(event: &'a Event, now: DateTime<Utc>) -> Self {
        let at = event.created.unwrap_or(now);
        Self {
            kind: &event.kind,
            object: &event.object,
            previous: event.previous.as_ref(),
            from: at,
            until: at,
            event_id: Some(&event.id),
            source: Source::Event,
            customer: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub status: Status,
    /// One sentence: what was decided, and why.
    pub reason: String,
    pub account: Option<AccountId>,
    /// Who has sold what was paid for, or given back.
    pub seller: Option<AccountId>,
    /// For what is parked: whose appearance it waits for.
    pub parked_under: Option<String>,
    /// Ids of the provider's that are known from now on: what was parked under them can go on.
    pub appeared: Vec<String>,
}

impl Outcome {
    fn new(status: Status, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), account: None, seller: None, parked_under: None, appeared: Vec::new() }
    }

    fn completed(account: AccountId, reason: impl Into<String>) -> Self {
        Self { account: Some(account), ..Self::new(Status::Completed, reason) }
    }

    fn stale(account: AccountId, reason: impl Into<String>) -> Self {
        Self { account: Some(account), ..Self::new(Status::Stale, reason) }
    }

    pub fn ignored(reason: impl Into<String>) -> Self {
        Self::new(Status::Ignored, reason)
    }

    fn tombstone() -> Self {
        Self::new(Status::Tombstone, "the customer was deleted: nothing changes any more")
    }

    fn parked(under: &str, reason: impl Into<String>) -> Self {
        Self { parked_under: Some(under.to_owned()), ..Self::new(Status::Parked, reason) }
    }

    fn with_appeared(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.appeared.extend(ids);
        self
    }

    /// Those who watch their account hear that something has changed. To be called after the commit.
    pub fn tell(&self, app: &App) {
        for account in self.account.into_iter().chain(self.seller) {
            app.notices.publish(Notice::Billing(account));
        }
    }
}

/// The events that change something here: what the endpoint at Stripe has to send.
pub const EVENTS: [&str; 39] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "invoice.finalization_failed",
    "invoice.finalized",
    "invoice.deleted",
    "invoice_payment.paid",
    "charge.succeeded",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "customer.updated",
    "customer.deleted",
    "product.created",
    "product.updated",
    "product.deleted",
    "price.created",
    "price.updated",
    "price.deleted",
];

/// Applies what is told, or says why not. Unknown kinds of events are none of our business.
pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    if !EVENTS.contains(&told.kind) {
        return Ok(Outcome::ignored("events of this type change nothing here"));
    }
    match told.kind {
        kind if kind.starts_with("checkout.session.") => checkout::apply(conn, app, told).await,
        kind if kind.starts_with("customer.subscription.") => subscription::apply(conn, app, told).await,
        "invoice.finalized" | "invoice.deleted" => invoice::apply_end_of_draft(conn, app, told).await,
        kind if kind.starts_with("invoice.") => invoice::apply(conn, app, told).await,
        kind if kind.starts_with("invoice_payment.") => charge::apply_invoice_payment(conn, app, told).await,
        kind if kind.starts_with("charge.dispute.") => refund::apply_dispute(conn, app, told).await,
        kind if kind.starts_with("charge.") => charge::apply(conn, app, told).await,
        kind if kind.starts_with("refund.") => refund::apply(conn, app, told).await,
        kind if kind.starts_with("customer.") => customer::apply(conn, app, told).await,
        kind if kind.starts_with("product.") => catalogue::apply_product(conn, app, told).await,
        _ => catalogue::apply_price(conn, app, told).await,
    }
}

/// For the money of a customer who was deleted: nothing is applied any more, and somebody has to give it back.
async fn paid_for_nothing(conn: &mut Conn, app: &App, customer: &str) -> Result<(), Error> {
    let message = format!("{customer} was deleted, and has paid for nothing since: give back what they have paid.");
    alerts::open(conn, alerts::Kind::PaidForNothing, customer, &message, app.clock.now()).await?;
    Ok(())
}

/// The account, or what to answer where there is none.
async fn placed(conn: &mut Conn, app: &App, told: &Told<'_>, hints: Hints<'_>) -> Result<Result<(AccountId, bool), Outcome>, Error> {
    Ok(match place(conn, app, told.customer, hints).await? {
        Place::Account { account, linked } => Ok((account, linked)),
        Place::Tombstone => Err(Outcome::tombstone()),
        Place::Nowhere => Err(match (hints.customer.filter(|customer| !is_placeholder(customer)), hints.subscription) {
            (Some(customer), _) => Outcome::parked(customer, format!("no account is known for the customer {customer}")),
            (None, Some(subscription)) => Outcome::parked(subscription, format!("the subscription {subscription} is not known yet")),
            (None, None) => Outcome::ignored("it names no customer, and nothing else that leads to an account"),
        }),
    })
}
