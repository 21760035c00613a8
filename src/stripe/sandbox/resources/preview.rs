//! `POST /v1/invoices/create_preview`: what the next invoice would be, perhaps after a change. Nothing is stored.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::period_end;
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param};
use crate::stripe::sandbox::state::World;

use super::change::{self, ITEMS, PRORATION, Wish};
use super::invoices::{self, Draft};
use super::lifecycle::{self, period};

pub const CREATE: &[Param] = &[
    param("customer", Kind::Text),
    param("subscription", Kind::Text),
    param("subscription_details", Kind::Hash(DETAILS)),
    param("discounts", super::discounts::PARAM),
    param("automatic_tax", Kind::Any),
    param("preview_mode", Kind::OneOf(&["next", "recurring"])),
];
const DETAILS: &[Param] = &[
    param("items", ITEMS),
    param("proration_behavior", PRORATION),
    param("proration_date", Kind::Time(&[])),
    param("billing_cycle_anchor", Kind::OneOf(&["now", "unchanged"])),
    param("trial_end", Kind::Time(&["now"])),
    param("cancel_at_period_end", Kind::Bool),
    param("cancel_now", Kind::Bool),
];

pub fn create(world: &mut World, params: &Value) -> Answer {
    let Some(id) = params.maybe_text("subscription").map(str::to_owned) else {
        return Err(ApiError::param("subscription", Some("parameter_missing"), "The sandbox only previews invoices of a subscription."));
    };
    let subscription = world.referred("subscription", "subscription", &id)?.clone();
    if !lifecycle::alive(&subscription) {
        return Err(ApiError::state("invoice_upcoming_none", "No upcoming invoices for customer."));
    }
    let details = params.at("subscription_details");
    let proration = details.maybe_text("proration_behavior").unwrap_or("create_prorations");
    let wish = Wish {
        items: details.list("items"),
        restart: details.text("billing_cycle_anchor") == "now",
        end_trial: details.text("trial_end") == "now" && subscription.text("status") == "trialing",
        proration,
        at: details.maybe_int("proration_date").unwrap_or(world.now),
    };
    let change = change::propose(world, &id, &wish)?;
    let ends = details.flag("cancel_now") || details.flag("cancel_at_period_end") || subscription.maybe_int("cancel_at").is_some();
    let (_, end) = period(&subscription);
    let at_once = change.restarts.is_some() || proration == "always_invoice" && !change.lines.is_empty();
    let mut lines = if at_once { Vec::new() } else { change::waiting(world, &id) };
    lines.extend(change.lines.clone());
    if !at_once && !ends {
        lines.extend(next_period(world, &subscription, &change.items, end));
    } else if !at_once && lines.is_empty() {
        return Err(ApiError::state("invoice_upcoming_none", "No upcoming invoices for customer."));
    }
    let draft = Draft {
        customer: subscription.text("customer"),
        subscription: &id,
        reason: if at_once { "subscription_update" } else { "upcoming" },
        currency: subscription.text("currency"),
        period: period(&subscription),
        lines: &lines,
    };
    let mut invoice = invoices::compute(world, &draft);
    let next = if at_once { world.now } else { end };
    invoice.patch(json!({
        "id": format!("upcoming_{}", invoice.text("id")),
        "next_payment_attempt": next,
        "created": next,
        "subscription_proration_date": wish.at,
    }));
    Ok(invoice)
}

/// The regular lines of the period after this one.
fn next_period(world: &World, subscription: &Value, items: &[Value], end: i64) -> Vec<invoices::Line> {
    let mut after = subscription.clone();
    after.patch(json!({ "items/data": items }));
    let recurring = items.first().map(|item| item.at("price/recurring").clone()).unwrap_or_default();
    let next = period_end(subscription.int("billing_cycle_anchor"), &recurring, end);
    let line = |item: &Value| {
        let (quantity, price) = (item.int("quantity"), item.at("price"));
        invoices::Line {
            description: format!("{quantity} × {}", world.object(price.text("product")).text("name")),
            amount: price.int("unit_amount") * quantity,
            quantity,
            price: price.clone(),
            item: item.text("id").to_owned(),
            period: (end, next),
            proration: false,
        }
    };
    after.list("items/data").iter().map(line).collect()
}
