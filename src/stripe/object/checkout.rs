//! Checkout sessions, and who pays.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::field::{currency, flag, id, metadata, number, text, time};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckoutSession {
    pub id: Option<String>,
    pub mode: Option<String>,
    pub status: Option<String>,
    pub payment_status: Option<String>,
    pub customer: Option<String>,
    pub email: Option<String>,
    pub subscription: Option<String>,
    pub payment_intent: Option<String>,
    pub invoice: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub url: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    pub client_reference: Option<String>,
    pub account: Option<String>,
    pub user: Option<String>,
    /// Our own row's id.
    pub checkout: Option<String>,
}

impl CheckoutSession {
    pub fn read(object: &Value) -> Self {
        Self {
            id: text(object, "id"),
            mode: text(object, "mode"),
            status: text(object, "status"),
            payment_status: text(object, "payment_status"),
            customer: id(object, "customer"),
            email: text(object, "customer_details.email").or_else(|| text(object, "customer_email")),
            subscription: id(object, "subscription"),
            payment_intent: id(object, "payment_intent"),
            invoice: id(object, "invoice"),
            amount: number(object, "amount_total"),
            currency: currency(object, "currency"),
            url: text(object, "url"),
            expires_at: time(object, "expires_at"),
            client_reference: text(object, "client_reference_id"),
            account: metadata(object, "metadata", &["account", "account_id"]),
            user: metadata(object, "metadata", &["user", "user_id"]),
            checkout: metadata(object, "metadata", &["checkout", "checkout_id"]),
        }
    }

    /// There is nothing left to pay. (A delayed way to pay is complete before it has paid.)
    pub fn paid(&self) -> bool {
        matches!(self.payment_status.as_deref(), Some("paid" | "no_payment_required"))
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customer {
    pub id: Option<String>,
    pub email: Option<String>,
    pub deleted: bool,
    pub account: Option<String>,
    pub user: Option<String>,
}

impl Customer {
    pub fn read(object: &Value) -> Self {
        Self {
            id: text(object, "id"),
            email: text(object, "email"),
            deleted: flag(object, "deleted").unwrap_or(false),
            account: metadata(object, "metadata", &["account", "account_id"]),
            user: metadata(object, "metadata", &["user", "user_id"]),
        }
    }
}
