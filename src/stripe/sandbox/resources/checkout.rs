//! Checkout sessions: what is for sale, and what happens when somebody pays, confirms, is declined, or never comes back.

use serde_json::{Value, json};
use url::Url;

use crate::stripe::sandbox::calendar::{DAY, HOUR};
use crate::stripe::sandbox::error::{Answer, ApiError};
use crate::stripe::sandbox::json::Json;
use crate::stripe::sandbox::params::{Kind, Param, TEXTS, param, required};
use crate::stripe::sandbox::state::World;
use crate::stripe::sandbox::timers::Timer;

use super::discounts::{self, Wanted};
use super::invoices::{self, Draft, Line};
use super::lifecycle::{self, Terms};
use super::payments::{self, Outcome};
use super::{customers, first_metadata, given, prices, subscriptions};

const SUBSCRIPTION_DATA: &[Param] = &[
    param("metadata", Kind::Metadata),
    param("trial_period_days", Kind::Int),
    param("trial_end", Kind::Time(&[])),
    param(
        "trial_settings",
        Kind::Hash(&[required(
            "end_behavior",
            Kind::Hash(&[required("missing_payment_method", Kind::OneOf(&["cancel", "create_invoice", "pause"]))]),
        )]),
    ),
    param("description", Kind::Text),
    param("proration_behavior", Kind::OneOf(&["create_prorations", "none"])),
    param("billing_mode", Kind::Hash(&[required("type", Kind::OneOf(&["classic", "flexible"])), param("flexible", Kind::Any)])),
];

const INVOICE_DATA: &[Param] = &[
    param("account_tax_ids", TEXTS),
    param("custom_fields", Kind::Any),
    param("description", Kind::Text),
    param("footer", Kind::Text),
    param("issuer", Kind::Any),
    param("metadata", Kind::Metadata),
    param("rendering_options", Kind::Any),
];

pub const CREATE: &[Param] = &[
    required("mode", Kind::OneOf(&["payment", "setup", "subscription"])),
    param("success_url", Kind::Text),
    param("cancel_url", Kind::Text),
    param("line_items", Kind::List(&Kind::Hash(LINE_ITEM))),
    param("customer", Kind::Text),
    param("customer_email", Kind::Text),
    param("customer_creation", Kind::OneOf(&["always", "if_required"])),
    param("customer_update", Kind::Any),
    param("client_reference_id", Kind::Text),
    param("metadata", Kind::Metadata),
    param("subscription_data", Kind::Hash(SUBSCRIPTION_DATA)),
    param(
        "payment_intent_data",
        Kind::Hash(&[
            param("metadata", Kind::Metadata),
            param("description", Kind::Text),
            param("receipt_email", Kind::Text),
            param("setup_future_usage", Kind::OneOf(&["off_session", "on_session"])),
        ]),
    ),
    param("invoice_creation", Kind::Hash(&[required("enabled", Kind::Bool), param("invoice_data", Kind::Hash(INVOICE_DATA))])),
    param("allow_promotion_codes", Kind::Bool),
    param("discounts", discounts::PARAM),
    param("expires_at", Kind::Time(&[])),
    param("payment_method_types", TEXTS),
    param("payment_method_collection", Kind::OneOf(&["always", "if_required"])),
    param("locale", Kind::Text),
    param("ui_mode", Kind::OneOf(&["hosted", "hosted_page"])),
    param("submit_type", Kind::Text),
    param("automatic_tax", Kind::Any),
    param("billing_address_collection", Kind::Text),
    param("tax_id_collection", Kind::Any),
    param("consent_collection", Kind::Any),
    param("phone_number_collection", Kind::Any),
    param("custom_text", Kind::Any),
    param("saved_payment_method_options", Kind::Any),
    param("adaptive_pricing", Kind::Any),
    param("after_expiration", Kind::Any),
];

const LINE_ITEM: &[Param] = &[
    param("price", Kind::Text),
    param("price_data", Kind::Hash(prices::INLINE)),
    param("quantity", Kind::Int),
    param("adjustable_quantity", Kind::Any),
    param("metadata", Kind::Metadata),
];

pub const FILTERS: &[Param] = &[
    param("customer", Kind::Text),
    param("subscription", Kind::Text),
    param("payment_intent", Kind::Text),
    param("status", Kind::OneOf(&["complete", "expired", "open"])),
];

pub fn create(world: &mut World, params: &Value) -> Answer {
    let mode = params.text("mode");
    if mode == "setup" {
        return Err(ApiError::param("mode", None, "The sandbox knows the modes payment and subscription."));
    }
    let invoiced = params.flag("invoice_creation/enabled");
    if invoiced && mode != "payment" {
        let message = "You can only enable invoice creation when `mode` is set to `payment`. Invoices are created automatically when \
                       `mode` is set to `subscription`, and are unsupported when set to `setup`.";
        return Err(ApiError::param("invoice_creation", None, message));
    }
    for name in ["success_url", "cancel_url"] {
        match params.maybe_text(name) {
            Some(text) if Url::parse(text).is_err() => return Err(ApiError::param(name, Some("url_invalid"), "Not a valid URL")),
            None if name == "success_url" => {
                return Err(ApiError::param(name, Some("parameter_missing"), "Missing required param: success_url."));
            }
            _ => {}
        }
    }
    let customer = params.maybe_text("customer").unwrap_or_default().to_owned();
    if !customer.is_empty() {
        world.referred("customer", "customer", &customer)?;
        if params.maybe_text("customer_email").is_some() {
            return Err(ApiError::param("customer_email", None, "You may only specify one of these parameters: customer, customer_email."));
        }
    }
    // A client goes by its own clock, and means a time that is as far away here.
    let expires = params.maybe_int("expires_at").map_or(world.now + DAY, |time| time + world.ahead);
    if !(world.now + HOUR / 2 - 60..=world.now + DAY + 60).contains(&expires) {
        let message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.";
        return Err(ApiError::param("expires_at", None, message));
    }
    let items = line_items(world, params)?;
    let discount = discounts::wanted(world, &customer, params)?;
    if discount.is_some() && params.flag("allow_promotion_codes") {
        return Err(ApiError::param("discounts", None, "You may only specify one of these parameters: allow_promotion_codes, discounts."));
    }
    let trial_end = subscriptions::trial_end(world, params.at("subscription_data"))?;
    let currency = items.first().map(|item| item.text("currency").to_owned()).unwrap_or_default();
    let mut fields =
        given(params, &["client_reference_id", "cancel_url", "success_url", "customer_email", "locale", "allow_promotion_codes"]);
    fields.also(given(params, &["payment_method_collection", "submit_type", "billing_address_collection"]));
    fields.also(json!({
        "mode": mode,
        "currency": currency,
        "customer": Some(&customer).filter(|id| !id.is_empty()),
        "customer_creation": if mode == "payment" { Some(params.maybe_text("customer_creation").unwrap_or("if_required")) } else { None },
        "expires_at": expires,
        "metadata": first_metadata(params),
        "payment_status": "unpaid",
        "_line_items": items,
        "_subscription_data": params.at("subscription_data"),
        "_payment_intent_data": params.at("payment_intent_data"),
        "_trial_end": trial_end,
        "_discount": discount.map(|wanted| json!({ "coupon": wanted.coupon, "promotion_code": wanted.promotion_code })),
    }));
    if mode == "payment" {
        let data = params.at("invoice_creation/invoice_data");
        fields.also(json!({ "invoice_creation": { "enabled": invoiced, "invoice_data": {
            "account_tax_ids": data.at("account_tax_ids"),
            "custom_fields": data.at("custom_fields"),
            "description": data.at("description"),
            "footer": data.at("footer"),
            "issuer": data.at("issuer"),
            "metadata": first_metadata(data),
            "rendering_options": data.at("rendering_options"),
        } } }));
    } else {
        fields.also(json!({ "payment_method_collection": params.maybe_text("payment_method_collection").unwrap_or("always") }));
    }
    let id = world.create("checkout.session", fields);
    let url = format!("{}/c/pay/{id}", world.settings.base_url);
    world.edit(&id, json!({ "url": url }));
    total(world, &id);
    world.at(expires, Timer::SessionExpires, &id);
    Ok(world.object(&id).clone())
}

fn line_items(world: &mut World, params: &Value) -> Result<Vec<Value>, ApiError> {
    let subscribes = params.text("mode") == "subscription";
    let given = params.list("line_items");
    if given.is_empty() {
        return Err(ApiError::param("line_items", Some("parameter_missing"), "Missing required param: line_items."));
    }
    let mut items = Vec::new();
    for (index, item) in given.iter().enumerate() {
        let name = |field: &str| format!("line_items[{index}][{field}]");
        let price = match item.maybe_text("price") {
            Some(price) => {
                let price = world.referred(&name("price"), "price", price)?.clone();
                prices::for_sale(world, &name("price"), &price)?;
                price
            }
            None if item.has("price_data") => {
                let price = prices::create(world, item.at("price_data"))?;
                // It is for this session alone.
                world.edit(price.text("id"), json!({ "active": false }));
                price
            }
            None => {
                let message = format!("Missing required param: {}.", name("price"));
                return Err(ApiError::param(name("price"), Some("parameter_missing"), message));
            }
        };
        let recurring = price.text("type") == "recurring";
        if subscribes && !recurring {
            let message = "The sandbox sells only recurring prices in `subscription` mode.";
            return Err(ApiError::param(name("price"), None, message));
        }
        if recurring && !subscribes {
            let message = "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.";
            return Err(ApiError::param("line_items", None, message));
        }
        let quantity = item.maybe_int("quantity").unwrap_or(1);
        if quantity < 1 {
            return Err(ApiError::param(
                name("quantity"),
                Some("parameter_invalid_integer"),
                "This value must be greater than or equal to 1.",
            ));
        }
        let amount = price.int("unit_amount") * quantity;
        let (currency, least) = (price.text("currency"), least(price.text("currency")));
        if !subscribes && amount < least {
            let message = format!("The Checkout Session's total amount due must add up to at least {least} {currency}, in minor units");
            return Err(ApiError::param("line_items", Some("amount_too_small"), message));
        }
        let description = world.object(price.text("product")).at("name").clone();
        items.push(world.part(
            "item",
            json!({
                "amount_subtotal": amount,
                "amount_total": amount,
                "currency": price.at("currency"),
                "description": description,
                "price": price,
                "quantity": quantity,
            }),
        ));
    }
    Ok(items)
}

/// What can be charged at least, in minor units. <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>
fn least(currency: &str) -> i64 {
    match currency {
        "huf" => 17_500,
        "czk" => 1_500,
        "mxn" | "thb" => 1_000,
        "hkd" => 400,
        "nok" | "sek" => 300,
        "dkk" => 250,
        "aed" | "myr" | "pln" | "ron" => 200,
        "gbp" => 30,
        _ => 50,
    }
}

fn discount(session: &Value) -> Option<Wanted> {
    let coupon = session.maybe_text("_discount/coupon")?.to_owned();
    Some(Wanted { coupon, promotion_code: session.maybe_text("_discount/promotion_code").map(str::to_owned) })
}

/// What is to be paid now.
fn total(world: &mut World, id: &str) {
    let session = world.object(id).clone();
    let subtotal: i64 = session
        .list("_line_items")
        .iter()
        .filter(|item| session.at("_trial_end").is_null() || item.text("price/type") != "recurring")
        .map(|item| item.int("amount_subtotal"))
        .sum();
    let off = discount(&session).map_or(0, |wanted| discounts::amount_off(world.object(&wanted.coupon), subtotal));
    world.edit(id, json!({ "amount_subtotal": subtotal, "amount_total": subtotal - off, "total_details/amount_discount": off }));
}

/// Somebody types a promotion code on the page.
pub fn use_code(world: &mut World, id: &str, code: &str) -> Result<(), ApiError> {
    let session = open(world, id)?;
    if !session.flag("allow_promotion_codes") {
        return Err(ApiError::invalid("This session takes no promotion codes."));
    }
    let Some(wanted) = discounts::find_code(world, session.text("customer"), code) else {
        return Err(ApiError::invalid("This code is invalid."));
    };
    world.edit(
        id,
        json!({
            "_discount": { "coupon": wanted.coupon, "promotion_code": wanted.promotion_code },
            "discounts": [{ "coupon": null, "promotion_code": wanted.promotion_code }],
        }),
    );
    total(world, id);
    Ok(())
}

fn open(world: &World, id: &str) -> Answer {
    let session = world.find("checkout.session", id)?;
    if session.text("status") == "open" { Ok(session.clone()) } else { Err(ApiError::invalid("This session is no longer open.")) }
}

/// Somebody submits the page with this card. `confirmed`: and has confirmed the payment with the bank.
pub fn pay(world: &mut World, id: &str, number: &str, email: &str, confirmed: bool) -> Result<Outcome, ApiError> {
    let session = open(world, id)?;
    let behaviour = payments::behaviour(number);
    let free = session.int("amount_total") == 0;
    let no_card = number.is_empty();
    if no_card && !(free && session.text("payment_method_collection") == "if_required") {
        return Err(ApiError::invalid("A payment method is needed."));
    }
    if behaviour == "declined" || behaviour == "declined_later" && !free {
        world.edit(id, json!({ "_error": "Your card was declined." }));
        return Ok(Outcome::Declined("generic_decline"));
    }
    if behaviour.starts_with("confirm") && !confirmed {
        world.edit(id, json!({ "_awaiting": number, "_email": email, "_error": null }));
        return Ok(Outcome::NeedsAction);
    }
    let customer = customer(world, &session, email)?;
    let email = world.object(&customer).get("email").cloned().unwrap_or_else(|| json!(email));
    let name = world.object(&customer).at("name").clone();
    world.edit(
        id,
        json!({
            "customer": Some(&customer).filter(|id| !id.is_empty()),
            "customer_details": {
                "address": null, "business_name": null, "email": email, "individual_name": null, "name": name, "phone": null,
                "tax_exempt": "none", "tax_ids": [],
            },
            "_awaiting": null,
            "_error": null,
        }),
    );
    let method = (!no_card).then(|| payments::attach(world, &customer, number, confirmed));
    let outcome = if session.text("mode") == "subscription" {
        subscribe(world, &session, &customer, method, confirmed)
    } else {
        sell(world, &session, &customer, &method.unwrap_or_default(), confirmed)
    };
    let status = match outcome {
        Outcome::Processing => "unpaid",
        _ if free => "no_payment_required",
        Outcome::Paid | Outcome::Declined(_) | Outcome::NeedsAction => "paid",
    };
    world.edit(id, json!({ "status": "complete", "payment_status": status, "url": null }));
    world.emit("checkout.session.completed", id);
    Ok(outcome)
}

/// The session's customer, or a new one where one is needed.
fn customer(world: &mut World, session: &Value, email: &str) -> Result<String, ApiError> {
    let email = session.maybe_text("customer_email").unwrap_or(email);
    match session.maybe_text("customer") {
        // Deleted since.
        Some(customer) if world.object(customer).flag("deleted") => Err(ApiError::no_such("customer", "customer", customer)),
        Some(customer) => Ok(customer.to_owned()),
        // An invoice is somebody's.
        None if session.text("customer_creation") == "if_required" && !session.flag("invoice_creation/enabled") => Ok(String::new()),
        None => {
            let email = Some(email).filter(|email| !email.is_empty());
            Ok(customers::create(world, &json!({ "email": email }))?.text("id").to_owned())
        }
    }
}

fn subscribe(world: &mut World, session: &Value, customer: &str, method: Option<String>, confirmed: bool) -> Outcome {
    let data = session.at("_subscription_data");
    let items = session.list("_line_items").iter().filter(|item| item.text("price/type") == "recurring");
    let mut fields = given(data, &["description"]);
    if data.text("billing_mode/type") == "classic" {
        fields.also(json!({ "billing_mode": { "type": "classic" } }));
    }
    // Days of a trial count from now, not from when the page was made.
    let trial_end = data.maybe_int("trial_period_days").map(|days| world.now + days * DAY).or(data.maybe_int("trial_end"));
    let terms = Terms {
        customer: customer.to_owned(),
        items: items.map(|item| (item.at("price").clone(), item.int("quantity"))).collect(),
        metadata: first_metadata(data),
        trial_end: trial_end.filter(|end| *end > world.now),
        payment_method: method,
        discount: discount(session),
        missing_payment_method: subscriptions::missing_payment_method(data),
        fields,
    };
    let (subscription, invoice) = lifecycle::begin(world, terms);
    let id = session.text("id");
    world.edit(id, json!({ "subscription": subscription, "invoice": invoice }));
    let outcome = invoices::collect(world, &invoice, confirmed);
    world.edit(world.object(&invoice).text("_payment_intent").to_owned().as_str(), json!({ "_session": id }));
    outcome
}

fn sell(world: &mut World, session: &Value, customer: &str, method: &str, confirmed: bool) -> Outcome {
    let (id, amount, currency) = (session.text("id"), session.int("amount_total"), session.text("currency"));
    if let Some(wanted) = discount(session) {
        discounts::redeem(world, &wanted);
    }
    if amount == 0 {
        return Outcome::Paid;
    }
    let metadata = first_metadata(session.at("_payment_intent_data"));
    let intent = payments::intent(world, customer, amount, currency, None, metadata);
    world.edit(&intent, json!({ "_session": id }));
    world.edit(id, json!({ "payment_intent": intent }));
    let outcome = payments::attempt(world, &intent, method, confirmed);
    if outcome == Outcome::Paid {
        invoice(world, id);
    }
    outcome
}

/// A payment that has arrived gets its invoice afterwards, if the session was made so.
fn invoice(world: &mut World, id: &str) {
    let session = world.object(id).clone();
    if !session.flag("invoice_creation/enabled") {
        return;
    }
    let period = (world.now, world.now);
    let lines: Vec<Line> = session.list("_line_items").iter().map(|item| sold(item, period)).collect();
    let (customer, currency) = (session.text("customer"), session.text("currency"));
    let draft = Draft { customer, subscription: "", reason: "manual", currency, period, lines: &lines };
    let given = given(session.at("invoice_creation/invoice_data"), &["description", "footer", "custom_fields", "metadata"]);
    let invoice = invoices::after_payment(world, &draft, session.text("payment_intent"), given);
    world.edit(id, json!({ "invoice": invoice }));
}

fn sold(item: &Value, period: (i64, i64)) -> Line {
    Line {
        description: item.text("description").to_owned(),
        amount: item.int("amount_total"),
        quantity: item.int("quantity"),
        price: item.at("price").clone(),
        item: String::new(),
        period,
        proration: false,
    }
}

/// The bank's late answer to a payment; what the session says of it comes last.
pub fn settle(world: &mut World, intent: &str, success: bool) -> Result<(), ApiError> {
    invoices::settle(world, intent, success)?;
    let Some(id) = world.object(intent).maybe_text("_session").map(str::to_owned) else { return Ok(()) };
    if success {
        world.edit(&id, json!({ "payment_status": "paid" }));
        invoice(world, &id);
        world.emit("checkout.session.async_payment_succeeded", &id);
    } else {
        world.emit("checkout.session.async_payment_failed", &id);
    }
    Ok(())
}

pub fn expire(world: &mut World, id: &str) -> Answer {
    let status = world.find("checkout.session", id)?.text("status");
    if status != "open" {
        let message =
            format!("Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of {status}.");
        return Err(ApiError::invalid(message));
    }
    expire_now(world, id);
    Ok(world.object(id).clone())
}

pub fn expire_now(world: &mut World, id: &str) {
    world.edit(id, json!({ "status": "expired", "url": null }));
    world.emit("checkout.session.expired", id);
}
