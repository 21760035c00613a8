//! The one place that calls Stripe's API. `async-stripe` builds the requests; sending them is ours, since every call needs a limit in time,
//! every write an idempotency key, connections should live on, and answers of all API versions are read (as JSON, by `object`).
//!
//! What may be tried again is: connection errors, timeouts, 409, 429 and 5xx, a few times, with growing and varied pauses. The same key
//! makes a repeated write count once. After several calls without an answer the *breaker* opens: calls fail at once, until one that is
//! let through after a pause succeeds. No database transaction is open while somebody waits here.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use metrics::{counter, histogram};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::object::field::{flag, items, text};
use crate::error::{Code, Error, Refusal};
use crate::{config, deadline};

const API: &str = "https://api.stripe.com";
/// One try: Stripe answers most calls within a second.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);
/// The first try and its repetitions.
const TRIES: u32 = 3;
/// All tries of a call together.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of the time that somebody waits for us: the rest is for telling them.
const SHARE: f64 = 0.9;
/// Who has waited for less cannot say that Stripe does not answer.
const FAIR: Duration = Duration::from_secs(2);
/// Stripe allows 100 a second in live mode and 25 in test mode; other processes and people use it, too.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// Calls in a row without an answer that open the breaker, and how long it stays open.
const BREAK_AFTER: u32 = 5;
const BREAK_FOR: Duration = Duration::from_secs(10);

const NOT_IN_TIME: &str = "it did not answer in time";

pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<SecretString>,
    /// Somebody is there to be asked.
    set_up: bool,
    budget: DefaultDirectRateLimiter,
    breaker: Mutex<Breaker>,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

/// What Stripe answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub body: Value,
    /// The object was like this at some time between these two, by Stripe's clock.
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// The key was known: it is what Stripe has answered before, dated now, and nothing was done. It may not be true any more.
    pub replayed: bool,
}

#[derive(Clone, Debug)]
pub enum StripeError {
    /// No answer, or none that says anything: whether a write has happened is unknown, and repeating it with its key finds out.
    Unavailable(String),
    /// Stripe has failed, and answers so to everybody who repeats the key within a day: only another key finds out whether it works again.
    Kept(String),
    /// Stripe has understood, and says no.
    Refused(Refused),
}

#[derive(Clone, Debug, Default)]
pub struct Refused {
    pub status: u16,
    /// `card_declined`, `resource_missing`, …
    pub code: Option<String>,
    /// `card_error`, `invalid_request_error`, …
    pub kind: Option<String>,
    pub param: Option<String>,
    pub message: String,
    /// It was so when the key was used first.
    pub replayed: bool,
}

impl Refused {
    /// Our own id is taken there: by what we have made before.
    pub fn exists_already(&self) -> bool {
        self.code.as_deref() == Some("resource_already_exists")
    }

    /// Whether it is about this parameter.
    pub fn names(&self, param: &str) -> bool {
        self.param.as_deref().is_some_and(|named| named.contains(param))
    }

    /// What is asked for, or its product, is archived. There is no code for it, and no parameter need be named.
    pub fn is_archived(&self) -> bool {
        self.status == 400 && self.message.contains("inactive")
    }

    /// The server's own key is wrong, or may not do this: it says nothing of what was asked for.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// It does not take what was asked for, however often it is asked. (Not that another request had the same key.)
    pub fn is_of_the_request(&self) -> bool {
        self.status == 400 && self.kind.as_deref() != Some("idempotency_error")
    }

    pub fn is_missing(&self) -> bool {
        self.status == 404 || self.code.as_deref() == Some("resource_missing")
    }

    /// The promotion code cannot be used, by anybody or by this customer: not each of these refusals names a parameter.
    pub fn is_about_promotion(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        self.names("discounts") || self.names("promotion_code") || code.starts_with("promotion_code") || code.starts_with("coupon")
    }
}

/// For the log, and as the cause of an error.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stripe refused with {} ({:?}, {:?}): {}", self.status, self.code, self.param, self.message)
    }
}

impl std::error::Error for Refused {}

impl From<StripeError> for Error {
    fn from(error: StripeError) -> Self {
        match error {
            StripeError::Unavailable(cause) | StripeError::Kept(cause) => {
                tracing::warn!(cause, "Stripe could not be reached");
                // Perhaps it was done, and only the answer was lost.
                let sentence = "The payment provider does not answer. Try again in a minute: what was done already is not done twice.";
                Refusal::new(Code::StripeUnavailable, sentence).into()
            }
            StripeError::Refused(refused) => refused.into(),
        }
    }
}

impl Client {
    pub fn new(config: &config::Stripe) -> Result<Self, Error> {
        // One provider of cryptography for everything; a second installation changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("fixpath/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let base = config.api_base.as_ref().map_or(API, url::Url::as_str).trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            base,
            key: config.secret_key.clone(),
            set_up: config.secret_key.is_some() || config.api_base.is_some(),
            budget: RateLimiter::direct(Quota::per_second(PER_SECOND)),
            breaker: Mutex::default(),
        })
    }

    /// False: without a key nothing can be bought.
    pub fn is_set_up(&self) -> bool {
        self.set_up
    }

    pub fn require_set_up(&self) -> Result<(), Refusal> {
        match self.set_up {
            true => Ok(()),
            false => Err(Refusal::new(Code::StripeUnavailable, "payments are not set up on this server")),
        }
    }

    /// All pages of a list. `page` asks for what comes after an id.
    pub async fn list<R: StripeRequest>(
        &self,
        operation: &'static str,
        page: impl Fn(Option<&str>) -> R,
    ) -> Result<Vec<Value>, StripeError> {
        let mut all = Vec::new();
        loop {
            let last = all.last().and_then(|object| text(object, "id"));
            let body = self.read(operation, &page(last.as_deref())).await?.body;
            let rows = items(&body, "data");
            all.extend(rows.iter().cloned());
            if rows.is_empty() || flag(&body, "has_more") != Some(true) {
                return Ok(all);
            }
        }
    }

    /// A call that changes nothing. `operation` names it in the metrics.
    pub async fn read(&self, operation: &'static str, request: &impl StripeRequest) -> Result<Answer, StripeError> {
        self.call(operation, request.build(), None).await
    }

    /// A call that changes something. `key` comes from our own row: the same change, asked for again, has the same key.
    pub async fn write(&self, operation: &'static str, request: &impl StripeRequest, key: &str) -> Result<Answer, StripeError> {
        self.call(operation, request.build(), Some(key)).await
    }

    /// The same for what does no harm when it is done twice. What Stripe keeps under the key says little: a failure or a refusal may be over with
    /// another key, and what was made may be gone by now.
    pub async fn insist(&self, operation: &'static str, request: &impl StripeRequest, key: &str) -> Result<Answer, StripeError> {
        match self.write(operation, request, key).await {
            Ok(Answer { replayed: true, .. }) | Err(StripeError::Kept(_) | StripeError::Refused(Refused { replayed: true, .. })) => {
                self.write(operation, request, &format!("{key}:{:08x}", rand::random::<u32>())).await
            }
            answer => answer,
        }
    }

    async fn call(&self, operation: &'static str, request: RequestBuilder, key: Option<&str>) -> Result<Answer, StripeError> {
        let started = Instant::now();
        let result = match self.let_through() {
            true => self.tried(&request, key, started).await,
            false => Err(StripeError::Unavailable("it did not answer lately; it is asked again soon".to_owned())),
        };
        let outcome = match &result {
            Ok(_) => "ok",
            Err(StripeError::Refused(_)) => "refused",
            Err(StripeError::Unavailable(_) | StripeError::Kept(_)) => "unavailable",
        };
        counter!("stripe_requests_total", "operation" => operation, "outcome" => outcome).increment(1);
        histogram!("stripe_request_seconds", "operation" => operation).record(started.elapsed().as_secs_f64());
        result
    }

    async fn tried(&self, request: &RequestBuilder, key: Option<&str>, started: Instant) -> Result<Answer, StripeError> {
        let patience = deadline::left().map_or(PATIENCE, |left| PATIENCE.min(left.mul_f64(SHARE)));
        let left = || patience.saturating_sub(started.elapsed());
        let mut attempt = 1;
        loop {
            if tokio::time::timeout(left(), self.budget.until_ready()).await.is_err() {
                return Err(StripeError::Unavailable("too many calls wait for their turn".to_owned()));
            }
            let silent = |_| Err(Failure::Repeat { cause: NOT_IN_TIME.to_owned(), after: None });
            let (error, pause) = match tokio::time::timeout(left(), self.once(request, key)).await.unwrap_or_else(silent) {
                Ok(answer) => {
                    self.settle(true);
                    return Ok(answer);
                }
                Err(Failure::Refused(refused)) => {
                    // A refusal is an answer.
                    self.settle(true);
                    return Err(StripeError::Refused(refused));
                }
                Err(Failure::Kept(cause)) => {
                    // An old one. Stripe is there.
                    self.settle(true);
                    return Err(StripeError::Kept(cause));
                }
                Err(Failure::Repeat { cause, after }) => (StripeError::Unavailable(cause), after),
            };
            let pause = pause.unwrap_or(Duration::from_millis(250) * 2_u32.pow(attempt)).mul_f64(rand::random_range(0.5..1.5));
            if attempt == TRIES || pause > left() {
                if patience >= FAIR {
                    self.settle(false);
                }
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn once(&self, request: &RequestBuilder, key: Option<&str>) -> Result<Answer, Failure> {
        let method = match request.method {
            StripeMethod::Get => Method::GET,
            StripeMethod::Post => Method::POST,
            StripeMethod::Delete => Method::DELETE,
        };
        let query = request.query.as_deref().filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("{}/v1/{}{query}", self.base, request.path.trim_start_matches('/'));
        let mut call = self.http.request(method, url).header("stripe-version", stripe_client_core::VERSION.as_str());
        if let Some(secret) = &self.key {
            call = call.bearer_auth(secret.expose_secret());
        }
        if let Some(key) = key {
            call = call.header("idempotency-key", key);
        }
        if let Some(body) = &request.body {
            call = call.header("content-type", "application/x-www-form-urlencoded").body(sorted(body));
        }
        let started = Instant::now();
        let repeat = |error: reqwest::Error| Failure::Repeat { cause: cause(&error), after: None };
        let response = call.send().await.map_err(repeat)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.map_err(repeat)?;
        let took = TimeDelta::from_std(started.elapsed()).unwrap_or_default();
        read_answer(status, &headers, &bytes, took)
    }

    /// False while the breaker is open. Once its pause is over, one call is let through to find out.
    fn let_through(&self) -> bool {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match breaker.open_until {
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                breaker.open_until = Some(Instant::now() + BREAK_FOR);
                true
            }
            None => true,
        }
    }

    fn settle(&self, answered: bool) {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *breaker = Breaker::default();
            return;
        }
        breaker.failures += 1;
        if breaker.failures >= BREAK_AFTER {
            breaker.open_until = Some(Instant::now() + BREAK_FOR);
        }
    }
}

enum Failure {
    Refused(Refused),
    Kept(String),
    Repeat { cause: String, after: Option<Duration> },
}

fn read_answer(status: StatusCode, headers: &HeaderMap, bytes: &[u8], took: TimeDelta) -> Result<Answer, Failure> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let after = header(RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let replayed = header("idempotent-replayed") == Some("true");
    let body: Option<Value> = serde_json::from_slice(bytes).ok();
    match body {
        Some(body) if status.is_success() => {
            let told = header(DATE.as_str()).and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.to_utc());
            // Without a date, the epoch: whatever an event tells counts more.
            let until = told.unwrap_or_default();
            Ok(Answer { body, from: until - took, until, replayed })
        }
        None if status.is_success() => Err(Failure::Repeat { cause: "the answer is no JSON".to_owned(), after }),
        body => {
            let error = body.as_ref().and_then(|body| body.get("error")).cloned().unwrap_or_default();
            let may_repeat = match header("stripe-should-retry") {
                // What was too much for this second is not too much for the next one.
                _ if status == StatusCode::TOO_MANY_REQUESTS => true,
                Some("true") => true,
                Some("false") => false,
                _ => matches!(status.as_u16(), 409 | 424 | 429 | 500..=599),
            };
            let message = text(&error, "message").unwrap_or_else(|| format!("it answered {status}"));
            if status.is_server_error() && replayed {
                return Err(Failure::Kept(format!("{status}, as before: {message}")));
            }
            if may_repeat || status.is_server_error() {
                // An error of Stripe's own that must not be repeated is no answer either.
                return Err(Failure::Repeat { cause: format!("{status}: {message}"), after });
            }
            Err(Failure::Refused(Refused {
                status: status.as_u16(),
                code: text(&error, "code"),
                kind: text(&error, "type"),
                param: text(&error, "param"),
                message,
                replayed,
            }))
        }
    }
}

/// The same request as the same text, whatever the order in which a map gave its fields: under one key only the same counts as the same.
fn sorted(form: &str) -> String {
    let mut fields: Vec<_> = form.split('&').collect();
    fields.sort_unstable();
    fields.join("&")
}

/// With what lies below: reqwest's own sentence only says that sending failed. Never the URL, which may hold ids.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() { NOT_IN_TIME.to_owned() } else { deepest.to_string() }
}
