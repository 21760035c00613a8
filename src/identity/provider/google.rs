//! Google, by OpenID Connect: the id token that comes with the exchange of the code says who it is.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use oauth2::{EndpointMaybeSet, EndpointNotSet, EndpointSet};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreProviderMetadata, CoreTokenResponse};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, DiscoveryError, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    TokenResponse,
};
use secrecy::ExposeSecret;
use url::Url;

use super::attempt::Attempt;
use super::http::{Http, HttpError, chain};
use super::{Failure, Profile};
use crate::clock::Clock;
use crate::config;
use crate::error::Error;

/// How long the provider's endpoints and keys are taken for what they were. A key that is not among them is looked for at once.
const REMEMBERED: TimeDelta = TimeDelta::minutes(10);

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

pub struct Google {
    issuer: IssuerUrl,
    id: ClientId,
    secret: ClientSecret,
    redirect: RedirectUrl,
    http: Http,
    known: Mutex<Option<Known>>,
}

/// What the provider says of itself.
struct Known {
    since: DateTime<Utc>,
    client: Arc<Client>,
}

impl Google {
    pub fn new(config: &config::Google, redirect: String, http: Http) -> Result<Self, Error> {
        Ok(Self {
            issuer: IssuerUrl::new(config.issuer.clone())?,
            id: ClientId::new(config.client.id.clone()),
            secret: ClientSecret::new(config.client.secret.expose_secret().to_owned()),
            redirect: RedirectUrl::new(redirect)?,
            http,
            known: Mutex::new(None),
        })
    }

    pub async fn consent_url(&self, clock: &Clock, attempt: &Attempt) -> Result<Url, Failure> {
        let client = self.client(clock).await?;
        let (state, nonce) = (attempt.state.clone(), attempt.nonce.clone());
        let verifier = PkceCodeVerifier::new(attempt.pkce_verifier.clone());
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), || Nonce::new(nonce))
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0)
    }

    pub async fn profile(&self, clock: &Clock, attempt: &Attempt, code: String) -> Result<Profile, Failure> {
        let client = self.client(clock).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Failure::Refused(chain(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.pkce_verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(error) => Failure::Unavailable(error.to_string()),
                other => Failure::Refused(chain(&other)),
            })?;
        let nonce = Nonce::new(attempt.nonce.clone());
        let claims = match verify(&client, clock, &answer, &nonce) {
            // The provider has changed its keys since they were read.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                verify(&*self.discover(clock).await?, clock, &answer, &nonce)
            }
            verified => verified,
        };
        let claims = claims.map_err(|error| Failure::Refused(chain(&error)))?;
        let verified = claims.email_verified() == Some(true);
        Ok(Profile {
            subject: claims.subject().to_string(),
            email: claims.email().filter(|_| verified).map(|email| email.to_string()),
            handle: None,
            first_name: claims.given_name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            last_name: claims.family_name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            avatar_url: claims.picture().and_then(|url| url.get(None)).map(|url| url.to_string()),
        })
    }

    async fn client(&self, clock: &Clock) -> Result<Arc<Client>, Failure> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|known| {
            let age = clock.now() - known.since;
            (age < REMEMBERED).then(|| known.client.clone())
        });
        match known {
            Some(client) => Ok(client),
            None => self.discover(clock).await,
        }
    }

    pub async fn reach(&self) -> Result<(), Failure> {
        self.metadata().await.map(|_| ())
    }

    async fn metadata(&self) -> Result<CoreProviderMetadata, Failure> {
        CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await.map_err(discovery_failed)
    }

    async fn discover(&self, clock: &Clock) -> Result<Arc<Client>, Failure> {
        let metadata = self.metadata().await?;
        let client = CoreClient::from_provider_metadata(metadata, self.id.clone(), Some(self.secret.clone()));
        let client = Arc::new(client.set_redirect_uri(self.redirect.clone()));
        let known = Known { since: clock.now(), client: client.clone() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(client)
    }
}

/// Signature, issuer, audience, expiry and nonce; and that the access token is the one that the id token was issued with.
fn verify<'a>(
    client: &Client,
    clock: &Clock,
    answer: &'a CoreTokenResponse,
    nonce: &Nonce,
) -> Result<&'a CoreIdTokenClaims, ClaimsVerificationError> {
    let Some(token) = answer.id_token() else { return Err(ClaimsVerificationError::Other("there is no id token".into())) };
    let verifier = client.id_token_verifier().set_time_fn(|| clock.now());
    let claims = token.claims(&verifier, nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
        let actual = algorithm.and_then(|algorithm| Ok((algorithm, key?)));
        let (algorithm, key) = actual.map_err(ClaimsVerificationError::SignatureVerification)?;
        let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key);
        if actual.as_ref().ok() != Some(expected) {
            return Err(ClaimsVerificationError::Other("the id token belongs to another access token".into()));
        }
    }
    Ok(claims)
}

fn discovery_failed(error: DiscoveryError<HttpError>) -> Failure {
    match error {
        DiscoveryError::Validation(reason) => Failure::Refused(reason),
        // Without endpoints and keys there is nothing to be refused by.
        other => Failure::Unavailable(chain(&other)),
    }
}
