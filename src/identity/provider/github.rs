//! GitHub: OAuth 2, which says nothing about people; who came is asked of the API, with the token that the code was exchanged for.

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, TokenResponse, TokenUrl,
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::attempt::Attempt;
use super::http::{Http, HttpError, chain};
use super::{Failure, Profile};
use crate::config;
use crate::error::Error;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

pub struct GitHub {
    client: Client,
    api: String,
    http: Http,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub fn new(config: &config::GitHub, redirect: String, http: Http) -> Result<Self, Error> {
        let base = config.base_url.as_str().trim_end_matches('/');
        let client = BasicClient::new(ClientId::new(config.client.id.clone()))
            .set_client_secret(ClientSecret::new(config.client.secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(format!("{base}/login/oauth/authorize"))?)
            .set_token_uri(TokenUrl::new(format!("{base}/login/oauth/access_token"))?)
            .set_redirect_uri(RedirectUrl::new(redirect)?);
        // An enterprise server has its API below its own address.
        let api = if config.base_url.host_str() == Some("github.com") { "https://api.github.com".into() } else { format!("{base}/api/v3") };
        Ok(Self { client, api, http })
    }

    pub fn consent_url(&self, attempt: &Attempt) -> Url {
        let state = attempt.state.clone();
        let verifier = PkceCodeVerifier::new(attempt.pkce_verifier.clone());
        let scopes = ["read:user", "user:email"].map(|scope| Scope::new(scope.to_owned()));
        let request = self.client.authorize_url(|| CsrfToken::new(state)).add_scopes(scopes);
        request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier)).url().0
    }

    pub async fn profile(&self, attempt: &Attempt, code: String) -> Result<Profile, Failure> {
        let answer = self
            .client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.pkce_verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(exchange_failed)?;
        let token = answer.access_token().secret();
        let user: User = self.http.get_json(&format!("{}/user", self.api), token).await?;
        let emails: Vec<Email> = self.http.get_json(&format!("{}/user/emails", self.api), token).await?;
        Ok(Profile {
            subject: user.id.to_string(),
            email: emails.into_iter().find(|email| email.primary && email.verified).map(|email| email.email),
            handle: Some(user.login),
            first_name: user.name,
            last_name: None,
            avatar_url: user.avatar_url,
        })
    }
}

type Refusal = StandardErrorResponse<BasicErrorResponseType>;

/// GitHub tells a refusal with the status of a success, in another form: what cannot be read is a refusal as well.
fn exchange_failed(error: RequestTokenError<HttpError, Refusal>) -> Failure {
    match error {
        RequestTokenError::Request(error) => Failure::Unavailable(error.to_string()),
        other => Failure::Refused(chain(&other)),
    }
}
