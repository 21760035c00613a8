//! What falls due. A timer says when to look; whether it still counts is read from the object, which may have changed since.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::json::Json;
use super::resources::{change, checkout, invoices, lifecycle, schedules};
use super::state::World;

/// In the order in which things of one second happen: a schedule's next phase is in force before the period it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    NextPhase,
    CancelAt,
    TrialWillEnd,
    PeriodEnd,
    FirstPaymentExpires,
    PendingUpdateExpires,
    ResumeCollection,
    FinalizeInvoice,
    RetryInvoice,
    SessionExpires,
}

pub fn fire(world: &mut World, timer: Timer, id: &str, due: i64) {
    let object = world.object(id);
    let alive = lifecycle::alive(object);
    match timer {
        Timer::NextPhase => schedules::next_phase(world, id, due),
        Timer::CancelAt if alive && object.maybe_int("cancel_at") == Some(due) => {
            lifecycle::end(world, id, Some("cancellation_requested"));
        }
        Timer::TrialWillEnd if object.text("status") == "trialing" && object.int("trial_end") - lifecycle::TRIAL_WARNING <= due => {
            world.emit("customer.subscription.trial_will_end", id);
        }
        Timer::PeriodEnd if alive && lifecycle::period(object).1 == due => lifecycle::period_ended(world, id, due),
        Timer::FirstPaymentExpires if object.text("status") == "incomplete" => lifecycle::first_payment_due(world, id),
        Timer::PendingUpdateExpires if object.maybe_int("pending_update/expires_at") == Some(due) => change::expire(world, id),
        Timer::ResumeCollection if alive && object.maybe_int("pause_collection/resumes_at") == Some(due) => {
            world.change(id, "customer.subscription.updated", json!({ "pause_collection": null }));
        }
        Timer::FinalizeInvoice if object.text("status") == "draft" && object.maybe_int("automatically_finalizes_at") == Some(due) => {
            invoices::finalize_and_collect(world, id);
        }
        Timer::RetryInvoice if object.text("status") == "open" && object.maybe_int("next_payment_attempt") == Some(due) => {
            invoices::collect(world, id, false);
        }
        Timer::SessionExpires if object.text("status") == "open" => checkout::expire_now(world, id),
        Timer::CancelAt
        | Timer::TrialWillEnd
        | Timer::PeriodEnd
        | Timer::FirstPaymentExpires
        | Timer::PendingUpdateExpires
        | Timer::ResumeCollection
        | Timer::FinalizeInvoice
        | Timer::RetryInvoice
        | Timer::SessionExpires => {}
    }
}
