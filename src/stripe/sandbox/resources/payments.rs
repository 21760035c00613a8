//! Payment methods, payment intents and charges. The number of a card decides what it does, as with Stripe's test cards.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::stripe::sandbox::error::ApiError;
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, param};
use crate::stripe::sandbox::state::World;

pub const OF_CUSTOMER: &[Param] = &[param("customer", Kind::Text)];
pub const CHARGE_FILTERS: &[Param] = &[param("customer", Kind::Text), param("payment_intent", Kind::Text)];
pub const METHOD_FILTERS: &[Param] = &[param("customer", Kind::Text), param("type", Kind::Text)];

/// Cards by what they do: the word, the number, and a line for people.
pub const CARDS: [(&str, &str, &str); 6] = [
    ("works", "4242424242424242", "A card that works"),
    ("declined", "4000000000000002", "A card that is declined"),
    ("declined_later", "4000000000000341", "A card that can be stored and is declined when it is charged"),
    ("confirm_once", "4000002500003155", "A card that needs confirmation once"),
    ("confirm_always", "4000002760003184", "A card that needs confirmation each time"),
    ("delayed", "000123456789", "A bank debit: the money comes, or does not, days later"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Paid,
    /// With the bank's reason.
    Declined(&'static str),
    /// The payer has to confirm.
    NeedsAction,
    /// Known later.
    Processing,
}

/// A number that is in the table does what the table says; every other one works.
pub fn behaviour(number: &str) -> &'static str {
    CARDS.iter().find(|(_, known, _)| *known == number).map_or("works", |(word, ..)| word)
}

/// Stores a card or bank account with a customer. The same number always has the same fingerprint.
pub fn attach(world: &mut World, customer: &str, number: &str, confirmed: bool) -> String {
    let digest = Sha256::digest(number.as_bytes());
    let fingerprint = hex::encode(digest).chars().take(16).collect::<String>();
    let last4: String = number.chars().skip(number.chars().count().saturating_sub(4)).collect();
    let behaviour = behaviour(number);
    let mut fields = json!({
        "customer": customer,
        "billing_details/email": world.object(customer).at("email"),
        "_behaviour": behaviour,
        "_confirmed": confirmed,
    });
    if behaviour == "delayed" {
        fields.patch(json!({
            "type": "us_bank_account",
            "us_bank_account": { "account_type": "checking", "bank_name": "STRIPE TEST BANK", "fingerprint": fingerprint, "last4": last4 },
        }));
    } else {
        fields.patch(json!({
            "type": "card",
            "card": {
                "brand": "visa",
                "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
                "country": "US",
                "display_brand": "visa",
                "exp_month": 8,
                "exp_year": 2040,
                "fingerprint": fingerprint,
                "funding": "credit",
                "generated_from": null,
                "last4": last4,
                "networks": { "available": ["visa"], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            },
        }));
    }
    let id = world.create("payment_method", fields);
    world.emit("payment_method.attached", &id);
    id
}

/// The payment method that a parameter names, perhaps one of Stripe's test tokens, which is stored then.
pub fn named(world: &mut World, param: &str, id: &str, customer: &str) -> Result<String, ApiError> {
    let token = match id {
        "pm_card_visa" => Some("works"),
        "pm_card_visa_chargeDeclined" => Some("declined"),
        "pm_card_chargeCustomerFail" => Some("declined_later"),
        "pm_card_authenticationRequiredOnSetup" => Some("confirm_once"),
        "pm_card_authenticationRequired" => Some("confirm_always"),
        _ => None,
    };
    if let Some((_, number, _)) = CARDS.iter().find(|(word, ..)| Some(*word) == token) {
        return Ok(attach(world, customer, number, false));
    }
    if world.referred(param, "payment_method", id)?.text("customer") != customer {
        return Err(ApiError::param(param, None, "The customer does not have a payment method with the ID supplied."));
    }
    Ok(id.to_owned())
}

/// What a charge of that payment method would come to.
pub fn outcome(world: &World, method: &str, confirmed: bool) -> Outcome {
    let method = world.object(method);
    match method.text("_behaviour") {
        "works" => Outcome::Paid,
        "confirm_once" if confirmed || method.flag("_confirmed") => Outcome::Paid,
        "confirm_always" if confirmed => Outcome::Paid,
        "confirm_once" | "confirm_always" => Outcome::NeedsAction,
        "delayed" => Outcome::Processing,
        "" => Outcome::Declined("no_payment_method"),
        _ => Outcome::Declined("generic_decline"),
    }
}

/// A payment that nobody has tried yet.
pub fn intent(world: &mut World, customer: &str, amount: i64, currency: &str, invoice: Option<&str>, metadata: Value) -> String {
    let id = world.create(
        "payment_intent",
        json!({
            "amount": amount,
            "currency": currency,
            "customer": Some(customer).filter(|id| !id.is_empty()),
            "metadata": metadata,
            "setup_future_usage": invoice.map(|_| "off_session"),
            "_invoice": invoice,
        }),
    );
    let secret = format!("{id}_secret_{}", world.letters(25));
    world.edit(&id, json!({ "client_secret": secret }));
    world.emit("payment_intent.created", &id);
    id
}

/// Tries to charge; all that is said of it are events of the intent and its charge.
pub fn attempt(world: &mut World, intent: &str, method: &str, confirmed: bool) -> Outcome {
    let outcome = outcome(world, method, confirmed);
    if confirmed {
        world.edit(method, json!({ "_confirmed": true }));
    }
    let amount = world.object(intent).int("amount");
    world.edit(intent, json!({ "payment_method": Some(method).filter(|id| !id.is_empty()), "next_action": null }));
    match outcome {
        Outcome::Paid => {
            let charge = charge(world, intent, method, "succeeded");
            world.edit(intent, succeeded(amount, &charge));
            world.emit("charge.succeeded", &charge);
            world.emit("payment_intent.succeeded", intent);
        }
        Outcome::Processing => {
            let charge = charge(world, intent, method, "pending");
            world.edit(intent, json!({ "status": "processing", "latest_charge": charge }));
            world.emit("charge.pending", &charge);
            world.emit("payment_intent.processing", intent);
        }
        Outcome::NeedsAction => {
            let url = format!("{}/3ds/{intent}", world.settings.base_url);
            let action = json!({ "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": null } });
            world.edit(intent, json!({ "status": "requires_action", "next_action": action }));
            world.emit("payment_intent.requires_action", intent);
        }
        Outcome::Declined(reason) => {
            let charge = charge(world, intent, method, "failed");
            world.edit(&charge, json!({ "failure_code": "card_declined", "failure_message": "Your card was declined." }));
            fail(world, intent, &charge, reason);
        }
    }
    outcome
}

fn succeeded(amount: i64, charge: &str) -> Value {
    json!({ "status": "succeeded", "amount_received": amount, "latest_charge": charge, "last_payment_error": null, "next_action": null })
}

fn fail(world: &mut World, intent: &str, charge: &str, reason: &'static str) {
    let error = ApiError::card(reason).body().at("error").clone();
    world.edit(intent, json!({ "status": "requires_payment_method", "latest_charge": charge, "last_payment_error": error }));
    world.emit("charge.failed", charge);
    world.emit("payment_intent.payment_failed", intent);
}

/// The bank's answer to a delayed payment.
pub fn settle(world: &mut World, intent: &str, paid: bool) -> Result<(), ApiError> {
    let object = world.find("payment_intent", intent)?;
    if object.text("status") != "processing" {
        return Err(ApiError::invalid("This payment is not being processed."));
    }
    let (amount, charge) = (object.int("amount"), object.text("latest_charge").to_owned());
    if paid {
        world.edit(&charge, json!({ "status": "succeeded", "paid": true, "captured": true, "amount_captured": amount }));
        world.edit(intent, succeeded(amount, &charge));
        world.emit("charge.succeeded", &charge);
        world.emit("payment_intent.succeeded", intent);
    } else {
        world.edit(&charge, json!({ "status": "failed", "failure_code": "debit_not_authorized" }));
        fail(world, intent, &charge, "debit_not_authorized");
    }
    Ok(())
}

fn charge(world: &mut World, intent: &str, method: &str, status: &str) -> String {
    let intent = world.object(intent).clone();
    let paid = status == "succeeded";
    let details = details(world.object(method));
    let billing = world.object(method).at("billing_details").clone();
    let id = world.create(
        "charge",
        json!({
            "amount": intent.at("amount"),
            "amount_captured": if paid { intent.int("amount") } else { 0 },
            "billing_details": billing,
            "calculated_statement_descriptor": "FIXPATH SANDBOX",
            "captured": paid,
            "currency": intent.at("currency"),
            "customer": intent.at("customer"),
            "metadata": intent.at("metadata"),
            "outcome": {
                "advice_code": null,
                "network_advice_code": null,
                "network_decline_code": null,
                "network_status": if status == "failed" { "declined_by_network" } else { "approved_by_network" },
                "reason": if status == "failed" { Some("generic_decline") } else { None },
                "risk_level": "normal",
                "risk_score": 27,
                "seller_message": if status == "failed" { "The bank did not return any further details." } else { "Payment complete." },
                "type": if status == "failed" { "issuer_declined" } else { "authorized" },
            },
            "paid": paid,
            "payment_intent": intent.at("id"),
            "payment_method": Some(method).filter(|id| !id.is_empty()),
            "payment_method_details": details,
            "status": status,
            "_invoice": intent.at("_invoice"),
        }),
    );
    let url = format!("{}/receipts/{id}", world.settings.base_url);
    world.edit(&id, json!({ "receipt_url": url }));
    id
}

/// How the charge was made: the card as it was then.
fn details(method: &Value) -> Value {
    match method.text("type") {
        "card" => json!({
            "type": "card",
            "card": {
                "amount_authorized": null,
                "authorization_code": null,
                "brand": method.at("card/brand"),
                "checks": method.at("card/checks"),
                "country": method.at("card/country"),
                "exp_month": method.at("card/exp_month"),
                "exp_year": method.at("card/exp_year"),
                "extended_authorization": { "status": "disabled" },
                "fingerprint": method.at("card/fingerprint"),
                "funding": method.at("card/funding"),
                "incremental_authorization": { "status": "unavailable" },
                "installments": null,
                "last4": method.at("card/last4"),
                "mandate": null,
                "multicapture": { "status": "unavailable" },
                "network": "visa",
                "network_token": { "used": false },
                "network_transaction_id": null,
                "overcapture": { "maximum_amount_capturable": null, "status": "unavailable" },
                "regulated_status": "unregulated",
                "three_d_secure": null,
                "transaction_link_id": null,
                "wallet": null,
            },
        }),
        "us_bank_account" => json!({ "type": "us_bank_account", "us_bank_account": method.at("us_bank_account") }),
        _ => Value::Null,
    }
}
