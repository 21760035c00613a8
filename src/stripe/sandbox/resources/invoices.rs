//! Invoices: draft, open, then paid, void or uncollectible. What they mean to a subscription is said in `lifecycle`.

use serde_json::{Value, json};

use crate::stripe::sandbox::calendar::{DAY, HOUR};
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param};
use crate::stripe::sandbox::state::World;
use crate::stripe::sandbox::timers::Timer;

use super::change;
use super::discounts;
use super::lifecycle;
use super::payments::{self, Outcome};

pub const PAY: &[Param] = &[param("payment_method", Kind::Text), param("paid_out_of_band", Kind::Bool), param("off_session", Kind::Bool)];
pub const FILTERS: &[Param] = &[
    param("customer", Kind::Text),
    param("subscription", Kind::Text),
    param("status", Kind::OneOf(&["draft", "open", "paid", "uncollectible", "void"])),
    param("collection_method", Kind::OneOf(&["charge_automatically", "send_invoice"])),
];
pub const PAYMENT_FILTERS: &[Param] = &[
    param("invoice", Kind::Text),
    param("status", Kind::OneOf(&["canceled", "open", "paid"])),
    param("payment", Kind::Hash(&[param("type", Kind::OneOf(&["payment_intent", "charge"])), param("payment_intent", Kind::Text)])),
];

/// One line to be. A proration settles part of a period that was billed before.
#[derive(Clone, Debug)]
pub struct Line {
    pub description: String,
    pub amount: i64,
    pub quantity: i64,
    pub price: Value,
    pub item: String,
    pub period: (i64, i64),
    pub proration: bool,
}

impl Line {
    fn object(&self, world: &mut World, invoice: &str, subscription: &str) -> Value {
        let proration_item = self.proration.then(|| world.id("invoiceitem"));
        let parent = if subscription.is_empty() {
            json!({ "type": "invoice_item_details", "subscription_item_details": null, "invoice_item_details": {
                "invoice_item": world.id("invoiceitem"),
                "proration": false,
                "proration_details": { "credited_items": null },
                "subscription": null,
            } })
        } else {
            json!({ "type": "subscription_item_details", "invoice_item_details": null, "subscription_item_details": {
                "invoice_item": proration_item,
                "proration": self.proration,
                "proration_details": { "credited_items": null },
                "subscription": subscription,
                "subscription_item": self.item,
            } })
        };
        let metadata = world.object(subscription).get("metadata").cloned().unwrap_or_else(|| json!({}));
        world.part(
            "line_item",
            json!({
                "amount": self.amount,
                "currency": self.price.at("currency"),
                "description": self.description,
                "discountable": !self.proration,
                "invoice": invoice,
                "metadata": metadata,
                "parent": parent,
                "period": { "start": self.period.0, "end": self.period.1 },
                "pricing": {
                    "type": "price_details",
                    "price_details": { "price": self.price.at("id"), "product": self.price.at("product") },
                    "unit_amount_decimal": if self.proration { &Value::Null } else { self.price.at("unit_amount_decimal") },
                },
                "quantity": self.quantity,
                "quantity_decimal": self.quantity.to_string(),
                "subscription": Some(subscription).filter(|id| !id.is_empty()),
                "subtotal": self.amount,
            }),
        )
    }
}

pub struct Draft<'a> {
    pub customer: &'a str,
    /// Empty for a sale without one.
    pub subscription: &'a str,
    pub reason: &'a str,
    pub currency: &'a str,
    pub period: (i64, i64),
    pub lines: &'a [Line],
}

/// The whole invoice, not stored: what is stored and what is only shown as a preview are computed alike.
pub fn compute(world: &mut World, draft: &Draft<'_>) -> Value {
    let id = world.id("invoice");
    let lines: Vec<Value> = draft.lines.iter().map(|line| line.object(world, &id, draft.subscription)).collect();
    let subtotal: i64 = draft.lines.iter().map(|line| line.amount).sum();
    let (discount, discounts) = discounts::of_subscription(world, draft.subscription, subtotal);
    let total = subtotal - discount;
    let customer = world.object(draft.customer).clone();
    let subscription = world.object(draft.subscription);
    let parent = subscription.is_object().then(|| {
        json!({ "type": "subscription_details", "quote_details": null, "subscription_details": {
            "metadata": subscription.at("metadata"),
            "subscription": draft.subscription,
        } })
    });
    let balance = customer.int("balance");
    // Credit is a negative balance.
    let due = (total + balance).max(0);
    world.part(
        "invoice",
        json!({
            "id": id,
            "amount_due": due,
            "amount_remaining": due,
            "billing_reason": draft.reason,
            "currency": draft.currency,
            "customer": draft.customer,
            "customer_email": customer.at("email"),
            "customer_name": customer.at("name"),
            "customer_address": customer.at("address"),
            "discounts": discounts.iter().map(|discount| discount.at("discount").clone()).collect::<Vec<_>>(),
            "lines": {
                "object": "list",
                "data": lines,
                "has_more": false,
                "total_count": draft.lines.len(),
                "url": format!("/v1/invoices/{id}/lines"),
            },
            "parent": parent,
            "period_start": draft.period.0,
            "period_end": draft.period.1,
            "starting_balance": balance,
            "subtotal": subtotal,
            "subtotal_excluding_tax": subtotal,
            "total": total,
            "total_discount_amounts": discounts,
            "total_excluding_tax": total,
        }),
    )
}

/// Stores a draft. One that is not finalized by its maker finalizes itself after an hour.
pub fn draft(world: &mut World, draft: &Draft<'_>) -> String {
    let computed = compute(world, draft);
    let id = world.create("invoice", computed);
    discounts::used_up(world, draft.subscription);
    world.emit("invoice.created", &id);
    id
}

pub fn finalize_in_an_hour(world: &mut World, id: &str) {
    let time = world.now + HOUR;
    world.edit(id, json!({ "automatically_finalizes_at": time }));
    world.at(time, Timer::FinalizeInvoice, id);
}

/// Gives it a number and asks for payment. Credit that the customer has is used up first; what is left over becomes credit.
pub fn finalize(world: &mut World, id: &str) {
    let invoice = world.object(id).clone();
    let customer = invoice.text("customer");
    let (balance, total) = (world.object(customer).int("balance"), invoice.int("total"));
    let ending = if total + balance < 0 { total + balance } else { 0 };
    world.edit(id, json!({ "starting_balance": balance }));
    open(world, id, (total + balance).max(0), ending);
    if ending != balance {
        world.change(customer, "customer.updated", json!({ "balance": ending }));
    }
}

/// Asks for this much.
fn open(world: &mut World, id: &str, due: i64, ending: i64) {
    let invoice = world.object(id).clone();
    let customer = world.object(invoice.text("customer")).clone();
    let sequence = customer.maybe_int("next_invoice_sequence").unwrap_or(1);
    world.edit(
        id,
        json!({
            "amount_due": due,
            "amount_remaining": due,
            "automatically_finalizes_at": null,
            "effective_at": world.now,
            "ending_balance": ending,
            "hosted_invoice_url": format!("{}/i/{id}", world.settings.base_url),
            "invoice_pdf": format!("{}/i/{id}/pdf", world.settings.base_url),
            "number": format!("{}-{sequence:04}", customer.text("invoice_prefix")),
            "status": "open",
            "status_transitions/finalized_at": world.now,
        }),
    );
    world.emit("invoice.finalized", id);
    world.edit(customer.text("id"), json!({ "next_invoice_sequence": sequence + 1, "currency": invoice.at("currency") }));
}

/// The invoice of what was paid without one, paid already. Credit that the customer has plays no part in it.
pub fn after_payment(world: &mut World, draft: &Draft<'_>, intent: &str, fields: Value) -> String {
    let (amount, charge) = (world.object(intent).int("amount"), world.object(intent).text("latest_charge").to_owned());
    let mut computed = compute(world, draft);
    computed.patch(json!({ "starting_balance": 0, "total": amount, "total_excluding_tax": amount }));
    computed.patch(json!({ "amount_due": amount, "amount_remaining": amount, "attempted": true, "auto_advance": false }));
    computed.patch(fields);
    let id = world.create("invoice", computed);
    world.emit("invoice.created", &id);
    open(world, &id, amount, 0);
    join(world, &id, intent);
    world.edit(&id, json!({ "_charge": charge }));
    for payment in [intent, &charge] {
        world.edit(payment, json!({ "_invoice": id }));
    }
    paid(world, &id);
    id
}

/// What happens to a draft by itself.
pub fn finalize_and_collect(world: &mut World, id: &str) {
    let subscription = subscription_of(world.object(id)).to_owned();
    let pause = world.object(&subscription).text("pause_collection/behavior").to_owned();
    if pause == "keep_as_draft" {
        world.edit(id, json!({ "auto_advance": false, "automatically_finalizes_at": null }));
        return;
    }
    finalize(world, id);
    match pause.as_str() {
        "void" => void_now(world, id),
        "mark_uncollectible" => mark_uncollectible(world, id),
        _ => {
            collect(world, id, false);
        }
    }
}

pub fn subscription_of(invoice: &Value) -> &str {
    invoice.text("parent/subscription_details/subscription")
}

/// The bank was asked for the money, and has not answered.
pub fn is_being_paid(world: &World, invoice: &Value) -> bool {
    world.object(invoice.text("_payment_intent")).text("status") == "processing"
}

/// The subscription's payment method, else the customer's.
pub fn payment_method(world: &World, invoice: &Value) -> String {
    let subscription = world.object(subscription_of(invoice));
    let customer = world.object(invoice.text("customer"));
    let method = subscription.maybe_text("default_payment_method");
    method.or_else(|| customer.maybe_text("invoice_settings/default_payment_method")).unwrap_or_default().to_owned()
}

/// Tries to get an open invoice paid.
pub fn collect(world: &mut World, id: &str, confirmed: bool) -> Outcome {
    let method = payment_method(world, world.object(id));
    collect_with(world, id, &method, confirmed)
}

pub fn collect_with(world: &mut World, id: &str, method: &str, confirmed: bool) -> Outcome {
    let invoice = world.object(id).clone();
    let amount = invoice.int("amount_due");
    if amount == 0 {
        world.edit(id, json!({ "attempted": true }));
        paid(world, id);
        return Outcome::Paid;
    }
    let intent = match invoice.maybe_text("_payment_intent") {
        Some(intent) => intent.to_owned(),
        None => payment(world, &invoice),
    };
    let outcome = payments::attempt(world, &intent, method, confirmed);
    let charge = world.object(&intent).at("latest_charge").clone();
    let attempts = invoice.int("attempt_count") + 1;
    world.edit(id, json!({ "attempted": true, "attempt_count": attempts, "_charge": charge }));
    match outcome {
        Outcome::Paid => paid(world, id),
        Outcome::Processing => world.edit(id, json!({ "next_payment_attempt": null })),
        Outcome::Declined(_) | Outcome::NeedsAction => not_paid(world, id, attempts, outcome == Outcome::NeedsAction),
    }
    outcome
}

/// The intent that will pay an invoice, and the link between them.
fn payment(world: &mut World, invoice: &Value) -> String {
    let (id, amount) = (invoice.text("id"), invoice.int("amount_due"));
    let intent = payments::intent(world, invoice.text("customer"), amount, invoice.text("currency"), Some(id), json!({}));
    join(world, id, &intent);
    intent
}

fn join(world: &mut World, id: &str, intent: &str) {
    let fields = json!({
        "amount_requested": world.object(id).at("amount_due"),
        "currency": world.object(id).at("currency"),
        "invoice": id,
        "payment": { "type": "payment_intent", "payment_intent": intent },
    });
    let link = world.create("invoice_payment", fields);
    world.edit(id, json!({ "_payment_intent": intent, "_link": link }));
}

/// Whatever paid it: it is paid now.
pub fn paid(world: &mut World, id: &str) {
    let before = world.object(id).clone();
    let amount = before.int("amount_due");
    world.edit(
        id,
        json!({
            "amount_paid": amount,
            "amount_remaining": 0,
            "auto_advance": false,
            "next_payment_attempt": null,
            "status": "paid",
            "status_transitions/paid_at": world.now,
        }),
    );
    if let Some(link) = before.maybe_text("_link").map(str::to_owned) {
        let paid_at = world.now;
        world.edit(&link, json!({ "amount_paid": amount, "status": "paid", "status_transitions/paid_at": paid_at }));
        world.emit("invoice_payment.paid", &link);
    }
    world.emit_change("invoice.updated", before);
    world.emit("invoice.paid", id);
    world.emit("invoice.payment_succeeded", id);
    lifecycle::invoice_paid(world, id);
}

fn not_paid(world: &mut World, id: &str, attempts: i64, needs_action: bool) {
    let retried = world.object(id).flag("auto_advance") && world.object(id).text("billing_reason") != "subscription_create";
    let pause = usize::try_from(attempts - 1).ok().and_then(|index| world.settings.retry_days.get(index).copied());
    let next = pause.filter(|_| retried).map(|days| world.now + days * DAY);
    world.edit(id, json!({ "next_payment_attempt": next }));
    if needs_action {
        world.emit("invoice.payment_action_required", id);
    }
    world.emit("invoice.payment_failed", id);
    if let Some(next) = next {
        world.at(next, Timer::RetryInvoice, id);
    }
    lifecycle::invoice_not_paid(world, id, retried && next.is_none());
}

/// The bank's late answer to a debit.
pub fn settle(world: &mut World, intent: &str, success: bool) -> Result<(), ApiError> {
    payments::settle(world, intent, success)?;
    let Some(id) = world.object(intent).maybe_text("_invoice").map(str::to_owned) else { return Ok(()) };
    if success {
        paid(world, &id);
    } else {
        let attempts = world.object(&id).int("attempt_count");
        not_paid(world, &id, attempts, false);
    }
    Ok(())
}

pub fn void_now(world: &mut World, id: &str) {
    let before = world.object(id).clone();
    world.edit(
        id,
        json!({
            "auto_advance": false,
            "next_payment_attempt": null,
            "status": "void",
            "status_transitions/voided_at": world.now,
        }),
    );
    cancel_payment(world, &before);
    world.emit_change("invoice.updated", before);
    world.emit("invoice.voided", id);
    let subscription = subscription_of(world.object(id)).to_owned();
    if world.object(&subscription).text("_pending/invoice") == id {
        change::expire(world, &subscription);
    }
}

/// Of what is not wanted any more. What the bank was asked for may still come.
pub fn void_if_open(world: &mut World, id: &str) {
    let invoice = world.object(id);
    if invoice.text("status") == "open" && !is_being_paid(world, invoice) {
        void_now(world, id);
    }
}

fn cancel_payment(world: &mut World, invoice: &Value) {
    let Some(intent) = invoice.maybe_text("_payment_intent") else { return };
    if world.object(intent).text("status") != "succeeded" {
        let now = world.now;
        world.change(intent, "payment_intent.canceled", json!({ "status": "canceled", "canceled_at": now }));
    }
}

pub fn mark_uncollectible(world: &mut World, id: &str) {
    let before = world.object(id).clone();
    world.edit(
        id,
        json!({
            "auto_advance": false,
            "next_payment_attempt": null,
            "status": "uncollectible",
            "status_transitions/marked_uncollectible_at": world.now,
        }),
    );
    world.emit_change("invoice.updated", before);
    world.emit("invoice.marked_uncollectible", id);
}

/// `POST /v1/invoices/:id/pay`
pub fn pay(world: &mut World, id: &str, params: &Value) -> Answer {
    let invoice = world.find("invoice", id)?.clone();
    match invoice.text("status") {
        "paid" => return Err(ApiError::state("invoice_already_paid", "Invoice is already paid")),
        "void" => return Err(ApiError::invalid("Invoice is void and cannot be paid.")),
        "draft" => finalize(world, id),
        _ => {}
    }
    if params.flag("paid_out_of_band") {
        paid(world, id);
        return Ok(world.object(id).clone());
    }
    let method = match params.maybe_text("payment_method") {
        Some(method) => payments::named(world, "payment_method", method, invoice.text("customer"))?,
        None => payment_method(world, &invoice),
    };
    match collect_with(world, id, &method, false) {
        Outcome::Paid | Outcome::Processing => Ok(world.object(id).clone()),
        Outcome::NeedsAction => Err(ApiError::card("authentication_required")),
        Outcome::Declined(reason) => Err(ApiError::card(reason)),
    }
}

/// `POST /v1/invoices/:id/void` and `/mark_uncollectible`
pub fn give_up(world: &mut World, id: &str, void: bool) -> Answer {
    let invoice = world.find("invoice", id)?;
    let status = invoice.text("status");
    if void && is_being_paid(world, invoice) {
        return Err(ApiError::invalid("A payment of this invoice is on its way: it cannot be voided."));
    }
    if !(status == "open" || void && status == "uncollectible") {
        return Err(ApiError::invalid(format!("You can only do this with open invoices. This one is {status}.")));
    }
    if void {
        void_now(world, id);
    } else {
        mark_uncollectible(world, id);
    }
    Ok(world.object(id).clone())
}
