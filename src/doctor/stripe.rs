//! What the server needs of Stripe: a key that it takes, secrets to check deliveries with, and an endpoint that sends what counts.

use secrecy::ExposeSecret;
use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::{Finding, fail, fine, warn};
use crate::billing::apply::EVENTS;
use crate::config::Config;
use crate::stripe::client::{Client, StripeError};
use crate::stripe::object::field::{items, text};

/// Of the router.
const PATHS: [&str; 2] = ["/webhooks/stripe", "/api/v1/webhooks/stripe"];

/// Read-only, hence without a key of its own.
struct Read(&'static str);

impl StripeRequest for Read {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Get, self.0)
    }
}

pub async fn all(config: &Config) -> Vec<Finding> {
    if config.stripe.secret_key.is_none() {
        let remedy = "set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET";
        return vec![match config.development() {
            true => fine("Stripe", "the sandbox plays it, until STRIPE_SECRET_KEY is set"),
            false => warn("Stripe", "is not set up: nobody can pay", remedy),
        }];
    }
    let client = match Client::new(&config.stripe) {
        Ok(client) => client,
        Err(cause) => return vec![fail("Stripe", format!("{cause:?}"), "check STRIPE_API_BASE")],
    };
    let (key, events) = tokio::join!(key(config, &client), events(config, &client));
    [key, secrets(config)].into_iter().chain(events).collect()
}

async fn key(config: &Config, client: &Client) -> Finding {
    let restricted = config.stripe.secret_key.as_ref().is_some_and(|key| key.expose_secret().starts_with("rk_"));
    let mode = if config.stripe.livemode() { "live" } else { "test" };
    match client.read("retrieve_account", &Read("/account")).await {
        Ok(_) if !config.development() && !config.stripe.livemode() => {
            warn("Stripe", "takes the key, which is one for tests: no money moves", "set a live STRIPE_SECRET_KEY")
        }
        Ok(_) => fine("Stripe", format!("takes the key, in {mode} mode")),
        // It may ask for other things; a publishable key is refused so, too, and may ask for nothing.
        Err(StripeError::Refused(refused)) if refused.status == 403 && restricted => {
            fine("Stripe", format!("takes the key, a restricted one, in {mode} mode"))
        }
        Err(StripeError::Refused(refused)) => {
            fail("Stripe", format!("refuses the key: {}", refused.message), "check STRIPE_SECRET_KEY: it begins with sk_ or rk_")
        }
        Err(StripeError::Unavailable(cause) | StripeError::Kept(cause)) => {
            warn("Stripe", cause, "check STRIPE_API_BASE, and that this machine may call it")
        }
    }
}

fn secrets(config: &Config) -> Finding {
    let secrets = &config.stripe.webhook_secrets;
    match secrets.iter().any(|secret| !secret.expose_secret().starts_with("whsec_")) {
        true => {
            fail("webhooks", "a signing secret does not begin with whsec_", "copy STRIPE_WEBHOOK_SECRET from the endpoint's page at Stripe")
        }
        false => {
            fine("webhooks", format!("{} signing secret(s); whether they are the endpoint's shows with the first delivery", secrets.len()))
        }
    }
}

/// What is not sent is never heard of: a refund without `invoice_payment.paid`, for instance, finds no payment.
async fn events(config: &Config, client: &Client) -> Option<Finding> {
    let listed = match client.read("list_webhook_endpoints", &Read("/webhook_endpoints?limit=100")).await {
        Ok(answer) => answer.body,
        Err(StripeError::Refused(refused)) if refused.status == 403 => {
            return Some(warn("events", "the key may not read which endpoints there are", "compare them with the README's list of events"));
        }
        // What is said of the key says it.
        Err(_) => return None,
    };
    let urls = PATHS.map(|path| config.http.public_url.join(path).map(String::from).ok());
    let ours = |endpoint: &&Value| urls.contains(&text(endpoint, "url")) && text(endpoint, "status").as_deref() == Some("enabled");
    let sent: Vec<&str> = items(&listed, "data").iter().filter(ours).flat_map(enabled).collect();
    let missing: Vec<_> = EVENTS.into_iter().filter(|event| !sent.contains(event) && !sent.contains(&"*")).collect();
    Some(match (sent.is_empty(), missing.is_empty()) {
        (true, _) => {
            let seen = format!("Stripe sends none to {}webhooks/stripe", config.http.public_url);
            warn("events", seen, "add that endpoint at Stripe, with the README's list of events")
        }
        (false, false) => fail("events", format!("Stripe does not send {}", missing.join(", ")), "add them to the endpoint at Stripe"),
        (false, true) => fine("events", "Stripe sends all that count"),
    })
}

fn enabled(endpoint: &Value) -> impl Iterator<Item = &str> {
    endpoint.get("enabled_events").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
