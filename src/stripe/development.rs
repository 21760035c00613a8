//! Development without a key: the sandbox plays Stripe. One process of a data folder runs it, and the others find it there.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::sandbox::{self, Options, Sandbox};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::key_file;

const PATIENCE: Duration = Duration::from_secs(2);

/// Points the configuration at a sandbox. It runs here if this process may (`serve` does, `worker` does not) and none runs yet. None:
/// Stripe itself is configured, or somebody else runs the sandbox, or nobody does.
pub async fn play(config: &mut Config, clock: &Clock, may_start: bool) -> Result<Option<Sandbox>, Error> {
    if !config.development() || config.stripe.secret_key.is_some() || config.stripe.api_base.is_some() {
        return Ok(None);
    }
    if config.stripe.webhook_secrets.is_empty() {
        let new = || format!("whsec_{}", hex::encode(rand::random::<[u8; 24]>()));
        let secret = key_file::read_or_make(&config.data_dir.join("stripe-sandbox.secret"), new);
        config.stripe.webhook_secrets = vec![SecretString::from(secret.map_err(|error| Error::internal(error.0))?.trim().to_owned())];
    }
    let running = running(config).await;
    let (started, base) = match (running, may_start) {
        (Some(base), _) => (None, base),
        (None, false) => return Ok(None),
        (None, true) => {
            let secrets = config.stripe.webhook_secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect();
            let options = Options { webhook_secrets: secrets, folder: Some(config.data_dir.clone()), ..Options::default() };
            let sandbox = Sandbox::start(clock.clone(), options).await?;
            let base = sandbox.base_url().to_owned();
            (Some(sandbox), base)
        }
    };
    config.stripe.secret_key = Some(SecretString::from(sandbox::SECRET_KEY.to_owned()));
    config.stripe.api_base = Some(base.parse()?);
    Ok(started)
}

/// Where another process of this data folder runs one.
async fn running(config: &Config) -> Option<String> {
    let base = format!("http://localhost:{}", sandbox::last_port(&config.data_dir)?);
    let request = reqwest::Client::new().get(format!("{base}/v1/account")).bearer_auth(sandbox::SECRET_KEY).timeout(PATIENCE);
    let answer: serde_json::Value = request.send().await.ok()?.json().await.ok()?;
    (answer.get("object")?.as_str()? == "account").then_some(base)
}
