//! The account itself, and its balance.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::state::{World, blank};

pub fn account() -> Value {
    blank("account")
}

/// What was charged and not given back, by currency.
pub fn balance(world: &World) -> Value {
    let mut sums = BTreeMap::from([("usd", 0)]);
    for charge in world.all("charge").filter(|charge| charge.flag("paid")) {
        *sums.entry(charge.text("currency")).or_default() += charge.int("amount") - charge.int("amount_refunded");
    }
    let rows = sums.iter().map(|(currency, amount)| json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } }));
    let mut balance = blank("balance");
    balance.set("available", rows.collect::<Vec<_>>());
    balance
}
