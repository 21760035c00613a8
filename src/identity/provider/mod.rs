//! Providers: others who know a person, and say so. Google by OpenID Connect, GitHub by OAuth 2.
//!
//! - An *attempt* (`attempt.rs`) is one person's way to a provider and back, in one browser.
//! - A *profile* is what a provider says of the person who came back: the subject, which never changes, and an address only if the
//!   provider has verified it. What follows from it is decided in `sign_in_with_provider.rs`.
//!
//! A provider's word counts only as far as it can be checked: the code belongs to our attempt (PKCE), and Google's id token is signed
//! by its issuer, for us, for this attempt (nonce), and not too old.

use serde::{Deserialize, Serialize};
use url::Url;

use self::attempt::Attempt;
use self::github::GitHub;
use self::google::Google;
use self::http::Http;
use crate::app::App;
use crate::config::Config;
use crate::error::Error;

pub mod attempt;
mod github;
mod google;
pub mod http;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Google,
    GitHub,
}

impl Provider {
    /// As in paths and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::GitHub => "github",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Google, Self::GitHub].into_iter().find(|provider| provider.as_str() == name)
    }
}

/// What a provider says of a person.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Never changes, never given to anybody else.
    pub subject: String,
    /// Verified by the provider.
    pub email: Option<String>,
    /// What to call them, where they have no username here.
    pub handle: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub avatar_url: Option<String>,
}

/// Why there is no profile. The text is for the log.
#[derive(Debug)]
pub enum Failure {
    /// Does not answer, or not in time, or with its own failure: later it may.
    Unavailable(String),
    /// Its answer does not count, or it refuses ours.
    Refused(String),
}

/// The providers that are configured.
pub struct Providers {
    google: Option<Google>,
    github: Option<GitHub>,
}

impl Providers {
    pub fn new(config: &Config) -> Result<Self, Error> {
        let http = Http::new(config.development())?;
        let redirect = |provider: Provider| callback_url(config, provider);
        let (google, github) = (&config.providers.google, &config.providers.github);
        Ok(Self {
            google: google.as_ref().map(|google| Google::new(google, redirect(Provider::Google)?, http.clone())).transpose()?,
            github: github.as_ref().map(|github| GitHub::new(github, redirect(Provider::GitHub)?, http.clone())).transpose()?,
        })
    }

    /// Whether Google's issuer answers, and is who it should be.
    pub async fn reach_google(&self) -> Result<(), Failure> {
        match &self.google {
            Some(google) => google.reach().await,
            None => Ok(()),
        }
    }

    pub fn offers(&self, provider: Provider) -> bool {
        match provider {
            Provider::Google => self.google.is_some(),
            Provider::GitHub => self.github.is_some(),
        }
    }
}

/// Where to send the browser, so that the person can agree there.
pub async fn consent_url(app: &App, attempt: &Attempt) -> Result<Url, Failure> {
    match (attempt.provider, &app.providers.google, &app.providers.github) {
        (Provider::Google, Some(google), _) => google.consent_url(&app.clock, attempt).await,
        (Provider::GitHub, _, Some(github)) => Ok(github.consent_url(attempt)),
        (Provider::Google | Provider::GitHub, _, _) => Err(Failure::Refused("not configured".into())),
    }
}

/// Who came back, in exchange for the code that they brought. A code is good for one exchange.
pub async fn profile(app: &App, attempt: &Attempt, code: String) -> Result<Profile, Failure> {
    match (attempt.provider, &app.providers.google, &app.providers.github) {
        (Provider::Google, Some(google), _) => google.profile(&app.clock, attempt, code).await,
        (Provider::GitHub, _, Some(github)) => github.profile(attempt, code).await,
        (Provider::Google | Provider::GitHub, _, _) => Err(Failure::Refused("not configured".into())),
    }
}

/// What is registered at the provider as the address to come back to.
fn callback_url(config: &Config, provider: Provider) -> Result<String, Error> {
    Ok(config.http.public_url.join(&format!("/auth/{}/callback", provider.as_str()))?.into())
}
