//! The pages that people see: payment, confirmation, portal, invoice, and the dashboard. Plain HTML with forms; no scripts.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use minijinja::Environment;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::Action;
use super::deliveries::Attempt;
use super::error::ApiError;
use super::json::Json;
use super::resources::lifecycle;
use super::resources::payments::CARDS;
use super::shared::{Inner, Request, Shared};
use super::state::World;

/// How long the browser waits for the webhook to be taken before it goes back to the shop, as with Stripe.
const WEBHOOK: Duration = Duration::from_secs(10);

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    let files = [
        ("layout.html", include_str!("pages/layout.html")),
        ("checkout.html", include_str!("pages/checkout.html")),
        ("confirm.html", include_str!("pages/confirm.html")),
        ("message.html", include_str!("pages/message.html")),
        ("portal.html", include_str!("pages/portal.html")),
        ("invoice.html", include_str!("pages/invoice.html")),
        ("dashboard.html", include_str!("pages/dashboard.html")),
        ("event.html", include_str!("pages/event.html")),
    ];
    for (name, source) in files {
        templates.add_template(name, source).ok();
    }
    templates.add_filter("money", |amount: i64, currency: &str| money(amount, currency));
    templates.add_filter("time", |time: i64| {
        chrono::DateTime::from_timestamp(time, 0).map(|time| time.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    });
    templates
});

/// Amounts are in the currency's smallest unit, which is not always a hundredth.
fn money(amount: i64, currency: &str) -> String {
    let decimals = match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "ugx" | "vnd" | "vuv" | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "iqd" | "jod" | "kwd" | "lyd" | "omr" | "tnd" => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(decimals);
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, part) = (amount.abs() / unit, amount.abs() % unit);
    let code = currency.to_uppercase();
    if decimals == 0 { format!("{sign}{whole} {code}") } else { format!("{sign}{whole}.{part:0width$} {code}", width = decimals as usize) }
}

pub(super) fn page(name: &str, context: Value) -> Response {
    match TEMPLATES.get_template(name).and_then(|template| template.render(minijinja::value::Serde(context))) {
        Ok(html) => Html(html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

pub(super) fn problem(error: &ApiError) -> Response {
    let mut response = page("message.html", json!({ "title": "This did not work", "message": error.message }));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    response
}

pub async fn checkout(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let session = shared.enter(|inner| inner.world.find("checkout.session", &id).cloned());
    match session {
        Err(error) => problem(&error),
        Ok(session) if session.text("status") == "complete" => Redirect::to(&back(&session, "success_url")).into_response(),
        Ok(session) if session.text("status") != "open" => {
            page("message.html", json!({ "title": "This page has expired", "message": "Go back to the shop and begin again." }))
        }
        Ok(session) => page(
            "checkout.html",
            json!({
                "session": session,
                "items": session.at("_line_items"),
                "error": session.at("_error"),
                "trial_end": session.at("_trial_end"),
                "cancel_url": back(&session, "cancel_url"),
                "cards": cards(),
            }),
        ),
    }
}

/// Where to send the payer, with the placeholder filled in.
fn back(session: &Value, which: &str) -> String {
    session.text(which).replace("{CHECKOUT_SESSION_ID}", session.text("id")).replace("%7BCHECKOUT_SESSION_ID%7D", session.text("id"))
}

#[derive(Deserialize)]
pub struct Payment {
    #[serde(default)]
    card: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    code: String,
}

pub async fn pay(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Form(payment): Form<Payment>) -> Response {
    let card = if payment.number.trim().is_empty() { payment.card } else { payment.number };
    submit(&shared, &id, Action::Pay { session: id.clone(), card, email: payment.email, code: payment.code }).await
}

pub async fn confirmation(Path(id): Path<String>) -> Response {
    confirm_page(&format!("/c/pay/{id}/confirm"))
}

pub(super) fn confirm_page(action: &str) -> Response {
    page("confirm.html", json!({ "action": action }))
}

/// The cards to choose from.
pub(super) fn cards() -> Vec<Value> {
    CARDS.iter().map(|(word, number, line)| json!({ "word": word, "number": number, "line": line })).collect()
}

/// A subscription in one line.
pub(super) fn summary(world: &World, subscription: &Value) -> Value {
    let price = subscription.at("items/data/0/price");
    json!({
        "id": subscription.at("id"),
        "status": subscription.at("status"),
        "name": world.object(price.text("product")).at("name"),
        "price": price.at("id"),
        "amount": price.at("unit_amount"),
        "currency": price.at("currency"),
        "interval": price.at("recurring/interval"),
        "quantity": subscription.at("items/data/0/quantity"),
        "cancel_at": subscription.at("cancel_at"),
        "ends": lifecycle::period(subscription).1,
        "alive": lifecycle::alive(subscription),
    })
}

/// Attempts to deliver, oldest first.
pub(super) fn attempts(inner: &Inner) -> Vec<Value> {
    let row = |attempt: &Attempt| {
        let outcome = match &attempt.outcome {
            Ok(status) => status.to_string(),
            Err(reason) => reason.clone(),
        };
        json!({ "event": attempt.event, "number": attempt.number, "outcome": outcome })
    };
    inner.deliveries.attempts.iter().map(row).collect()
}

/// API requests, oldest first.
pub(super) fn requests(inner: &Inner) -> Vec<Value> {
    let row = |request: &Request| {
        json!({
            "time": request.time,
            "id": request.id,
            "method": request.method,
            "path": request.path,
            "body": request.body,
            "status": request.status,
            "idempotency_key": request.idempotency_key,
        })
    };
    inner.requests.iter().map(row).collect()
}

#[derive(Deserialize)]
pub struct Confirmation {
    success: bool,
}

pub async fn confirm(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Form(form): Form<Confirmation>) -> Response {
    submit(&shared, &id, Action::ConfirmSession { session: id.clone(), success: form.success }).await
}

async fn submit(shared: &Shared, id: &str, action: Action) -> Response {
    match shared.enter(|inner| inner.act(&action)) {
        Err(error) => problem(&error),
        Ok(told) if told.text("outcome") == "needs_confirmation" => Redirect::to(&format!("/c/pay/{id}/confirm")).into_response(),
        Ok(told) if told.text("outcome") == "declined" => Redirect::to(&format!("/c/pay/{id}")).into_response(),
        Ok(told) => {
            if shared.enter(|inner| inner.deliveries.target.is_some()) {
                shared.all_delivered(WEBHOOK).await;
            }
            Redirect::to(&back(told.at("session"), "success_url")).into_response()
        }
    }
}
