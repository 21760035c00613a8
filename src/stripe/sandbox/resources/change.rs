//! Changes of what a subscription contains. What was paid for and will not be used is credited, what is used from now on is
//! charged: now, with the next invoice, or not at all. A change that must be paid first waits as a *pending update*.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::{date, period_end};
use crate::stripe::sandbox::error::ApiError;
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, param};
use crate::stripe::sandbox::state::World;
use crate::stripe::sandbox::timers::Timer;

use super::invoices::{self, Line};
use super::lifecycle::{self, PATIENCE, bill, period, set_items, set_period};
use super::payments::{self, Outcome};
use super::prices::{for_sale, plan};

pub const PRORATION: Kind = Kind::OneOf(&["always_invoice", "create_prorations", "none"]);
pub const BEHAVIOUR: Kind = Kind::OneOf(&["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"]);

pub const ITEMS: Kind = Kind::List(&Kind::Hash(&[
    param("id", Kind::Text),
    param("price", Kind::Text),
    param("quantity", Kind::Int),
    param("deleted", Kind::Bool),
    param("metadata", Kind::Metadata),
]));

/// Parameters that a pending update can wait with.
pub const MAY_WAIT: &[&str] = &[
    "items",
    "quantity",
    "price",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "billing_cycle_anchor",
    "trial_end",
    "trial_from_plan",
    "off_session",
];

/// A change, computed and not yet made.
#[derive(Clone, Debug)]
pub struct Change {
    pub items: Vec<Value>,
    pub lines: Vec<Line>,
    /// A new period begins with it.
    pub restarts: Option<(i64, i64)>,
    /// A trial ends with it.
    ends_trial: bool,
}

pub struct Wish<'a> {
    /// The `items` parameter.
    pub items: &'a [Value],
    /// The period begins anew.
    pub restart: bool,
    pub end_trial: bool,
    /// `always_invoice`, `create_prorations` or `none`.
    pub proration: &'a str,
    /// When the prorations count from.
    pub at: i64,
}

/// What would happen. Changes nothing.
pub fn propose(world: &mut World, id: &str, wish: &Wish<'_>) -> Result<Change, ApiError> {
    let subscription = world.object(id).clone();
    let old = subscription.list("items/data").to_vec();
    let items = wanted_items(world, &subscription, wish.items)?;
    let Some(first) = items.first() else {
        return Err(ApiError::param("items", None, "A subscription must have at least one active item."));
    };
    let interval = |item: &Value| (item.text("price/recurring/interval").to_owned(), item.int("price/recurring/interval_count"));
    let trialing = subscription.text("status") == "trialing";
    let other_interval = old.first().map(interval) != Some(interval(first));
    let restarts = (wish.restart || wish.end_trial || other_interval && !trialing)
        .then(|| (world.now, period_end(world.now, first.at("price/recurring"), world.now)));
    let mut lines = Vec::new();
    let (start, end) = period(&subscription);
    let prorate = wish.proration != "none" && !trialing;
    let at = wish.at.clamp(start, end);
    for item in old.iter().filter(|_| prorate) {
        let same = items.iter().any(|new| new.at("id") == item.at("id") && same_terms(new, item));
        if !same || restarts.is_some() {
            lines.push(share(world, item, -1, at, (start, end)));
        }
    }
    for item in &items {
        if let Some(period) = restarts {
            lines.push(whole(world, item, period));
        } else if prorate && !old.iter().any(|before| before.at("id") == item.at("id") && same_terms(before, item)) {
            lines.push(share(world, item, 1, at, (start, end)));
        }
    }
    Ok(Change { items, lines, restarts, ends_trial: wish.end_trial && trialing })
}

fn same_terms(one: &Value, other: &Value) -> bool {
    one.at("price/id") == other.at("price/id") && one.at("quantity") == other.at("quantity")
}

/// The items as they would be.
fn wanted_items(world: &mut World, subscription: &Value, wanted: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut items = subscription.list("items/data").to_vec();
    for (index, wish) in wanted.iter().enumerate() {
        let name = |field: &str| format!("items[{index}][{field}]");
        let price = match wish.maybe_text("price") {
            Some(price) => Some(usable_price(world, &name("price"), price, subscription.text("currency"))?),
            None => None,
        };
        if wish.maybe_int("quantity").is_some_and(|quantity| quantity < 0) {
            return Err(ApiError::param(name("quantity"), Some("parameter_invalid_integer"), "Invalid non-negative integer"));
        }
        let Some(id) = wish.maybe_text("id") else {
            let Some(price) = price else {
                return Err(ApiError::param(
                    name("price"),
                    Some("parameter_missing"),
                    format!("Missing required param: {}.", name("price")),
                ));
            };
            if items.iter().any(|item| item.at("price/id") == price.at("id")) {
                let message = format!("Price {} is already used by another item of this subscription.", price.text("id"));
                return Err(ApiError::param(name("price"), None, message));
            }
            let quantity = wish.maybe_int("quantity").unwrap_or(1);
            items.push(lifecycle::item(world, subscription.text("id"), &price, quantity, period(subscription)));
            continue;
        };
        let Some(place) = items.iter().position(|item| item.text("id") == id) else {
            return Err(ApiError::no_such(&name("id"), "subscription_item", id));
        };
        if wish.flag("deleted") {
            items.remove(place);
            continue;
        }
        let Some(item) = items.get_mut(place) else { continue };
        if let Some(price) = price {
            item.patch(json!({ "plan": plan(&price), "price": price }));
        }
        if let Some(quantity) = wish.maybe_int("quantity") {
            item.set("quantity", quantity);
        }
        if wish.has("metadata") {
            item.set("metadata", super::metadata(item.at("metadata"), wish));
        }
    }
    Ok(items)
}

/// A recurring price that is for sale in that currency (in any, if empty).
pub fn usable_price(world: &World, param: &str, id: &str, currency: &str) -> Result<Value, ApiError> {
    for_sale(world, param, world.referred(param, "price", id)?)?;
    known_price(world, param, id, currency)
}

/// The same, although it may be archived: what is contained already stays.
pub fn known_price(world: &World, param: &str, id: &str, currency: &str) -> Result<Value, ApiError> {
    let price = world.referred(param, "price", id)?;
    if price.text("type") != "recurring" {
        return Err(ApiError::param(
            param,
            None,
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
        ));
    }
    if !currency.is_empty() && price.text("currency") != currency {
        return Err(ApiError::param(param, None, format!("The price is in {}, the subscription in {currency}.", price.text("currency"))));
    }
    Ok(price.clone())
}

/// What an item costs for the rest of the period, or with sign -1: what of it is given back.
fn share(world: &World, item: &Value, sign: i64, at: i64, (start, end): (i64, i64)) -> Line {
    let whole = item.int("price/unit_amount") * item.int("quantity");
    let amount = sign * rounded(whole, end - at, (end - start).max(1));
    let product = world.object(item.text("price/product")).text("name");
    let what = if sign < 0 { "Unused" } else { "Remaining" };
    Line {
        description: format!("{what} time on {product} after {}", date(at)),
        amount,
        quantity: item.int("quantity"),
        price: item.at("price").clone(),
        item: item.text("id").to_owned(),
        period: (at, end),
        proration: true,
    }
}

fn whole(world: &World, item: &Value, period: (i64, i64)) -> Line {
    let product = world.object(item.text("price/product")).text("name");
    Line {
        description: format!("{} × {product}", item.int("quantity")),
        amount: item.int("price/unit_amount") * item.int("quantity"),
        quantity: item.int("quantity"),
        price: item.at("price").clone(),
        item: item.text("id").to_owned(),
        period,
        proration: false,
    }
}

/// `amount * part / whole`, half away from zero.
fn rounded(amount: i64, part: i64, whole: i64) -> i64 {
    let (amount, part, whole) = (i128::from(amount), i128::from(part), i128::from(whole));
    i64::try_from((amount * part * 2 + whole) / (whole * 2)).unwrap_or(i64::MAX)
}

/// Makes the change as the caller asked: at once, or when it is paid.
pub fn carry_out(world: &mut World, id: &str, change: Change, proration: &str, behaviour: &str) -> Result<(), ApiError> {
    let invoiced = !change.lines.is_empty() && (proration == "always_invoice" || change.restarts.is_some());
    if !invoiced {
        wait_with(world, id, &change.lines);
        apply(world, id, &change);
        return Ok(());
    }
    let owed: i64 = change.lines.iter().map(|line| line.amount).sum();
    let method = payment_method(world, id);
    let outcome = if owed > 0 { payments::outcome(world, &method, false) } else { Outcome::Paid };
    if outcome != Outcome::Paid && behaviour == "error_if_incomplete" {
        return Err(match outcome {
            Outcome::NeedsAction => ApiError::card("authentication_required"),
            Outcome::Declined(reason) => ApiError::card(reason),
            Outcome::Paid | Outcome::Processing => ApiError::card("generic_decline"),
        });
    }
    // It takes the place of one that waits, which nobody is to pay for any more. The caller tells of both.
    let replaced = world.object(id).text("_pending/invoice").to_owned();
    world.edit(id, json!({ "pending_update": null, "_pending": null }));
    invoices::void_if_open(world, &replaced);
    let before_period = period(world.object(id));
    if outcome != Outcome::Paid && behaviour == "pending_if_incomplete" {
        let invoice = bill(world, id, "subscription_update", before_period, &change.lines);
        let expires = world.now + PATIENCE;
        world.edit(
            id,
            json!({
                "pending_update": {
                    "billing_cycle_anchor": change.restarts.map(|(start, _)| start),
                    "discounts": null,
                    "expires_at": expires,
                    "metadata": null,
                    "subscription_items": change.items,
                    "trial_end": null,
                    "trial_from_plan": null,
                },
                "_pending": { "invoice": invoice, "items": change.items, "restarts": change.restarts, "ends_trial": change.ends_trial },
            }),
        );
        world.at(expires, Timer::PendingUpdateExpires, id);
        invoices::finalize(world, &invoice);
        world.edit(&invoice, json!({ "auto_advance": false }));
        invoices::collect(world, &invoice, false);
        return Ok(());
    }
    apply(world, id, &change);
    let invoice = bill(world, id, "subscription_update", before_period, &change.lines);
    invoices::finalize(world, &invoice);
    // Its outcome is told by events after the one about the change itself.
    world.edit(id, json!({ "_collect": invoice, "_confirm_first": behaviour == "default_incomplete" }));
    Ok(())
}

/// Charges what `carry_out` has left to be charged.
pub fn collect(world: &mut World, id: &str) {
    let Some(invoice) = world.object(id).maybe_text("_collect").map(str::to_owned) else { return };
    world.edit(id, json!({ "_collect": null }));
    invoices::collect(world, &invoice, false);
}

/// What is charged for it.
pub fn payment_method(world: &World, id: &str) -> String {
    let invoice = world.object(world.object(id).text("latest_invoice")).clone();
    invoices::payment_method(world, &invoice)
}

fn apply(world: &mut World, id: &str, change: &Change) {
    set_items(world, id, change.items.clone());
    if change.ends_trial {
        let now = world.now;
        world.edit(id, json!({ "status": "active", "trial_end": now }));
    }
    if let Some(period) = change.restarts {
        world.edit(id, json!({ "billing_cycle_anchor": period.0 }));
        set_period(world, id, period);
    }
}

/// Prorations that go on the next invoice.
fn wait_with(world: &mut World, id: &str, lines: &[Line]) {
    let mut waiting = world.object(id).list("_waiting").to_vec();
    waiting.extend(lines.iter().map(|line| {
        json!({ "description": line.description, "amount": line.amount, "quantity": line.quantity, "price": line.price,
            "item": line.item, "start": line.period.0, "end": line.period.1 })
    }));
    world.edit(id, json!({ "_waiting": waiting }));
}

pub fn waiting(world: &World, id: &str) -> Vec<Line> {
    let line = |line: &Value| Line {
        description: line.text("description").to_owned(),
        amount: line.int("amount"),
        quantity: line.int("quantity"),
        price: line.at("price").clone(),
        item: line.text("item").to_owned(),
        period: (line.int("start"), line.int("end")),
        proration: true,
    };
    world.object(id).list("_waiting").iter().map(line).collect()
}

pub fn take_waiting(world: &mut World, id: &str) -> Vec<Line> {
    let lines = waiting(world, id);
    world.edit(id, json!({ "_waiting": [] }));
    lines
}

/// The pending update has been paid for: now it is made.
pub fn settle(world: &mut World, id: &str) {
    let before = world.object(id).clone();
    let pending = before.at("_pending");
    let restarts = pending.maybe_int("restarts/0").zip(pending.maybe_int("restarts/1"));
    let change = Change { items: pending.list("items").to_vec(), lines: Vec::new(), restarts, ends_trial: pending.flag("ends_trial") };
    // The period may have moved on while the payment was awaited.
    let now_period = period(&before);
    apply(world, id, &change);
    if restarts.is_none() {
        set_period(world, id, now_period);
    }
    world.edit(id, json!({ "pending_update": null, "_pending": null }));
    world.emit("customer.subscription.pending_update_applied", id);
    world.emit_change("customer.subscription.updated", before);
}

/// Nobody paid for it in time, or nobody can: its invoice is void.
pub fn expire(world: &mut World, id: &str) {
    let before = world.object(id).clone();
    let invoice = before.text("_pending/invoice").to_owned();
    world.edit(id, json!({ "pending_update": null, "_pending": null }));
    world.emit("customer.subscription.pending_update_expired", id);
    world.emit_change("customer.subscription.updated", before);
    invoices::void_if_open(world, &invoice);
}
