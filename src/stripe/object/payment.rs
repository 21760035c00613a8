//! Money that moved: charges, refunds, disputes.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::field::{currency, id, items, number, text, time};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Charge {
    pub id: Option<String>,
    pub customer: Option<String>,
    pub email: Option<String>,
    pub payment_intent: Option<String>,
    /// Told by older versions only.
    pub invoice: Option<String>,
    pub amount: Option<i64>,
    pub amount_refunded: Option<i64>,
    pub currency: Option<String>,
    /// The card's, equal wherever the same card is used.
    pub fingerprint: Option<String>,
    /// Told whole by older versions only.
    pub refunds: Vec<Refund>,
}

impl Charge {
    pub fn read(object: &Value) -> Self {
        Self {
            id: text(object, "id"),
            customer: id(object, "customer"),
            email: text(object, "billing_details.email").or_else(|| text(object, "receipt_email")),
            payment_intent: id(object, "payment_intent"),
            invoice: id(object, "invoice"),
            amount: number(object, "amount"),
            amount_refunded: number(object, "amount_refunded"),
            currency: currency(object, "currency"),
            fingerprint: text(object, "payment_method_details.card.fingerprint").or_else(|| text(object, "source.fingerprint")),
            refunds: items(object, "refunds").iter().map(Refund::read).collect(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refund {
    pub id: Option<String>,
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub status: Option<String>,
    pub reason: Option<String>,
    pub created: Option<DateTime<Utc>>,
}

impl Refund {
    pub fn read(object: &Value) -> Self {
        Self {
            id: text(object, "id"),
            charge: id(object, "charge"),
            payment_intent: id(object, "payment_intent"),
            amount: number(object, "amount"),
            currency: currency(object, "currency"),
            status: text(object, "status"),
            reason: text(object, "reason"),
            created: time(object, "created"),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dispute {
    pub id: Option<String>,
    pub charge: Option<String>,
    pub payment_intent: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub status: Option<String>,
    pub reason: Option<String>,
    /// How far it went: of what was prevented, `block` was never paid back, and `resolution` was.
    pub case_type: Option<String>,
    pub created: Option<DateTime<Utc>>,
}

impl Dispute {
    pub fn read(object: &Value) -> Self {
        Self {
            id: text(object, "id"),
            charge: id(object, "charge"),
            payment_intent: id(object, "payment_intent").or_else(|| id(object, "charge.payment_intent")),
            amount: number(object, "amount"),
            currency: currency(object, "currency"),
            status: text(object, "status"),
            reason: text(object, "reason"),
            case_type: text(object, "payment_method_details.card.case_type"),
            created: time(object, "created"),
        }
    }
}
