//! Invoices, and what joins them to payments.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::field::{at, currency, flag, id, items, metadata, number, text, time};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invoice {
    pub id: Option<String>,
    pub customer: Option<String>,
    pub customer_email: Option<String>,
    pub subscription: Option<String>,
    pub status: Option<String>,
    pub amount_due: Option<i64>,
    pub amount_paid: Option<i64>,
    pub currency: Option<String>,
    pub billing_reason: Option<String>,
    pub description: Option<String>,
    pub hosted_url: Option<String>,
    pub attempt_count: Option<i64>,
    pub paid_at: Option<DateTime<Utc>>,
    /// What the subscription's regular line pays for; a change in the middle of a period has none.
    pub period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
    /// Of the subscription, or the invoice's own.
    pub account: Option<String>,
    pub user: Option<String>,
    /// Our own row's id: what the invoice was made for.
    pub checkout: Option<String>,
}

impl Invoice {
    pub fn read(object: &Value) -> Self {
        let lines = items(object, "lines");
        let details = at(object, "parent.subscription_details").or_else(|| at(object, "subscription_details"));
        let subscription = id(object, "subscription")
            .or_else(|| details.and_then(|details| id(details, "subscription")))
            .or_else(|| lines.iter().find_map(line_subscription));
        let status = text(object, "status").or_else(|| (flag(object, "paid") == Some(true)).then(|| "paid".to_owned()));
        let payment = items(object, "payments");
        let either = |names: &[&str]| {
            details.and_then(|details| metadata(details, "metadata", names)).or_else(|| metadata(object, "metadata", names))
        };
        Self {
            id: text(object, "id"),
            customer: id(object, "customer"),
            customer_email: text(object, "customer_email"),
            period: lines.iter().filter(|line| is_regular(line)).filter_map(line_period).max(),
            subscription,
            status,
            amount_due: number(object, "amount_due"),
            amount_paid: number(object, "amount_paid"),
            currency: currency(object, "currency"),
            billing_reason: text(object, "billing_reason"),
            description: text(object, "description").or_else(|| dearest(lines)),
            hosted_url: text(object, "hosted_invoice_url"),
            attempt_count: number(object, "attempt_count"),
            paid_at: time(object, "status_transitions.paid_at"),
            payment_intent: id(object, "payment_intent")
                .or_else(|| payment.iter().find_map(|payment| id(payment, "payment.payment_intent"))),
            charge: id(object, "charge").or_else(|| payment.iter().find_map(|payment| id(payment, "payment.charge"))),
            account: either(&["account", "account_id"]),
            user: either(&["user", "user_id"]),
            checkout: metadata(object, "metadata", &["checkout", "checkout_id"]),
        }
    }
}

/// What the most money is for: the invoice of an upgrade begins with what is given back.
fn dearest(lines: &[Value]) -> Option<String> {
    let described = lines.iter().filter(|line| text(line, "description").is_some());
    // Of equals, the first.
    text(described.rev().max_by_key(|line| number(line, "amount"))?, "description")
}

fn line_subscription(line: &Value) -> Option<String> {
    id(line, "parent.subscription_item_details.subscription").or_else(|| id(line, "subscription"))
}

/// Pays for a period: no change in its middle, and nothing that is billed beside it.
fn is_regular(line: &Value) -> bool {
    let is_proration = flag(line, "parent.subscription_item_details.proration").or_else(|| flag(line, "proration")).unwrap_or(false);
    let is_beside = at(line, "parent.invoice_item_details").is_some() || text(line, "type").as_deref() == Some("invoiceitem");
    line_subscription(line).is_some() && !is_proration && !is_beside
}

fn line_period(line: &Value) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    Some((time(line, "period.start")?, time(line, "period.end")?))
}

/// Says which payment paid which invoice: since 2025 neither of the two says it itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvoicePayment {
    pub invoice: Option<String>,
    pub payment_intent: Option<String>,
    pub charge: Option<String>,
}

impl InvoicePayment {
    pub fn read(object: &Value) -> Self {
        Self { invoice: id(object, "invoice"), payment_intent: id(object, "payment.payment_intent"), charge: id(object, "payment.charge") }
    }
}
