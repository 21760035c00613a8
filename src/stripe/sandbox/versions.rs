//! API versions: what is kept in the newest shape is shown as older versions show it.
//!
//! | from | what changed |
//! |---|---|
//! | 2022-11-15 | charges no longer carry `refunds`, payment intents no longer `charges` |
//! | 2025-03-31.basil | a subscription's period stands on its items; an invoice's subscription under `parent`, its payments apart |
//! | 2025-09-30.clover | a discount's coupon stands under `source`, a promotion code's under `promotion` |
//! | 2026-03-25.dahlia | `ui_mode` of a checkout session is `hosted_page`, before it was `hosted` |

use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::json::Json;
use super::state::World;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(String);

pub const NEWEST: &str = "2026-09-30.endive";
/// One of each shape.
pub const KNOWN: [&str; 6] = ["2020-08-27", "2024-12-18.acacia", "2025-03-31.basil", "2025-10-29.clover", "2026-03-25.dahlia", NEWEST];

impl Default for Version {
    fn default() -> Self {
        Self(NEWEST.to_owned())
    }
}

impl Version {
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        let (date, _) = name.split_once('.').unwrap_or((name, ""));
        if chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok() && date.len() == 10 {
            Ok(Self(name.to_owned()))
        } else {
            Err(ApiError::invalid(format!("Invalid Stripe API version: {name}")))
        }
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    /// Names sort by their dates.
    fn before(&self, name: &str) -> bool {
        self.0.as_str() < name
    }
}

/// The object as that version shows it, still with our notes.
pub fn render(world: &World, object: &Value, version: &Version) -> Value {
    if !version.before(NEWEST) {
        return object.clone();
    }
    match object {
        Value::Array(items) => items.iter().map(|item| render(world, item, version)).collect(),
        Value::Object(fields) => {
            let inner = fields.iter().map(|(key, value)| (key.clone(), render(world, value, version)));
            let mut shown = Value::Object(inner.collect());
            reshape(world, &mut shown, version);
            shown
        }
        other => other.clone(),
    }
}

/// Without our notes.
pub fn bare(mut object: Value) -> Value {
    forget_notes(&mut object);
    object
}

fn forget_notes(object: &mut Value) {
    match object {
        Value::Array(items) => items.iter_mut().for_each(forget_notes),
        Value::Object(fields) => {
            fields.retain(|key, _| !is_note(key));
            fields.values_mut().for_each(forget_notes);
        }
        _ => {}
    }
}

/// Whether both look the same, whatever our notes say.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other)),
        (Value::Object(one), Value::Object(other)) => {
            let shown = |fields: &Map<String, Value>| fields.keys().filter(|key| !is_note(key)).count();
            let mut fields = one.iter().filter(|(key, _)| !is_note(key));
            shown(one) == shown(other) && fields.all(|(key, value)| other.get(key).is_some_and(|there| same(value, there)))
        }
        (one, other) => one == other,
    }
}

fn is_note(key: &str) -> bool {
    key.starts_with('_')
}

fn reshape(world: &World, shown: &mut Value, version: &Version) {
    let kind = shown.text("object").to_owned();
    if version.before(NEWEST) {
        remove(shown, &["billing_schedules", "managed_payments", "allowed_payment_method_types", "current_trial"]);
        if let Some(Value::Object(details)) = shown.get_mut("cancellation_details") {
            details.shift_remove("feedback_option");
        }
    }
    if version.before("2026-03-25") {
        remove(shown, &["customer_account", "quantity_decimal"]);
        if kind == "checkout.session" && shown.text("ui_mode") == "hosted_page" {
            shown.set("ui_mode", "hosted");
        }
    }
    if version.before("2025-09-30") {
        match kind.as_str() {
            "discount" => shown.set("coupon", world.object(shown.text("source/coupon")).clone()),
            "promotion_code" => shown.set("coupon", world.object(shown.text("promotion/coupon")).clone()),
            _ => {}
        }
        if kind == "discount" || kind == "promotion_code" {
            remove(shown, &["source", "promotion"]);
        }
    }
    if version.before("2025-03-31") {
        match kind.as_str() {
            "subscription" => old_subscription(shown),
            "invoice" => old_invoice(shown),
            "line_item" => old_line(world, shown),
            "charge" | "payment_intent" => shown.set("invoice", shown.at("_invoice").clone()),
            _ => {}
        }
    }
    if version.before("2022-11-15") {
        match kind.as_str() {
            "charge" => {
                let refunds: Vec<Value> = world.all("refund").filter(|refund| refund.at("charge") == shown.at("id")).cloned().collect();
                let url = format!("/v1/charges/{}/refunds", shown.text("id"));
                shown.set("refunds", json!({ "object": "list", "data": refunds, "has_more": false, "url": url }));
            }
            "subscription" => {
                remove(shown, &["application", "automatic_tax", "billing_mode", "cancellation_details", "currency", "description"]);
                remove(shown, &["discounts", "invoice_settings", "on_behalf_of", "payment_settings", "test_clock", "trial_settings"]);
                remove(shown, &["billing_cycle_anchor_config"]);
            }
            _ => {}
        }
    }
}

fn old_subscription(shown: &mut Value) {
    let (start, end) = (shown.at("items/data/0/current_period_start").clone(), shown.at("items/data/0/current_period_end").clone());
    shown.patch(json!({ "current_period_start": start, "current_period_end": end, "discount": shown.at("_discount") }));
    let items = shown.list("items/data").iter().cloned().map(|mut item| {
        remove(&mut item, &["current_period_start", "current_period_end"]);
        item
    });
    let items: Vec<Value> = items.collect();
    shown.set("items/data", items);
    remove(shown, &["billing_mode"]);
}

fn old_invoice(shown: &mut Value) {
    shown.patch(json!({
        "application_fee_amount": null,
        "charge": shown.at("_charge"),
        "discount": null,
        "paid": shown.text("status") == "paid",
        "paid_out_of_band": false,
        "payment_intent": shown.at("_payment_intent"),
        "quote": null,
        "subscription": shown.at("parent/subscription_details/subscription"),
        "subscription_details": { "metadata": shown.at("parent/subscription_details/metadata") },
        "tax": null,
        "total_tax_amounts": [],
        "transfer_data": null,
    }));
    remove(shown, &["parent", "total_taxes", "amount_overpaid"]);
}

fn old_line(world: &World, shown: &mut Value) {
    let details = shown.at("parent/subscription_item_details").clone();
    let price = world.object(shown.text("pricing/price_details/price")).clone();
    shown.patch(json!({
        "amount_excluding_tax": shown.at("amount"),
        "plan": super::resources::prices::plan(&price),
        "price": price,
        "proration": details.flag("proration"),
        "proration_details": { "credited_items": null },
        "subscription": details.at("subscription"),
        "subscription_item": details.at("subscription_item"),
        "tax_amounts": [],
        "tax_rates": [],
        "type": if details.is_object() { "subscription" } else { "invoiceitem" },
        "unit_amount_excluding_tax": shown.at("pricing/unit_amount_decimal"),
    }));
    remove(shown, &["parent", "pricing", "taxes", "subtotal"]);
}

fn remove(shown: &mut Value, keys: &[&str]) {
    if let Value::Object(fields) = shown {
        for key in keys {
            fields.shift_remove(*key);
        }
    }
}
