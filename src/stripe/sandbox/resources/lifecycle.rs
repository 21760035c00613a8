//! A subscription's life: how it begins, renews, falls behind and ends.
//!
//! | status | comes from | goes to |
//! |---|---|---|
//! | incomplete | created, first invoice not paid | active when paid; incomplete_expired after 23 hours |
//! | trialing | created with a trial | active; paused or canceled at the end without a payment method |
//! | active | paid | past_due when a renewal cannot be paid |
//! | past_due | a renewal failed | active when paid; canceled or unpaid when the retries are used up |
//! | unpaid | the account's choice after the retries | active when the latest invoice is paid |
//! | paused | see trialing | active when resumed and paid; past_due when resumed without charging, and the payment fails |
//! | canceled, incomplete_expired | | nothing |

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::{DAY, HOUR, period_end};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::state::{Dunning, World};
use crate::stripe::sandbox::timers::Timer;

use super::discounts::{self, Wanted};
use super::invoices::{self, Draft, Line};
use super::prices::plan;
use super::{change, is_one_of, schedules};

/// How long before its end a trial is announced to end.
pub const TRIAL_WARNING: i64 = 3 * DAY;
/// How long the first payment may take, and how long a pending update waits for its own.
pub const PATIENCE: i64 = 23 * HOUR;

const UPDATED: &str = "customer.subscription.updated";

/// What a new subscription is made of.
pub struct Terms {
    pub customer: String,
    /// Price and quantity.
    pub items: Vec<(Value, i64)>,
    pub metadata: Value,
    pub trial_end: Option<i64>,
    pub payment_method: Option<String>,
    /// The discount that holds from the beginning.
    pub discount: Option<Wanted>,
    /// What happens at the end of a trial without a payment method.
    pub missing_payment_method: String,
    /// Others of the subscription's fields.
    pub fields: Value,
}

/// Whether anything can still happen to it.
pub fn alive(subscription: &Value) -> bool {
    subscription.text("object") == "subscription" && !is_one_of(subscription, "status", &["canceled", "incomplete_expired"])
}

/// The current period's start and end.
pub fn period(subscription: &Value) -> (i64, i64) {
    (subscription.int("items/data/0/current_period_start"), subscription.int("items/data/0/current_period_end"))
}

/// Stores it with its first invoice, which is open, or paid when it asks for nothing. Whoever calls this collects.
pub fn begin(world: &mut World, terms: Terms) -> (String, String) {
    let now = world.now;
    let recurring = terms.items.first().map(|(price, _)| price.at("recurring").clone()).unwrap_or_default();
    let anchor = terms.trial_end.unwrap_or(now);
    let end = terms.trial_end.unwrap_or_else(|| period_end(now, &recurring, now));
    let mut fields = json!({
        "billing_cycle_anchor": anchor,
        "currency": terms.items.first().map(|(price, _)| price.at("currency").clone()),
        "customer": terms.customer,
        "default_payment_method": terms.payment_method,
        "metadata": terms.metadata,
        "start_date": now,
        "status": if terms.trial_end.is_some() { "trialing" } else { "incomplete" },
        "trial_start": terms.trial_end.map(|_| now),
        "trial_end": terms.trial_end,
        "trial_settings/end_behavior/missing_payment_method": terms.missing_payment_method,
    });
    fields.also(terms.fields);
    let id = world.create("subscription", fields);
    let items: Vec<Value> = terms.items.iter().map(|(price, quantity)| item(world, &id, price, *quantity, (now, end))).collect();
    set_items(world, &id, items);
    if let Some(discount) = &terms.discount {
        discounts::give(world, &id, discount);
    }
    world.at(end, Timer::PeriodEnd, &id);
    if let Some(end) = terms.trial_end {
        world.at((end - TRIAL_WARNING).max(now), Timer::TrialWillEnd, &id);
    } else {
        world.at(now + PATIENCE, Timer::FirstPaymentExpires, &id);
    }
    let lines = lines(world, &id);
    let invoice = bill(world, &id, "subscription_create", (now, now), &lines);
    invoices::finalize(world, &invoice);
    world.emit("customer.subscription.created", &id);
    (id, invoice)
}

pub fn item(world: &mut World, subscription: &str, price: &Value, quantity: i64, period: (i64, i64)) -> Value {
    world.part(
        "subscription_item",
        json!({
            "current_period_start": period.0,
            "current_period_end": period.1,
            "plan": plan(price),
            "price": price,
            "quantity": quantity,
            "subscription": subscription,
        }),
    )
}

/// With one item, plan and quantity also stand on the subscription itself.
pub fn set_items(world: &mut World, id: &str, items: Vec<Value>) {
    let (plan, quantity) = match items.as_slice() {
        [only] => (only.at("plan").clone(), only.at("quantity").clone()),
        _ => (Value::Null, Value::Null),
    };
    world.edit(
        id,
        json!({
            "items/total_count": items.len(),
            "items/url": format!("/v1/subscription_items?subscription={id}"),
            "items/data": items,
            "plan": plan,
            "quantity": quantity,
        }),
    );
}

/// The regular lines for the current period. A trial costs nothing.
pub fn lines(world: &World, id: &str) -> Vec<Line> {
    let subscription = world.object(id);
    let free = subscription.text("status") == "trialing";
    let line = |item: &Value| {
        let (quantity, price) = (item.int("quantity"), item.at("price"));
        let product = world.object(price.text("product")).text("name");
        Line {
            description: if free { format!("Trial period for {product}") } else { format!("{quantity} × {product}") },
            amount: if free { 0 } else { price.int("unit_amount") * quantity },
            quantity,
            price: price.clone(),
            item: item.text("id").to_owned(),
            period: (item.int("current_period_start"), item.int("current_period_end")),
            proration: false,
        }
    };
    subscription.list("items/data").iter().map(line).collect()
}

/// A draft with these lines, which is the subscription's latest invoice from now on.
pub fn bill(world: &mut World, id: &str, reason: &str, period: (i64, i64), lines: &[Line]) -> String {
    let subscription = world.object(id).clone();
    let draft =
        Draft { customer: subscription.text("customer"), subscription: id, reason, currency: subscription.text("currency"), period, lines };
    let invoice = invoices::draft(world, &draft);
    world.edit(id, json!({ "latest_invoice": invoice }));
    invoice
}

/// The end of a period, a trial's too.
pub fn period_ended(world: &mut World, id: &str, due: i64) {
    let before = world.object(id).clone();
    if before.flag("cancel_at_period_end") || before.maybe_int("cancel_at").is_some_and(|time| time <= due) {
        end(world, id, Some("cancellation_requested"));
        return;
    }
    match before.text("status") {
        "incomplete" | "paused" => return,
        "trialing" if !has_payment_method(world, &before) => match before.text("trial_settings/end_behavior/missing_payment_method") {
            "cancel" => {
                end(world, id, None);
                return;
            }
            "pause" => {
                world.change(id, UPDATED, json!({ "status": "paused" }));
                world.emit("customer.subscription.paused", id);
                return;
            }
            _ => world.edit(id, json!({ "status": "active" })),
        },
        "trialing" => world.edit(id, json!({ "status": "active" })),
        _ => {}
    }
    renew(world, id, due);
    world.emit_change(UPDATED, before);
}

pub fn has_payment_method(world: &World, subscription: &Value) -> bool {
    let customer = world.object(subscription.text("customer"));
    subscription.maybe_text("default_payment_method").is_some() || customer.maybe_text("invoice_settings/default_payment_method").is_some()
}

/// Begins the next period, with a draft that is charged an hour later. An unpaid subscription makes drafts that stay drafts.
fn renew(world: &mut World, id: &str, due: i64) {
    let subscription = world.object(id).clone();
    let end = period_end(subscription.int("billing_cycle_anchor"), subscription.at("items/data/0/price/recurring"), due);
    set_period(world, id, (due, end));
    let mut lines = change::take_waiting(world, id);
    lines.extend(self::lines(world, id));
    let invoice = bill(world, id, "subscription_cycle", period(&subscription), &lines);
    if subscription.text("status") == "unpaid" {
        world.edit(&invoice, json!({ "auto_advance": false }));
    } else {
        invoices::finalize_in_an_hour(world, &invoice);
    }
}

pub fn set_period(world: &mut World, id: &str, (start, end): (i64, i64)) {
    for index in 0..world.object(id).list("items/data").len() {
        world.edit(
            id,
            json!({
                format!("items/data/{index}/current_period_start"): start,
                format!("items/data/{index}/current_period_end"): end,
            }),
        );
    }
    world.at(end, Timer::PeriodEnd, id);
    if world.object(id).flag("cancel_at_period_end") {
        world.edit(id, json!({ "cancel_at": end }));
    }
}

pub fn invoice_paid(world: &mut World, invoice: &str) {
    let id = invoices::subscription_of(world.object(invoice)).to_owned();
    let before = world.object(&id).clone();
    let latest = before.text("latest_invoice") == invoice;
    if before.text("_pending/invoice") == invoice {
        change::settle(world, &id);
    } else if is_one_of(&before, "status", &["incomplete", "past_due", "unpaid"]) && latest {
        world.change(&id, UPDATED, json!({ "status": "active" }));
    } else if before.text("status") == "paused" && before.text("_resuming/invoice") == invoice {
        go_on(world, &id, "active");
        world.emit("customer.subscription.resumed", &id);
    }
}

/// `final_attempt`: there will be no other.
pub fn invoice_not_paid(world: &mut World, invoice: &str, final_attempt: bool) {
    let id = invoices::subscription_of(world.object(invoice)).to_owned();
    let subscription = world.object(&id);
    let pending = subscription.text("_pending/invoice") == invoice;
    if subscription.text("status") == "paused"
        && subscription.text("_resuming/invoice") == invoice
        && !subscription.flag("_resuming/charge")
    {
        go_on(world, &id, "past_due");
        return;
    }
    if pending || !is_one_of(subscription, "status", &["active", "past_due"]) {
        return;
    }
    world.change(&id, UPDATED, json!({ "status": "past_due" }));
    if final_attempt {
        match world.settings.dunning {
            Dunning::Cancel => end(world, &id, Some("payment_failed")),
            Dunning::Unpaid => world.change(&id, UPDATED, json!({ "status": "unpaid" })),
            Dunning::PastDue => {}
        }
    }
}

/// The first payment never came, in time.
pub fn first_payment_due(world: &mut World, id: &str) {
    let invoice = world.object(id).text("latest_invoice").to_owned();
    if invoices::is_being_paid(world, world.object(&invoice)) {
        let later = world.now + PATIENCE;
        world.at(later, Timer::FirstPaymentExpires, id);
        return;
    }
    expire(world, id, json!({}));
}

/// The end of what has never begun, with more to say about it. It is no deletion, not even when somebody has asked for it.
pub fn expire(world: &mut World, id: &str, more: Value) {
    let (now, invoice) = (world.now, world.object(id).text("latest_invoice").to_owned());
    let mut fields = json!({ "status": "incomplete_expired", "ended_at": now });
    fields.also(more);
    world.change(id, UPDATED, fields);
    invoices::void_if_open(world, &invoice);
}

/// The end of it, now. Its open invoices are not charged any more.
pub fn end(world: &mut World, id: &str, reason: Option<&str>) {
    let now = world.now;
    let canceled_at = world.object(id).maybe_int("canceled_at").unwrap_or(now);
    world.edit(
        id,
        json!({
            "status": "canceled",
            "canceled_at": canceled_at,
            "cancellation_details/reason": reason,
            "ended_at": now,
            "pending_update": null,
            "_pending": null,
        }),
    );
    for invoice in world.ids_where("invoice", "customer", world.object(id).text("customer").to_owned().as_str()) {
        let object = world.object(&invoice);
        if invoices::subscription_of(object) == id && is_one_of(object, "status", &["draft", "open"]) {
            world.edit(&invoice, json!({ "auto_advance": false, "automatically_finalizes_at": null, "next_payment_attempt": null }));
        }
    }
    schedules::subscription_ended(world, id);
    world.emit("customer.subscription.deleted", id);
}

/// `POST /v1/subscriptions/:id/resume`: makes an invoice for a period that begins now. Once that is paid, the period is the subscription's,
/// and it is active. `charge`: the payment is tried at once, and again later; otherwise somebody has to pay the invoice.
pub fn resume(world: &mut World, id: &str, charge: bool) {
    let (now, subscription) = (world.now, world.object(id).clone());
    // What was asked for before is replaced.
    invoices::void_if_open(world, subscription.text("_resuming/invoice"));
    let end = period_end(now, subscription.at("items/data/0/price/recurring"), now);
    let lines: Vec<Line> = lines(world, id).into_iter().map(|line| Line { period: (now, end), ..line }).collect();
    let invoice = bill(world, id, "subscription_cycle", (now, now), &lines);
    world.edit(id, json!({ "_resuming": { "invoice": invoice, "start": now, "end": end, "charge": charge } }));
    invoices::finalize(world, &invoice);
    if charge {
        invoices::collect(world, &invoice, false);
    } else {
        world.edit(&invoice, json!({ "auto_advance": false }));
    }
}

/// It was resumed: the period that was billed begins.
fn go_on(world: &mut World, id: &str, status: &str) {
    let before = world.object(id).clone();
    let (start, end) = (before.int("_resuming/start"), before.int("_resuming/end"));
    world.edit(id, json!({ "status": status, "billing_cycle_anchor": start, "_resuming": null }));
    set_period(world, id, (start, end));
    world.emit_change(UPDATED, before);
}
