//! What the server needs of others: Redis, the mail server, and the providers where people sign in.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Finding, fail, fine, stripe, warn};
use crate::config::{Config, MailTransport};
use crate::identity::provider::{Failure, Provider, Providers};
use crate::mail::smtp;

const PATIENCE: Duration = Duration::from_secs(5);

pub async fn all(config: &Config) -> Vec<Finding> {
    let (limits, mail, providers, stripe) = tokio::join!(limits(config), mail(config), providers(config), stripe::all(config));
    [limits, mail].into_iter().chain(providers).chain(stripe).collect()
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
