//! Disputes: the payer's bank takes the money back, and gives it again if the dispute is won.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::DAY;
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param};
use crate::stripe::sandbox::state::World;

use super::metadata;

pub const UPDATE: &[Param] = &[param("evidence", Kind::Any), param("metadata", Kind::Metadata), param("submit", Kind::Bool)];
pub const FILTERS: &[Param] = &[param("charge", Kind::Text), param("payment_intent", Kind::Text)];

/// The payer disputes a charge, or a part of it.
pub fn open(world: &mut World, charge: &str, amount: Option<i64>) -> Answer {
    let object = world.find("charge", charge)?.clone();
    if !object.flag("paid") || object.flag("disputed") {
        return Err(ApiError::invalid("Only a paid charge that is not disputed yet can be disputed."));
    }
    let due = world.now + 7 * DAY;
    // A bank may not know what was paid back: it may dispute that, too.
    let amount = amount.unwrap_or(object.int("amount") - object.int("amount_refunded"));
    if !(0..=object.int("amount")).contains(&amount) {
        return Err(ApiError::invalid("No more than the charge can be disputed."));
    }
    let id = world.create(
        "dispute",
        json!({
            "amount": amount,
            "charge": charge,
            "currency": object.at("currency"),
            "evidence_details/due_by": due,
            "payment_intent": object.at("payment_intent"),
            "payment_method_details": { "type": "card", "card": {
                "brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4", "network": "visa",
            } },
        }),
    );
    world.change(charge, "charge.updated", json!({ "disputed": true, "dispute": id }));
    world.emit("charge.dispute.created", &id);
    withdraw(world, &id, -amount);
    world.emit("charge.dispute.funds_withdrawn", &id);
    Ok(world.object(&id).clone())
}

/// What has moved on the account's balance.
fn withdraw(world: &mut World, id: &str, amount: i64) {
    let mut moves = world.object(id).list("balance_transactions").to_vec();
    moves.push(json!({
        "id": format!("txn_1{}", world.letters(22)),
        "object": "balance_transaction",
        "amount": amount,
        "created": world.now,
        "currency": world.object(id).at("currency"),
        "fee": if amount < 0 { 1500 } else { 0 },
        "net": if amount < 0 { amount - 1500 } else { amount },
        "reporting_category": if amount < 0 { "dispute" } else { "dispute_reversal" },
        "source": id,
        "status": "available",
        "type": "adjustment",
    }));
    world.edit(id, json!({ "balance_transactions": moves }));
}

/// The bank has decided.
pub fn close(world: &mut World, id: &str, won: bool) -> Answer {
    let dispute = world.find("dispute", id)?.clone();
    if ["won", "lost"].contains(&dispute.text("status")) {
        return Err(ApiError::invalid("This dispute is already closed."));
    }
    let before = dispute.clone();
    world.edit(id, json!({ "status": if won { "won" } else { "lost" } }));
    if won {
        withdraw(world, id, dispute.int("amount"));
        world.emit("charge.dispute.funds_reinstated", id);
    }
    world.emit_change("charge.dispute.closed", before);
    Ok(world.object(id).clone())
}

pub fn update(world: &mut World, id: &str, params: &Value) -> Answer {
    let dispute = world.find("dispute", id)?.clone();
    let mut fields = json!({ "metadata": metadata(dispute.at("metadata"), params) });
    if params.has("evidence") {
        let mut evidence = dispute.at("evidence").clone();
        evidence.patch(params.at("evidence").clone());
        fields.also(json!({ "evidence": evidence, "evidence_details/has_evidence": true }));
    }
    if params.flag("submit") {
        let submissions = dispute.int("evidence_details/submission_count") + 1;
        fields.also(json!({ "status": "under_review", "evidence_details/submission_count": submissions }));
    }
    world.change(id, "charge.dispute.updated", fields);
    Ok(world.object(id).clone())
}
