//! What a subscription's row says, from the object that Stripe showed last and from what its invoices have told. Pure, and the same
//! whatever the order in which all of that arrived: each fact is stored by itself, and the row is made from all of them anew.

use chrono::{DateTime, Utc};

use super::subscription::{Status, Subscription};
use crate::id::PlanId;
use crate::stripe::object;

/// What the invoices of one subscription say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The latest period that is paid for.
    pub paid_period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When a renewal failed that is still unpaid.
    pub renewal_failed_at: Option<DateTime<Utc>>,
    pub payment_failed: bool,
    pub action_required: bool,
}

/// What of our catalogue a subscription is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Bought {
    pub plan: PlanId,
    pub interval: Option<String>,
    pub seats: i32,
}

/// Changes `row` to what `object` and `facts` say. `told_at`: when the object looked like this.
pub fn show(
    row: &mut Subscription,
    object: &object::Subscription,
    bought: &Bought,
    pending: Option<&Bought>,
    facts: &Facts,
    told_at: DateTime<Utc>,
) {
    let told = object.status.as_deref().and_then(Status::read);
    let status = told.unwrap_or(row.status);
    row.status = match facts.renewal_failed_at {
        // The object will say so too; until then, the invoice knows better.
        Some(failed) if status == Status::Active && failed > told_at => Status::PastDue,
        _ => status,
    };
    row.plan_id = bought.plan;
    row.interval = bought.interval.clone();
    row.seats = bought.seats;
    row.cancel_at = object.cancel_at;
    row.canceled_at = object.canceled_at;
    row.trial_end = object.trial_end;
    row.collection_paused = object.collection_paused;
    (row.current_period_start, row.current_period_end) = period(object, facts);
    row.ended_at = object.ended_at;
    if status.is_terminal() {
        let ended = object.ended_at.or(object.canceled_at).unwrap_or(told_at);
        row.ended_at = Some(ended);
        row.current_period_end = Some(ended);
    }
    match pending {
        Some(pending) => {
            row.pending_plan_id = Some(pending.plan);
            row.pending_interval = pending.interval.clone();
            row.pending_seats = Some(pending.seats);
        }
        // What a schedule will change is known from when we made it.
        None if object.schedule.is_some() && !status.is_terminal() && !has_come(row) => {}
        None => {
            row.pending_plan_id = None;
            row.pending_interval = None;
            row.pending_seats = None;
        }
    }
    row.needs_attention = attention(row.status, facts).map(str::to_owned);
}

/// The schedule has done what it was made for, and goes on for a while.
fn has_come(row: &Subscription) -> bool {
    row.pending_plan_id == Some(row.plan_id) && row.pending_interval == row.interval && row.pending_seats == Some(row.seats)
}

/// For a row that was made from a checkout: no object was seen yet.
pub fn show_facts(row: &mut Subscription, facts: &Facts) {
    if let Some((start, end)) = facts.paid_period {
        row.current_period_start = Some(start);
        row.current_period_end = Some(end);
    }
    row.needs_attention = attention(row.status, facts).map(str::to_owned);
}

/// The later of the object's own and the one that was paid for: an invoice may tell of the next period before the object does.
fn period(object: &object::Subscription, facts: &Facts) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    match (object.period_start, facts.paid_period) {
        (Some(start), Some((paid_start, paid_end))) if paid_start > start => (Some(paid_start), Some(paid_end)),
        (None, Some((paid_start, paid_end))) => (Some(paid_start), Some(paid_end)),
        _ => (object.period_start, object.period_end),
    }
}

/// One sentence for who pays, if they must act.
pub fn attention(status: Status, facts: &Facts) -> Option<&'static str> {
    match status {
        Status::Canceled | Status::IncompleteExpired => None,
        _ if facts.action_required => Some("Your bank asks you to confirm a payment."),
        Status::PastDue | Status::Unpaid => Some("The last payment failed: check your card."),
        _ if facts.payment_failed => Some("The last payment failed: check your card."),
        Status::Paused => Some("The subscription is paused: add a way to pay if there is none, and resume it. A bank debit takes days."),
        Status::Incomplete | Status::Trialing | Status::Active => None,
    }
}
