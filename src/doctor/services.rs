//! What the server needs of others: Redis, and the providers where people sign in.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Finding, fail, fine, warn};
use crate::config::Config;
use crate::identity::provider::{Failure, Provider, Providers};

const PATIENCE: Duration = Duration::from_secs(5);

pub async fn all(config: &Config) -> Vec<Finding> {
    let (limits, providers) = tokio::join!(limits(config), providers(config));
    std::iter::once(limits).chain(providers).collect()
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
