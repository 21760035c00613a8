//! Refunds: they succeed at once; a bank may give one back days later.

use serde_json::{Value, json};

use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param};
use crate::stripe::sandbox::state::World;

use super::{first_metadata, metadata};

pub const CREATE: &[Param] = &[
    param("charge", Kind::Text),
    param("payment_intent", Kind::Text),
    param("amount", Kind::Int),
    param("reason", Kind::OneOf(&["duplicate", "fraudulent", "requested_by_customer"])),
    param("metadata", Kind::Metadata),
];
pub const UPDATE: &[Param] = &[param("metadata", Kind::Metadata)];
pub const FILTERS: &[Param] = &[param("charge", Kind::Text), param("payment_intent", Kind::Text)];

pub fn create(world: &mut World, params: &Value) -> Answer {
    let charge = match (params.maybe_text("charge"), params.maybe_text("payment_intent")) {
        (Some(charge), _) => world.referred("charge", "charge", charge)?.clone(),
        (None, Some(intent)) => {
            let intent = world.referred("payment_intent", "payment_intent", intent)?;
            world.object(intent.text("latest_charge")).clone()
        }
        (None, None) => {
            let message = "One of the following params should be provided for this request: payment_intent or charge.";
            return Err(ApiError::param("charge", Some("parameter_missing"), message));
        }
    };
    let id = charge.text("id");
    if !charge.flag("paid") {
        return Err(ApiError::invalid("This charge has not been paid, so it cannot be refunded."));
    }
    if charge.flag("disputed") && !is_won(world, id) {
        return Err(ApiError::state("charge_disputed", format!("Charge {id} has been charged back; cannot issue a refund.")));
    }
    let left = charge.int("amount_captured") - charge.int("amount_refunded");
    if left <= 0 {
        return Err(ApiError::state("charge_already_refunded", format!("Charge {id} has already been refunded.")));
    }
    let amount = params.maybe_int("amount").unwrap_or(left);
    if amount < 1 {
        return Err(ApiError::param("amount", Some("parameter_invalid_integer"), "Invalid positive integer"));
    }
    if amount > left {
        let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
        return Err(ApiError::param("amount", None, message));
    }
    let refund = world.create(
        "refund",
        json!({
            "amount": amount,
            "charge": id,
            "currency": charge.at("currency"),
            "metadata": first_metadata(params),
            "payment_intent": charge.at("payment_intent"),
            "reason": params.at("reason"),
            "status": "succeeded",
        }),
    );
    world.emit("refund.created", &refund);
    let refunded = charge.int("amount_refunded") + amount;
    world.change(id, "charge.refunded", json!({ "amount_refunded": refunded, "refunded": refunded == charge.int("amount_captured") }));
    Ok(world.object(&refund).clone())
}

fn is_won(world: &World, charge: &str) -> bool {
    world.all("dispute").any(|dispute| dispute.text("charge") == charge && dispute.text("status") == "won")
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let metadata = metadata(world.find("refund", id)?.at("metadata"), params);
    world.change(id, "refund.updated", json!({ "metadata": metadata }));
    Ok(world.object(id).clone())
}

/// The bank could not give the money back: the charge counts as paid again by that much.
pub fn fail(world: &mut World, id: &str) -> Answer {
    let refund = world.find("refund", id)?.clone();
    if refund.text("status") != "succeeded" {
        return Err(ApiError::invalid("Only a refund that has succeeded can fail afterwards."));
    }
    let before = refund.clone();
    world.edit(id, json!({ "status": "failed", "failure_reason": "expired_or_canceled_card" }));
    world.emit_change("refund.updated", before);
    world.emit("refund.failed", id);
    let charge = world.object(refund.text("charge")).clone();
    let refunded = charge.int("amount_refunded") - refund.int("amount");
    world.change(charge.text("id"), "charge.updated", json!({ "amount_refunded": refunded, "refunded": false }));
    Ok(world.object(id).clone())
}
