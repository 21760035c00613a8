//! Subscription schedules: what a subscription will contain from when on. Only those that were made from a subscription; their
//! first phase is the one that runs.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::period_end;
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param, required};
use crate::stripe::sandbox::state::World;
use crate::stripe::sandbox::timers::Timer;

use super::change::{self, PRORATION};
use super::lifecycle::{self, period};
use super::{discounts, first_metadata, is_one_of, metadata, payments};

pub const CREATE: &[Param] = &[required("from_subscription", Kind::Text), param("metadata", Kind::Metadata)];
pub const UPDATE: &[Param] = &[
    param("phases", Kind::List(&Kind::Hash(PHASE))),
    param("end_behavior", Kind::OneOf(&["cancel", "release"])),
    param("metadata", Kind::Metadata),
    param("proration_behavior", PRORATION),
    param("default_settings", Kind::Any),
];
const PHASE: &[Param] = &[
    required("items", Kind::List(&Kind::Hash(ITEM))),
    param("start_date", Kind::Time(&["now"])),
    param("end_date", Kind::Time(&["now"])),
    param(
        "duration",
        Kind::Hash(&[required("interval", Kind::OneOf(&["day", "week", "month", "year"])), param("interval_count", Kind::Int)]),
    ),
    param("iterations", Kind::Int),
    param("proration_behavior", PRORATION),
    param("metadata", Kind::Metadata),
    param("description", Kind::Text),
    param("billing_cycle_anchor", Kind::OneOf(&["automatic", "phase_start"])),
    param("collection_method", Kind::OneOf(&["charge_automatically"])),
    param("discounts", discounts::PARAM),
    param("default_payment_method", Kind::Text),
    param("trial_end", Kind::Time(&[])),
    param("currency", Kind::Text),
];
const ITEM: &[Param] = &[required("price", Kind::Text), param("quantity", Kind::Int), param("metadata", Kind::Metadata)];
pub const RELEASE: &[Param] = &[param("preserve_cancel_date", Kind::Bool)];
pub const CANCEL: &[Param] = &[param("invoice_now", Kind::Bool), param("prorate", Kind::Bool)];
pub const FILTERS: &[Param] = &[param("customer", Kind::Text)];

const UPDATED: &str = "customer.subscription.updated";

pub fn create(world: &mut World, params: &Value) -> Answer {
    let subscription = world.referred("from_subscription", "subscription", params.text("from_subscription"))?.clone();
    let id = subscription.text("id");
    if !lifecycle::alive(&subscription) {
        return Err(ApiError::param(
            "from_subscription",
            None,
            "You cannot migrate a subscription that has ended to a subscription schedule.",
        ));
    }
    if subscription.maybe_text("schedule").is_some() {
        return Err(ApiError::param("from_subscription", None, format!("The subscription `{id}` is already attached to a schedule.")));
    }
    let (start, end) = period(&subscription);
    let items: Vec<Value> = subscription
        .list("items/data")
        .iter()
        .map(|item| phase_item(item.at("price/id"), item.at("quantity"), &item.at("price/id").clone(), item.at("metadata")))
        .collect();
    let mut running = phase(&subscription, items, (start, end), "create_prorations", &json!({}));
    running.set("discounts", discounts::shown(&subscription));
    running.set("default_payment_method", subscription.at("default_payment_method").clone());
    let schedule = world.create(
        "subscription_schedule",
        json!({
            "current_phase": { "start_date": start, "end_date": end },
            "customer": subscription.at("customer"),
            "metadata": first_metadata(params),
            "phases": [running],
            "status": "active",
            "subscription": id,
        }),
    );
    world.emit("subscription_schedule.created", &schedule);
    world.at(end, Timer::NextPhase, &schedule);
    world.change(id, UPDATED, json!({ "schedule": schedule }));
    Ok(world.object(&schedule).clone())
}

fn phase_item(price: &Value, quantity: &Value, plan: &Value, metadata: &Value) -> Value {
    json!({
        "billing_thresholds": null, "discounts": [], "metadata": metadata, "plan": plan, "price": price, "quantity": quantity, "tax_rates": [],
    })
}

fn phase(subscription: &Value, items: Vec<Value>, (start, end): (i64, i64), proration: &str, metadata: &Value) -> Value {
    json!({
        "add_invoice_items": [], "application_fee_percent": null, "automatic_tax": null, "billing_cycle_anchor": null,
        "billing_thresholds": null, "collection_method": null, "coupon": null, "currency": subscription.at("currency"),
        "default_payment_method": null, "default_tax_rates": [], "description": null, "discounts": [], "end_date": end,
        "invoice_settings": null, "items": items, "metadata": metadata, "on_behalf_of": null, "proration_behavior": proration,
        "start_date": start, "transfer_data": null, "trial_end": null,
    })
}

fn running(world: &World, id: &str) -> Answer {
    let schedule = world.find("subscription_schedule", id)?;
    if is_one_of(schedule, "status", &["active", "not_started"]) {
        Ok(schedule.clone())
    } else {
        Err(ApiError::invalid(format!("This schedule is {} and cannot be changed.", schedule.text("status"))))
    }
}

/// The phases are replaced by those given; the one that runs must begin as it began.
pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let schedule = running(world, id)?;
    let subscription = world.object(schedule.text("subscription")).clone();
    let mut fields = json!({ "metadata": metadata(schedule.at("metadata"), params) });
    if let Some(behaviour) = params.maybe_text("end_behavior") {
        fields.set("end_behavior", behaviour);
    }
    if params.has("phases") {
        let phases = phases(world, &schedule, &subscription, params.list("phases"))?;
        let current = phases.iter().find(|phase| phase.int("start_date") <= world.now && world.now < phase.int("end_date"));
        fields.set("current_phase", current.map(|phase| json!({ "start_date": phase.at("start_date"), "end_date": phase.at("end_date") })));
        for phase in &phases {
            world.at(phase.int("end_date"), Timer::NextPhase, id);
        }
        if let Some(current) = current {
            put_in_force(world, subscription.text("id"), current);
        }
        fields.set("phases", phases);
    }
    world.change(id, "subscription_schedule.updated", fields);
    world.emit_change(UPDATED, subscription);
    Ok(world.object(id).clone())
}

fn phases(world: &mut World, schedule: &Value, subscription: &Value, wanted: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut phases: Vec<Value> = Vec::new();
    let mut begins = schedule.maybe_int("current_phase/start_date").unwrap_or(world.now);
    for (index, wish) in wanted.iter().enumerate() {
        let name = |field: &str| format!("phases[{index}][{field}]");
        let start = match wish.maybe_int("start_date") {
            Some(start) if start == begins => start,
            Some(_) if index == 0 => {
                return Err(ApiError::param(name("start_date"), None, "You can not modify the start date of the current phase."));
            }
            Some(_) => return Err(ApiError::param(name("start_date"), None, "A phase must begin when the one before it ends.")),
            None => begins,
        };
        let mut items = Vec::new();
        let mut recurring = Value::Null;
        for (place, item) in wish.list("items").iter().enumerate() {
            let param = format!("{}[{place}][price]", name("items"));
            let (id, currency) = (item.text("price"), subscription.text("currency"));
            let contained = subscription.list("items/data").iter().any(|item| item.text("price/id") == id);
            let price = match contained {
                true => change::known_price(world, &param, id, currency)?,
                false => change::usable_price(world, &param, id, currency)?,
            };
            recurring = price.at("recurring").clone();
            let quantity = json!(item.maybe_int("quantity").unwrap_or(1));
            items.push(phase_item(price.at("id"), &quantity, price.at("id"), &super::metadata(&Value::Null, item)));
        }
        let end = match (wish.maybe_int("end_date"), wish.at("duration"), wish.maybe_int("iterations")) {
            (Some(end), ..) => end,
            (None, duration, _) if duration.is_object() => period_end(start, duration, start),
            (None, _, times) => (0..times.unwrap_or(1)).fold(start, |end, _| period_end(start, &recurring, end)),
        };
        if end <= start {
            return Err(ApiError::param(name("end_date"), None, "The end of a phase must come after its start."));
        }
        let proration = wish.maybe_text("proration_behavior").unwrap_or("create_prorations");
        let mut made = phase(subscription, items, (start, end), proration, &super::metadata(&Value::Null, wish));
        made.set("discounts", discounts::of_phase(world, &name("discounts"), subscription, wish)?);
        if let Some(method) = wish.maybe_text("default_payment_method") {
            made.set(
                "default_payment_method",
                payments::named(world, &name("default_payment_method"), method, subscription.text("customer"))?,
            );
        }
        phases.push(made);
        begins = end;
    }
    Ok(phases)
}

/// What a phase does not name, its subscription has no longer: then the customer's payment method is charged, if there is one.
fn put_in_force(world: &mut World, subscription: &str, phase: &Value) {
    let before = world.object(subscription).clone();
    let mut made = Vec::new();
    for (place, wish) in phase.list("items").iter().enumerate() {
        let (price, quantity) = (world.object(wish.text("price")).clone(), wish.maybe_int("quantity").unwrap_or(1));
        let mut item = before.at(&format!("items/data/{place}")).clone();
        if item.is_null() {
            item = lifecycle::item(world, subscription, &price, quantity, period(&before));
        }
        item.patch(json!({ "plan": super::prices::plan(&price), "price": price, "quantity": quantity }));
        made.push(item);
    }
    lifecycle::set_items(world, subscription, made);
    discounts::replace(world, subscription, phase);
    world.edit(subscription, json!({ "default_payment_method": phase.at("default_payment_method") }));
}

/// A phase has ended: the next one is put in force, or the schedule is over.
pub fn next_phase(world: &mut World, id: &str, due: i64) {
    let schedule = world.object(id).clone();
    if schedule.text("status") != "active" || !schedule.list("phases").iter().any(|phase| phase.int("end_date") == due) {
        return;
    }
    let Some(next) = schedule.list("phases").iter().find(|phase| phase.int("start_date") == due) else {
        finish(world, id);
        return;
    };
    let subscription = schedule.text("subscription").to_owned();
    let before = world.object(&subscription).clone();
    put_in_force(world, &subscription, next);
    if next.at("metadata").as_object().is_some_and(|fields| !fields.is_empty()) {
        world.edit(&subscription, json!({ "metadata": next.at("metadata") }));
    }
    let dates = json!({ "start_date": next.at("start_date"), "end_date": next.at("end_date") });
    world.change(id, "subscription_schedule.updated", json!({ "current_phase": dates }));
    // At the end of a period the renewal that follows tells of the change, too.
    world.emit_change(UPDATED, before);
}

fn finish(world: &mut World, id: &str) {
    let now = world.now;
    let subscription = world.object(id).text("subscription").to_owned();
    if world.object(id).text("end_behavior") == "cancel" {
        world.change(id, "subscription_schedule.completed", json!({ "status": "completed", "completed_at": now, "current_phase": null }));
        lifecycle::end(world, &subscription, None);
    } else {
        let fields = json!({ "status": "completed", "completed_at": now, "current_phase": null });
        world.change(id, "subscription_schedule.completed", fields);
        world.change(&subscription, UPDATED, json!({ "schedule": null }));
    }
}

/// The subscription goes on as it is, without the schedule.
pub fn release(world: &mut World, id: &str) -> Answer {
    let schedule = running(world, id)?;
    let (now, subscription) = (world.now, schedule.text("subscription"));
    world.change(
        id,
        "subscription_schedule.released",
        json!({
            "current_phase": null, "released_at": now, "released_subscription": subscription, "status": "released", "subscription": null,
        }),
    );
    world.change(subscription, UPDATED, json!({ "schedule": null }));
    Ok(world.object(id).clone())
}

/// The schedule ends, and its subscription with it.
pub fn cancel(world: &mut World, id: &str) -> Answer {
    let schedule = running(world, id)?;
    lifecycle::end(world, schedule.text("subscription"), Some("cancellation_requested"));
    Ok(world.object(id).clone())
}

pub fn subscription_ended(world: &mut World, subscription: &str) {
    let Some(id) = world.object(subscription).maybe_text("schedule").map(str::to_owned) else { return };
    let now = world.now;
    if world.object(&id).text("status") == "active" {
        world.change(&id, "subscription_schedule.canceled", json!({ "status": "canceled", "canceled_at": now, "current_phase": null }));
    }
}
