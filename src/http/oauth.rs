//! `/auth/{provider}/start` and `/auth/{provider}/callback`: a browser goes to a provider and comes back. Whatever becomes of it, the
//! browser ends on a page of the application: signed in by the refresh cookie, or with `auth_error` in the address, which says why not.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;
use url::Url;

use super::answer::{BAD_REQUEST, Refused};
use super::arrival::Arrival;
use super::requester::{Claim, cookie_named};
use crate::app::App;
use crate::identity::cookie;
use crate::identity::grant::{self, Grant};
use crate::identity::provider::attempt::{self, Attempt};
use crate::identity::provider::{self, Failure, Provider};
use crate::identity::sign_in_with_provider::{Denied, sign_in_with_provider};
use crate::limits::Sender;
use crate::metrics;

#[derive(Deserialize)]
pub struct Start {
    /// Where to go when it is done: an address of an allowed origin, or a path below `APP_URL`.
    return_to: Option<String>,
}

#[derive(Deserialize)]
pub struct Callback {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// Why nobody is signed in: the value of `auth_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Cancelled,
    /// Too old, used, or begun in another browser.
    Expired,
    ProviderUnavailable,
    ProviderRefused,
    EmailNotVerified,
    SignInFirst,
    Deactivated,
    NoAccount,
    Internal,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::ProviderRefused => "provider_refused",
            Self::EmailNotVerified => "email_not_verified",
            Self::SignInFirst => "sign_in_first",
            Self::Deactivated => "deactivated",
            Self::NoAccount => "no_account",
            Self::Internal => "internal",
        }
    }
}

impl From<Denied> for Outcome {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::EmailNotVerified => Self::EmailNotVerified,
            Denied::SignInFirst => Self::SignInFirst,
            Denied::Known(grant::Denied::Deactivated) => Self::Deactivated,
            Denied::Known(grant::Denied::NoAccount) => Self::NoAccount,
        }
    }
}

pub async fn start(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(start): Query<Start>,
    Extension(arrival): Extension<Arrival>,
) -> Response {
    let provider = match admit(&app, &arrival, &name).await {
        Ok(provider) => provider,
        Err(refused) => return refused.into_response(),
    };
    let Some(return_to) = page(&app, start.return_to.as_deref()) else {
        let sentence = "`return_to` must be an address of APP_URL, PUBLIC_URL or ALLOWED_ORIGINS";
        return Refused::new(StatusCode::BAD_REQUEST, BAD_REQUEST, sentence).into_response();
    };
    let attempt = Attempt::new(provider, return_to, app.clock.now());
    let begun = match provider::consent_url(&app, &attempt).await {
        Ok(url) => attempt.set_cookie(&app).map(|cookie| redirect(&url, vec![cookie])).map_err(|cause| internal(&arrival, &cause)),
        Err(failure) => Err(failed(provider, &failure)),
    };
    begun.unwrap_or_else(|outcome| back(&app, provider, &attempt.return_to, outcome))
}

pub async fn callback(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(callback): Query<Callback>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
) -> Response {
    let provider = match admit(&app, &arrival, &name).await {
        Ok(provider) => provider,
        Err(refused) => return refused.into_response(),
    };
    let attempt = cookie_named(&headers, attempt::COOKIE).and_then(|cookie| Attempt::read(&app, &cookie));
    let state = callback.state.as_deref().unwrap_or_default();
    let Some(attempt) = attempt.filter(|attempt| attempt.is(provider, state)) else {
        return back(&app, provider, &app.config.http.app_url, Outcome::Expired);
    };
    match finish(&app, &attempt, callback, &Claim::read(&headers, arrival.address, false), &arrival).await {
        Ok(grant) => {
            metrics::signed_in_elsewhere(provider.as_str(), "ok");
            redirect(&attempt.return_to, vec![attempt::clear_cookie(&app.config), cookie::set(&app.config, &grant.refresh_token)])
        }
        Err(outcome) => back(&app, provider, &attempt.return_to, outcome),
    }
}

async fn finish(app: &App, attempt: &Attempt, callback: Callback, claim: &Claim, arrival: &Arrival) -> Result<Grant, Outcome> {
    let code = match (callback.code, callback.error.as_deref()) {
        (Some(code), None) => code,
        (_, Some("access_denied")) => return Err(Outcome::Cancelled),
        (_, Some("temporarily_unavailable" | "server_error")) => return Err(Outcome::ProviderUnavailable),
        (_, Some(_)) | (None, None) => return Err(Outcome::ProviderRefused),
    };
    let profile = provider::profile(app, attempt, code).await.map_err(|failure| failed(attempt.provider, &failure))?;
    match sign_in_with_provider(app, &claim.requester, attempt.provider, &profile).await {
        Ok(result) => Ok(result?),
        Err(cause) => Err(internal(arrival, &cause)),
    }
}

/// Providers that are not configured are not there. Both steps count as requests of their address.
async fn admit(app: &App, arrival: &Arrival, name: &str) -> Result<Provider, Refused> {
    app.limits.check_request(Sender::address(arrival.address)).await.map_err(Refused::rate_limited)?;
    let provider = Provider::named(name).filter(|provider| app.providers.offers(*provider));
    provider.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, BAD_REQUEST, "nobody can sign in this way here"))
}

/// An address whose pages may call us anyway; never another, or we would send people wherever a link says.
fn page(app: &App, wanted: Option<&str>) -> Option<Url> {
    let http = &app.config.http;
    let url = match wanted {
        None => http.app_url.clone(),
        Some(text) => http.app_url.join(text).ok()?,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    (plain && http.allowed_origins.contains(&url.origin().ascii_serialization())).then_some(url)
}

fn failed(provider: Provider, failure: &Failure) -> Outcome {
    let provider = provider.as_str();
    match failure {
        Failure::Unavailable(cause) => {
            tracing::warn!(provider, cause, "a provider does not answer");
            Outcome::ProviderUnavailable
        }
        Failure::Refused(cause) => {
            tracing::warn!(provider, cause, "a provider's answer does not count");
            Outcome::ProviderRefused
        }
    }
}

fn internal(arrival: &Arrival, cause: &crate::error::Error) -> Outcome {
    tracing::error!(request_id = arrival.id, ?cause, "signing in elsewhere failed");
    Outcome::Internal
}

/// To the application, which shows why. The attempt is over.
fn back(app: &App, provider: Provider, page: &Url, outcome: Outcome) -> Response {
    metrics::signed_in_elsewhere(provider.as_str(), outcome.as_str());
    let mut page = page.clone();
    page.query_pairs_mut().append_pair("auth_error", outcome.as_str());
    redirect(&page, vec![attempt::clear_cookie(&app.config)])
}

fn redirect(to: &Url, cookies: Vec<String>) -> Response {
    let cookies = AppendHeaders(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)));
    (StatusCode::SEE_OTHER, [(LOCATION, to.as_str())], cookies).into_response()
}
