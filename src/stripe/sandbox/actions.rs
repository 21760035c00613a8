//! What people and banks do: everything that changes Stripe's objects without an API request of ours. The dashboard's buttons, the
//! pages, the control endpoints, tests and random histories all do these.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{Answer, ApiError};
use super::json::Json;
use super::resources::payments::{self, Outcome};
use super::resources::{checkout, customers, disputes, invoices, refunds, subscriptions};
use super::state::World;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Time passes.
    Advance {
        seconds: i64,
    },
    /// Time passes until the next thing is due.
    NextDue,
    /// Time passes until the subscription has been renewed and charged.
    NextPeriod {
        subscription: String,
    },
    /// The same, with cards that are declined from now on.
    FailRenewal {
        subscription: String,
    },
    /// Somebody submits the payment page. `card` is a number, or a word of `payments::CARDS`.
    Pay {
        session: String,
        card: String,
        #[serde(default)]
        email: String,
        #[serde(default)]
        code: String,
    },
    /// The payer's bank asks for confirmation, and gets it or not.
    ConfirmSession {
        session: String,
        success: bool,
    },
    /// The same for an invoice or another payment after the checkout.
    ConfirmPayment {
        payment_intent: String,
        success: bool,
    },
    /// A delayed payment arrives, or does not.
    Settle {
        payment_intent: String,
        success: bool,
    },
    /// Somebody pays an open invoice on its page, with another card perhaps.
    PayInvoice {
        invoice: String,
        #[serde(default)]
        card: String,
    },
    /// From now on the customer's stored cards behave like this word of `payments::CARDS`. Nobody is told.
    CardsBehave {
        customer: String,
        card: String,
    },
    /// The customer stores another card, which is charged from now on.
    NewCard {
        customer: String,
        card: String,
    },
    RemoveCards {
        customer: String,
    },
    Refund {
        charge: String,
        #[serde(default)]
        amount: Option<i64>,
    },
    FailRefund {
        refund: String,
    },
    Dispute {
        charge: String,
        #[serde(default)]
        amount: Option<i64>,
    },
    CloseDispute {
        dispute: String,
        won: bool,
    },
    DeleteCustomer {
        customer: String,
    },
    /// In the portal, or in Stripe's own dashboard: with the API's parameters, already typed.
    Update {
        subscription: String,
        params: Value,
    },
    Cancel {
        subscription: String,
    },
    Resume {
        subscription: String,
    },
    ExpireSession {
        session: String,
    },
}

/// The number behind a word; a number is itself.
pub fn number(card: &str) -> String {
    let known = payments::CARDS.iter().find(|(word, ..)| *word == card);
    known.map_or_else(|| card.split_whitespace().collect(), |(_, number, _)| (*number).to_owned())
}

/// Everything but time, which is not the world's own.
pub fn act(world: &mut World, action: &Action) -> Answer {
    match action {
        Action::Advance { .. } | Action::NextDue | Action::NextPeriod { .. } | Action::FailRenewal { .. } => {
            Err(ApiError::invalid("Time is moved from outside."))
        }
        Action::Pay { session, card, email, code } => {
            if !code.is_empty() {
                checkout::use_code(world, session, code)?;
            }
            let outcome = checkout::pay(world, session, &number(card), email, false)?;
            Ok(told(world, session, outcome))
        }
        Action::ConfirmSession { session, success } => {
            let waiting = world.find("checkout.session", session)?.clone();
            let Some(card) = waiting.maybe_text("_awaiting") else {
                return Err(ApiError::invalid("Nothing waits for confirmation."));
            };
            if *success {
                let outcome = checkout::pay(world, session, card, waiting.text("_email"), true)?;
                return Ok(told(world, session, outcome));
            }
            world.edit(session, json!({ "_awaiting": null, "_error": "You did not confirm the payment." }));
            Ok(told(world, session, Outcome::Declined("authentication_required")))
        }
        Action::ConfirmPayment { payment_intent, success } => confirm(world, payment_intent, *success),
        Action::Settle { payment_intent, success } => {
            checkout::settle(world, payment_intent, *success)?;
            Ok(world.object(payment_intent).clone())
        }
        Action::PayInvoice { invoice, card } => pay_invoice(world, invoice, card),
        Action::CardsBehave { customer, card } => {
            world.referred("customer", "customer", customer)?;
            for method in world.ids_where("payment_method", "customer", customer) {
                world.edit(&method, json!({ "_behaviour": card, "_confirmed": false }));
            }
            Ok(world.object(customer).clone())
        }
        Action::NewCard { customer, card } => new_card(world, customer, card),
        Action::RemoveCards { customer } => remove_cards(world, customer),
        Action::Refund { charge, amount } => {
            let mut params = json!({ "charge": charge, "reason": "requested_by_customer" });
            if let Some(amount) = amount {
                params.set("amount", *amount);
            }
            refunds::create(world, &params)
        }
        Action::FailRefund { refund } => refunds::fail(world, refund),
        Action::Dispute { charge, amount } => disputes::open(world, charge, *amount),
        Action::CloseDispute { dispute, won } => disputes::close(world, dispute, *won),
        Action::DeleteCustomer { customer } => customers::delete(world, customer),
        Action::Update { subscription, params } => subscriptions::update(world, subscription, params),
        Action::Cancel { subscription } => subscriptions::cancel(world, subscription, &json!({})),
        Action::Resume { subscription } => subscriptions::resume_and_pay(world, subscription),
        Action::ExpireSession { session } => checkout::expire(world, session),
    }
}

/// An hour after the period's end, when its draft has been charged.
pub fn end_of_period(world: &World, subscription: &str) -> Result<i64, ApiError> {
    let object = world.find("subscription", subscription)?;
    Ok(super::resources::lifecycle::period(object).1 + super::calendar::HOUR)
}

fn told(world: &World, session: &str, outcome: Outcome) -> Value {
    let outcome = match outcome {
        Outcome::Paid => "paid",
        Outcome::Declined(_) => "declined",
        Outcome::NeedsAction => "needs_confirmation",
        Outcome::Processing => "processing",
    };
    json!({ "outcome": outcome, "session": world.object(session) })
}

fn confirm(world: &mut World, intent: &str, success: bool) -> Answer {
    let object = world.find("payment_intent", intent)?.clone();
    if object.text("status") != "requires_action" {
        return Err(ApiError::invalid("This payment waits for no confirmation."));
    }
    let method = object.text("payment_method").to_owned();
    match object.maybe_text("_invoice") {
        _ if !success => {
            let error = ApiError::card("authentication_required").body().at("error").clone();
            world.edit(intent, json!({ "status": "requires_payment_method", "last_payment_error": error, "next_action": null }));
            world.emit("payment_intent.payment_failed", intent);
        }
        Some(invoice) => {
            invoices::collect_with(world, invoice, &method, true);
        }
        None => {
            payments::attempt(world, intent, &method, true);
        }
    }
    Ok(world.object(intent).clone())
}

fn pay_invoice(world: &mut World, invoice: &str, card: &str) -> Answer {
    let object = world.find("invoice", invoice)?.clone();
    if object.text("status") != "open" {
        return Err(ApiError::invalid(format!("This invoice is {}.", object.text("status"))));
    }
    if invoices::is_being_paid(world, &object) {
        return Err(ApiError::invalid("A payment of this invoice is on its way."));
    }
    if !card.is_empty() {
        let customer = object.text("customer").to_owned();
        let method = payments::attach(world, &customer, &number(card), false);
        let subscription = invoices::subscription_of(&object).to_owned();
        world.change(&subscription, "customer.subscription.updated", json!({ "default_payment_method": method }));
    }
    invoices::collect(world, invoice, false);
    Ok(world.object(invoice).clone())
}

/// What the portal does when a card is added: it is the one to charge, for the customer and for every subscription.
fn new_card(world: &mut World, customer: &str, card: &str) -> Answer {
    world.referred("customer", "customer", customer)?;
    let method = payments::attach(world, customer, &number(card), false);
    world.change(customer, "customer.updated", json!({ "invoice_settings/default_payment_method": method }));
    for subscription in world.ids_where("subscription", "customer", customer) {
        if super::resources::lifecycle::alive(world.object(&subscription)) {
            world.change(&subscription, "customer.subscription.updated", json!({ "default_payment_method": method }));
        }
    }
    Ok(world.object(customer).clone())
}

fn remove_cards(world: &mut World, customer: &str) -> Answer {
    world.referred("customer", "customer", customer)?;
    for method in world.ids_where("payment_method", "customer", customer) {
        world.change(&method, "payment_method.detached", json!({ "customer": null }));
    }
    world.change(customer, "customer.updated", json!({ "invoice_settings/default_payment_method": null }));
    for subscription in world.ids_where("subscription", "customer", customer) {
        world.change(&subscription, "customer.subscription.updated", json!({ "default_payment_method": null }));
    }
    Ok(world.object(customer).clone())
}
