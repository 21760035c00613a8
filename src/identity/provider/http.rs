//! How we speak to providers: briefly, and going nowhere but where we meant to.

use std::time::Duration;

use futures_util::future::BoxFuture;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::Failure;
use crate::error::Error;

/// A person is waiting. Connecting and reading included.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Documents and keys of providers have a few KiB.
const BODY_LIMIT: usize = 256 * 1024;

#[derive(Clone)]
pub struct Http(reqwest::Client);

/// No answer that is worth reading.
#[derive(Debug)]
pub struct HttpError(String);

impl std::fmt::Display for HttpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HttpError {}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // Without the address: it may hold what belongs in no log.
        Self(chain(&error.without_url()))
    }
}

impl Http {
    /// A redirect would be followed with our secrets in hand. Without encryption only in development, where providers are on this machine.
    pub fn new(development: bool) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(TIME_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!development)
            // GitHub answers nobody who has no name.
            .user_agent("fixpath")
            .build()?;
        Ok(Self(client))
    }

    /// An error for whatever says nothing about the request itself: no answer, or a failure of theirs.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let status = answer.status();
        if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            return Err(HttpError(format!("the answer is {status}")));
        }
        let mut response = HttpResponse::new(Vec::new());
        *response.status_mut() = status;
        *response.headers_mut() = answer.headers().clone();
        while let Some(piece) = answer.chunk().await? {
            if response.body().len() + piece.len() > BODY_LIMIT {
                return Err(HttpError(format!("the answer is longer than {} KiB", BODY_LIMIT / 1024)));
            }
            response.body_mut().extend_from_slice(&piece);
        }
        Ok(response)
    }

    /// JSON from an endpoint that wants the person's token.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, url: &str, token: &str) -> Result<T, Failure> {
        let request = oauth2::http::Request::get(url)
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Vec::new())
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let response = self.send(request).await.map_err(|error| Failure::Unavailable(error.to_string()))?;
        if !response.status().is_success() {
            return Err(Failure::Refused(format!("the answer to our token is {}", response.status())));
        }
        serde_json::from_slice(response.body()).map_err(|error| Failure::Refused(error.to_string()))
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = BoxFuture<'c, Result<HttpResponse, HttpError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
