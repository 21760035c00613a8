//! Subscriptions as the API shows them: create, update, cancel, resume.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::DAY;
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param, required};
use crate::stripe::sandbox::state::World;
use crate::stripe::sandbox::timers::Timer;

use super::change::{self, BEHAVIOUR, ITEMS, MAY_WAIT, PRORATION, Wish};
use super::lifecycle::{self, Terms, alive, period};
use super::{discounts, first_metadata, given, invoices, is_one_of, metadata, payments};

const TRIAL_SETTINGS: Kind = Kind::Hash(&[required(
    "end_behavior",
    Kind::Hash(&[required("missing_payment_method", Kind::OneOf(&["cancel", "create_invoice", "pause"]))]),
)]);
const BILLING_MODE: Kind = Kind::Hash(&[required("type", Kind::OneOf(&["classic", "flexible"])), param("flexible", Kind::Any)]);
const PAYMENT_SETTINGS: Kind = Kind::Hash(&[
    param("save_default_payment_method", Kind::OneOf(&["off", "on_subscription"])),
    param("payment_method_types", super::super::params::TEXTS),
    param("payment_method_options", Kind::Any),
]);

pub const CREATE: &[Param] = &[
    required("customer", Kind::Text),
    required("items", ITEMS),
    param("metadata", Kind::Metadata),
    param("default_payment_method", Kind::Text),
    param("payment_behavior", BEHAVIOUR),
    param("payment_settings", PAYMENT_SETTINGS),
    param("proration_behavior", PRORATION),
    param("trial_period_days", Kind::Int),
    param("trial_end", Kind::Time(&["now"])),
    param("trial_settings", TRIAL_SETTINGS),
    param("cancel_at_period_end", Kind::Bool),
    param("collection_method", Kind::OneOf(&["charge_automatically"])),
    param("description", Kind::Text),
    param("discounts", discounts::PARAM),
    param("billing_mode", BILLING_MODE),
    param("off_session", Kind::Bool),
];

pub const UPDATE: &[Param] = &[
    param("items", ITEMS),
    param("metadata", Kind::Metadata),
    param("default_payment_method", Kind::Text),
    param("payment_behavior", BEHAVIOUR),
    param("payment_settings", PAYMENT_SETTINGS),
    param("proration_behavior", PRORATION),
    param("proration_date", Kind::Time(&[])),
    param("billing_cycle_anchor", Kind::OneOf(&["now", "unchanged"])),
    param("trial_end", Kind::Time(&["now"])),
    param("trial_settings", TRIAL_SETTINGS),
    param("cancel_at_period_end", Kind::Bool),
    param("cancel_at", Kind::Time(&["min_period_end", "max_period_end"])),
    param("cancellation_details", Kind::Hash(&[param("comment", Kind::Text), param("feedback", Kind::Text)])),
    param("pause_collection", Kind::Hash(PAUSE)),
    param("collection_method", Kind::OneOf(&["charge_automatically"])),
    param("description", Kind::Text),
    param("discounts", discounts::PARAM),
    param("off_session", Kind::Bool),
];

const PAUSE: &[Param] =
    &[required("behavior", Kind::OneOf(&["keep_as_draft", "mark_uncollectible", "void"])), param("resumes_at", Kind::Time(&[]))];

pub const CANCEL: &[Param] = &[
    param("invoice_now", Kind::Bool),
    param("prorate", Kind::Bool),
    param("cancellation_details", Kind::Hash(&[param("comment", Kind::Text), param("feedback", Kind::Text)])),
];
pub const RESUME: &[Param] = &[
    param("billing_cycle_anchor", Kind::OneOf(&["now", "unchanged"])),
    param("payment_behavior", Kind::OneOf(&["resume_on_payment_attempt", RESUME_WHEN_PAID])),
    param("proration_behavior", PRORATION),
    param("proration_date", Kind::Time(&[])),
];
const RESUME_WHEN_PAID: &str = "resume_on_payment_success";
pub const FILTERS: &[Param] = &[
    param("customer", Kind::Text),
    param("price", Kind::Text),
    param("collection_method", Kind::OneOf(&["charge_automatically", "send_invoice"])),
    param("status", Kind::OneOf(STATUSES)),
];
const STATUSES: &[&str] =
    &["active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid"];

const UPDATED: &str = "customer.subscription.updated";

/// A list without a status leaves canceled ones out.
pub fn listed(subscription: &Value, params: &Value) -> bool {
    let status = subscription.text("status");
    let wanted = match params.text("status") {
        "all" => true,
        "" => status != "canceled",
        "ended" => is_one_of(subscription, "status", &["canceled", "incomplete_expired"]),
        wanted => wanted == status,
    };
    let price = params.maybe_text("price");
    wanted && price.is_none_or(|price| subscription.list("items/data").iter().any(|item| item.text("price/id") == price))
}

pub fn create(world: &mut World, params: &Value) -> Answer {
    let customer = params.text("customer").to_owned();
    world.referred("customer", "customer", &customer)?;
    let mut items = Vec::new();
    for (index, item) in params.list("items").iter().enumerate() {
        let currency = items.first().map(|(price, _): &(Value, i64)| price.text("currency").to_owned()).unwrap_or_default();
        let price = change::usable_price(world, &format!("items[{index}][price]"), item.text("price"), &currency)?;
        items.push((price, item.maybe_int("quantity").unwrap_or(1)));
    }
    if items.is_empty() {
        return Err(ApiError::param("items", Some("parameter_missing"), "Missing required param: items."));
    }
    let trial_end = trial_end(world, params)?;
    let payment_method = match params.maybe_text("default_payment_method") {
        Some(method) => Some(payments::named(world, "default_payment_method", method, &customer)?),
        None => None,
    };
    let behaviour = params.maybe_text("payment_behavior").unwrap_or("allow_incomplete");
    let default = world.object(&customer).text("invoice_settings/default_payment_method").to_owned();
    let method = payment_method.clone().unwrap_or(default);
    if behaviour == "error_if_incomplete" && trial_end.is_none() && payments::outcome(world, &method, false) != payments::Outcome::Paid {
        return Err(ApiError::card("generic_decline"));
    }
    let discount = discounts::wanted(world, &customer, params)?;
    let mut fields = given(params, &["description", "cancel_at_period_end"]);
    if params.text("billing_mode/type") == "classic" {
        fields.set("billing_mode", json!({ "type": "classic" }));
    }
    let terms = Terms {
        customer,
        items,
        metadata: first_metadata(params),
        trial_end,
        payment_method,
        discount,
        missing_payment_method: missing_payment_method(params),
        fields,
    };
    let (id, invoice) = lifecycle::begin(world, terms);
    let free = world.object(&invoice).int("amount_due") == 0;
    if free || behaviour != "default_incomplete" {
        invoices::collect(world, &invoice, false);
    }
    Ok(world.object(&id).clone())
}

pub fn missing_payment_method(params: &Value) -> String {
    params.maybe_text("trial_settings/end_behavior/missing_payment_method").unwrap_or("create_invoice").to_owned()
}

/// None: no trial.
pub fn trial_end(world: &World, params: &Value) -> Result<Option<i64>, ApiError> {
    match (params.maybe_int("trial_end"), params.maybe_int("trial_period_days")) {
        (Some(_), Some(_)) => Err(ApiError::param("trial_end", None, "You may only specify one of `trial_end` and `trial_period_days`.")),
        (Some(time), None) if time <= world.now => Err(ApiError::param("trial_end", None, "Invalid timestamp: must be in the future.")),
        (Some(time), None) => Ok(Some(time)),
        (None, Some(days)) if !(1..=730).contains(&days) => {
            Err(ApiError::param("trial_period_days", None, "Invalid trial_period_days: must be between 1 and 730."))
        }
        (None, Some(days)) => Ok(Some(world.now + days * DAY)),
        (None, None) => Ok(None),
    }
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let before = world.find("subscription", id)?.clone();
    let only_notes = params.as_object().is_some_and(|fields| fields.keys().all(|key| key == "metadata" || key == "cancellation_details"));
    if !alive(&before) && !only_notes {
        return Err(ApiError::invalid("A canceled subscription can only update its cancellation_details and metadata."));
    }
    if before.text("status") == "incomplete" && params.has("items") {
        return Err(ApiError::invalid("What an incomplete subscription contains cannot be changed before its first invoice is paid."));
    }
    let behaviour = params.maybe_text("payment_behavior").unwrap_or("allow_incomplete");
    if behaviour == "pending_if_incomplete"
        && let Some(name) = params.as_object().and_then(|fields| fields.keys().find(|name| !MAY_WAIT.contains(&name.as_str())))
    {
        let message =
            format!("When `payment_behavior=pending_if_incomplete`, you can only pass supported params. `{name}` is not supported.");
        return Err(ApiError::param(name.as_str(), None, message));
    }
    let method = change::payment_method(world, id);
    if behaviour == "pending_if_incomplete" && payments::outcome(world, &method, false) == payments::Outcome::Processing {
        let message = "Pending updates aren't supported when bank debits are used as the payment method for the subscription.";
        return Err(ApiError::param("payment_behavior", None, message));
    }
    let fields = plain_fields(world, &before, params)?;
    let discount = discounts::wanted(world, before.text("customer"), params)?;
    let end_trial = params.text("trial_end") == "now" && before.text("status") == "trialing";
    let restart = params.text("billing_cycle_anchor") == "now";
    let proration = params.maybe_text("proration_behavior").unwrap_or("create_prorations");
    let at = params.maybe_int("proration_date").unwrap_or(world.now);
    if params.has("items") || end_trial || restart {
        let wish = Wish { items: params.list("items"), restart, end_trial, proration, at };
        let change = change::propose(world, id, &wish)?;
        change::carry_out(world, id, change, proration, behaviour)?;
    }
    world.edit(id, fields);
    if let Some(discount) = &discount {
        discounts::give(world, id, discount);
    } else if params.get("discounts").is_some_and(Value::is_null) {
        world.edit(id, json!({ "discounts": [], "_discount": null }));
    }
    set_timers(world, id);
    world.emit_change(UPDATED, before);
    change::collect(world, id);
    Ok(world.object(id).clone())
}

/// Everything but what it contains.
fn plain_fields(world: &mut World, before: &Value, params: &Value) -> Answer {
    let mut fields = given(params, &["description"]);
    fields.set("metadata", metadata(before.at("metadata"), params));
    for note in ["comment", "feedback"] {
        if let Some(text) = params.at("cancellation_details").get(note) {
            fields.also(json!({ format!("cancellation_details/{note}"): text }));
        }
    }
    if let Some(method) = params.maybe_text("default_payment_method") {
        let method = payments::named(world, "default_payment_method", method, before.text("customer"))?;
        fields.set("default_payment_method", method);
    }
    if params.has("trial_settings") {
        fields.also(json!({ "trial_settings/end_behavior/missing_payment_method": missing_payment_method(params) }));
    }
    if let Some(time) = params.maybe_int("trial_end") {
        if time <= world.now {
            return Err(ApiError::param("trial_end", None, "Invalid timestamp: must be in the future."));
        }
        fields.also(json!({ "status": "trialing", "trial_end": time, "billing_cycle_anchor": time }));
        for index in 0..before.list("items/data").len() {
            fields.also(json!({ format!("items/data/{index}/current_period_end"): time }));
        }
    }
    match params.get("pause_collection") {
        None => {}
        Some(Value::Null) => fields.set("pause_collection", Value::Null),
        Some(pause) => fields.set("pause_collection", json!({ "behavior": pause.at("behavior"), "resumes_at": pause.at("resumes_at") })),
    }
    fields.also(cancellation(world, before, params)?);
    Ok(fields)
}

/// When it is to end: with the period, at a time, or not after all.
fn cancellation(world: &World, before: &Value, params: &Value) -> Answer {
    let (now, end) = (world.now, period(before).1);
    if params.has("cancel_at") && params.has("cancel_at_period_end") {
        return Err(ApiError::param("cancel_at", None, "You may only specify one of `cancel_at` and `cancel_at_period_end`."));
    }
    let schedule = before.maybe_text("schedule").filter(|_| params.has("cancel_at") || params.has("cancel_at_period_end"));
    if let Some(schedule) = schedule {
        return Err(ApiError::invalid(format!(
            "The subscription is managed by the subscription schedule `{schedule}`, and updating any cancelation behavior directly is not \
             allowed. Please update the schedule instead."
        )));
    }
    let scheduled = |at: i64, with_period: bool| {
        json!({
            "cancel_at": at,
            "cancel_at_period_end": with_period,
            "canceled_at": before.maybe_int("canceled_at").unwrap_or(now),
            "cancellation_details/reason": "cancellation_requested",
        })
    };
    let not_after_all =
        json!({ "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null, "cancellation_details/reason": null });
    match (params.get("cancel_at"), params.get("cancel_at_period_end")) {
        (Some(Value::String(_)), _) => Ok(scheduled(end, false)),
        (Some(Value::Null), _) => Ok(not_after_all),
        (Some(time), _) => match time.as_i64() {
            Some(time) if time > now => Ok(scheduled(time, false)),
            _ => Err(ApiError::param("cancel_at", None, "Invalid timestamp: must be in the future.")),
        },
        (None, Some(Value::Bool(true))) => Ok(scheduled(end, true)),
        (None, Some(_)) => Ok(not_after_all),
        (None, None) => Ok(json!({})),
    }
}

fn set_timers(world: &mut World, id: &str) {
    let subscription = world.object(id).clone();
    let now = world.now;
    if let Some(time) = subscription.maybe_int("cancel_at") {
        world.at(time, Timer::CancelAt, id);
    }
    if let Some(time) = subscription.maybe_int("pause_collection/resumes_at") {
        world.at(time, Timer::ResumeCollection, id);
    }
    if subscription.text("status") == "trialing" {
        let end = subscription.int("trial_end");
        world.at(end, Timer::PeriodEnd, id);
        world.at((end - lifecycle::TRIAL_WARNING).max(now), Timer::TrialWillEnd, id);
    }
}

/// `DELETE /v1/subscriptions/:id`
pub fn cancel(world: &mut World, id: &str, params: &Value) -> Answer {
    let subscription = world.find("subscription", id)?.clone();
    if !alive(&subscription) {
        return Err(ApiError::missing("subscription", id));
    }
    for note in ["comment", "feedback"] {
        if let Some(text) = params.maybe_text(&format!("cancellation_details/{note}")) {
            world.edit(id, json!({ format!("cancellation_details/{note}"): text }));
        }
    }
    if subscription.text("status") == "incomplete" {
        let now = world.now;
        lifecycle::expire(world, id, json!({ "canceled_at": now, "cancellation_details/reason": "cancellation_requested" }));
        return Ok(world.object(id).clone());
    }
    // What is asked of the last invoice: the unused time given back, and the waiting lines billed.
    let mut lines = Vec::new();
    if params.flag("prorate") {
        let wish = Wish { items: &[], restart: true, end_trial: false, proration: "always_invoice", at: world.now };
        lines = change::propose(world, id, &wish)?.lines.into_iter().filter(|line| line.proration).collect();
    }
    if params.flag("invoice_now") {
        lines.extend(change::take_waiting(world, id));
        if !lines.is_empty() {
            let invoice = lifecycle::bill(world, id, "subscription_update", period(&subscription), &lines);
            invoices::finalize(world, &invoice);
            invoices::collect(world, &invoice, false);
        }
    }
    world.edit(id, json!({ "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null }));
    lifecycle::end(world, id, Some("cancellation_requested"));
    Ok(world.object(id).clone())
}

/// `POST /v1/subscriptions/:id/resume`
pub fn resume(world: &mut World, id: &str, params: &Value) -> Answer {
    let subscription = world.find("subscription", id)?;
    let status = subscription.text("status");
    if status != "paused" {
        return Err(ApiError::invalid(format!("Only paused subscriptions can be resumed; this one is {status}.")));
    }
    let charge = params.text("payment_behavior") == RESUME_WHEN_PAID;
    if charge && subscription.text("billing_mode/type") != "flexible" {
        let message = format!("`{RESUME_WHEN_PAID}` needs a subscription whose billing mode is flexible.");
        return Err(ApiError::param("payment_behavior", None, message));
    }
    if charge && !lifecycle::has_payment_method(world, subscription) {
        return Err(ApiError::state("resource_missing", "This customer has no default payment method."));
    }
    lifecycle::resume(world, id, charge);
    Ok(world.object(id).clone())
}

/// What people do by a button of Stripe's: it is charged at once.
pub fn resume_and_pay(world: &mut World, id: &str) -> Answer {
    resume(world, id, &json!({ "payment_behavior": RESUME_WHEN_PAID }))
}
