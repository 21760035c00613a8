//! The customer portal's page, and the page of an invoice: what customers do by themselves.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::actions::Action;
use super::error::{Answer, ApiError};
use super::json::Json;
use super::pages::{cards, confirm_page, page, problem, summary};
use super::shared::Shared;
use super::state::World;
use super::versions::bare;

pub async fn portal(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.enter(|inner| content(&inner.world, &id)) {
        Ok(content) => page("portal.html", content),
        Err(error) => problem(&error),
    }
}

fn content(world: &World, id: &str) -> Answer {
    let session = world.find("billing_portal.session", id)?;
    let customer = session.text("customer");
    let subscriptions = world.all("subscription").rev().filter(|object| object.text("customer") == customer);
    let for_sale = world.all("price").filter(|price| price.flag("active") && price.text("type") == "recurring");
    let prices = for_sale.map(|price| {
        json!({
            "id": price.at("id"),
            "name": world.object(price.text("product")).at("name"),
            "unit_amount": price.at("unit_amount"),
            "currency": price.at("currency"),
            "interval": price.at("recurring/interval"),
        })
    });
    Ok(json!({
        "subscriptions": subscriptions.map(|object| summary(world, object)).collect::<Vec<_>>(),
        "prices": prices.collect::<Vec<_>>(),
        "cards": cards(),
        "return_url": session.at("return_url"),
    }))
}

#[derive(Deserialize)]
pub struct Wish {
    what: String,
    #[serde(default)]
    subscription: String,
    #[serde(default)]
    price: String,
    #[serde(default)]
    quantity: i64,
    #[serde(default)]
    card: String,
}

pub async fn change(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Form(wish): Form<Wish>) -> Response {
    match shared.enter(|inner| action(&inner.world, &id, wish).and_then(|action| inner.act(&action))) {
        Ok(_) => Redirect::to(&format!("/p/session/{id}")).into_response(),
        Err(error) => problem(&error),
    }
}

fn action(world: &World, id: &str, wish: Wish) -> Result<Action, ApiError> {
    let customer = world.find("billing_portal.session", id)?.text("customer").to_owned();
    if wish.what == "card" {
        return Ok(Action::NewCard { customer, card: wish.card });
    }
    let subscription = world.find("subscription", &wish.subscription)?;
    if subscription.text("customer") != customer {
        return Err(ApiError::missing("subscription", &wish.subscription));
    }
    let params = match wish.what.as_str() {
        // With flexible billing the portal sets only the time, not `cancel_at_period_end`.
        "cancel" if subscription.text("billing_mode/type") == "flexible" => json!({ "cancel_at": "min_period_end" }),
        "cancel" => json!({ "cancel_at_period_end": true }),
        "keep" => json!({ "cancel_at": null }),
        _ => {
            let item = json!({ "id": subscription.at("items/data/0/id"), "price": wish.price, "quantity": wish.quantity.max(1) });
            json!({ "items": [item], "proration_behavior": "always_invoice" })
        }
    };
    Ok(Action::Update { subscription: wish.subscription, params })
}

pub async fn invoice(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.enter(|inner| inner.world.find("invoice", &id).cloned()) {
        Ok(invoice) => page("invoice.html", json!({ "invoice": bare(invoice), "cards": cards() })),
        Err(error) => problem(&error),
    }
}

#[derive(Deserialize)]
pub struct Card {
    card: String,
}

pub async fn pay_invoice(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Form(form): Form<Card>) -> Response {
    match shared.enter(|inner| inner.act(&Action::PayInvoice { invoice: id.clone(), card: form.card })) {
        Ok(invoice) => {
            let intent = invoice.text("_payment_intent");
            let asks = shared.enter(|inner| inner.world.object(intent).text("status") == "requires_action");
            Redirect::to(&if asks { format!("/3ds/{intent}") } else { format!("/i/{id}") }).into_response()
        }
        Err(error) => problem(&error),
    }
}

/// The bank's question about a payment outside of a checkout.
pub async fn question(Path(id): Path<String>) -> Response {
    confirm_page(&format!("/3ds/{id}"))
}

#[derive(Deserialize)]
pub struct Confirmation {
    success: bool,
}

pub async fn answered(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Form(form): Form<Confirmation>) -> Response {
    match shared.enter(|inner| inner.act(&Action::ConfirmPayment { payment_intent: id, success: form.success })) {
        Ok(intent) => Redirect::to(&intent.maybe_text("_invoice").map_or("/sandbox".to_owned(), |id| format!("/i/{id}"))).into_response(),
        Err(error) => problem(&error),
    }
}
