//! What the server needs of others: Redis, the mail server, and the providers where people sign in.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::{Finding, fail, fine, warn};
use crate::config::{Config, MailTransport};
use crate::identity::provider::{Failure, Provider, Providers};
use crate::mail::smtp;
use crate::stripe::client::{Client, StripeError};

const PATIENCE: Duration = Duration::from_secs(5);

pub async fn all(config: &Config) -> Vec<Finding> {
    let (limits, mail, providers, stripe) = tokio::join!(limits(config), mail(config), providers(config), stripe(config));
    [limits, mail].into_iter().chain(providers).chain(stripe).collect()
}

/// Read-only, hence without a key of its own.
struct WhoAmI;

impl StripeRequest for WhoAmI {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Get, "/account")
    }
}

async fn stripe(config: &Config) -> Vec<Finding> {
    if config.stripe.secret_key.is_none() {
        let remedy = "set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET";
        return vec![match config.development() {
            true => fine("Stripe", "the sandbox plays it, until STRIPE_SECRET_KEY is set"),
            false => warn("Stripe", "is not set up: nobody can pay", remedy),
        }];
    }
    let asked = match Client::new(&config.stripe) {
        Ok(client) => client.read("retrieve_account", &WhoAmI).await,
        Err(cause) => return vec![fail("Stripe", format!("{cause:?}"), "check STRIPE_API_BASE")],
    };
    let mode = if config.stripe.livemode() { "live" } else { "test" };
    let key = match asked {
        Ok(_) if !config.development() && !config.stripe.livemode() => {
            warn("Stripe", "takes the key, which is one for tests: no money moves", "set a live STRIPE_SECRET_KEY")
        }
        Ok(_) => fine("Stripe", format!("takes the key, in {mode} mode")),
        Err(StripeError::Refused(refused)) => {
            fail("Stripe", format!("refuses the key: {}", refused.message), "check STRIPE_SECRET_KEY: it begins with sk_ or rk_")
        }
        Err(StripeError::Unavailable(cause) | StripeError::Kept(cause)) => {
            warn("Stripe", cause, "check STRIPE_API_BASE, and that this machine may call it")
        }
    };
    let secrets = &config.stripe.webhook_secrets;
    let odd = secrets.iter().any(|secret| !secret.expose_secret().starts_with("whsec_"));
    let webhooks = match odd {
        true => {
            fail("webhooks", "a signing secret does not begin with whsec_", "copy STRIPE_WEBHOOK_SECRET from the endpoint's page at Stripe")
        }
        false => {
            fine("webhooks", format!("{} signing secret(s); whether they are the endpoint's shows with the first delivery", secrets.len()))
        }
    };
    vec![key, webhooks]
}

async fn limits(config: &Config) -> Finding {
    let Some(url) = &config.http.redis_url else { return fine("rate limits", "of each process by itself; REDIS_URL shares them") };
    let remedy = "check REDIS_URL, and that Redis runs: until then nobody is limited";
    match tokio::time::timeout(PATIENCE, ping(url)).await {
        Ok(Ok(())) => fine("rate limits", "shared through Redis"),
        Ok(Err(error)) => fail("rate limits", format!("Redis does not answer: {error}"), remedy),
        Err(_) => fail("rate limits", format!("Redis does not answer within {} s", PATIENCE.as_secs()), remedy),
    }
}

async fn ping(url: &SecretString) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(url.expose_secret())?.get_multiplexed_async_connection().await?;
    redis::cmd("PING").exec_async(&mut connection).await
}

/// Signs in at the mail server, and sends nothing.
async fn mail(config: &Config) -> Finding {
    let smtp = match &config.mail.transport {
        MailTransport::Smtp(smtp) => smtp,
        MailTransport::Folder(folder) => return fine("mail", format!("written into files in {}", folder.display())),
        MailTransport::Memory => return fine("mail", "kept in memory"),
    };
    let remedy = "check SMTP_URL and SMTP_CA_FILE, and that this machine may call the server";
    let connections = match smtp::Connections::new(smtp) {
        Ok(connections) => connections,
        Err(sentence) => return fail("mail", sentence, remedy),
    };
    match tokio::time::timeout(PATIENCE, connections.test()).await {
        Ok(Ok(true)) => fine("mail", "the mail server lets us in"),
        Ok(Ok(false)) => fail("mail", "the mail server hung up", remedy),
        Ok(Err(error)) => fail("mail", format!("the mail server does not let us in: {}", smtp::cause(&error)), remedy),
        Err(_) => fail("mail", format!("the mail server does not answer within {} s", PATIENCE.as_secs()), remedy),
    }
}

async fn providers(config: &Config) -> Vec<Finding> {
    let providers = match Providers::new(config) {
        Ok(providers) => providers,
        Err(cause) => return vec![fail("sign-in", format!("{cause:?}"), "check GOOGLE_… and GITHUB_…")],
    };
    let mut findings = Vec::new();
    if providers.offers(Provider::Google) {
        findings.push(match providers.reach_google().await {
            Ok(()) => fine("Google", "tells where people sign in"),
            Err(Failure::Unavailable(cause)) => warn("Google", cause, "check GOOGLE_ISSUER, and that this machine may call it"),
            Err(Failure::Refused(cause)) => fail("Google", cause, "write GOOGLE_ISSUER as the provider does, letter by letter"),
        });
    }
    if providers.offers(Provider::GitHub) {
        findings.push(fine("GitHub", "configured; whether the secret is right shows at the first sign-in"));
    }
    findings
}
