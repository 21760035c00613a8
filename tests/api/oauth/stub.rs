//! Providers as tests need them: one that speaks OpenID Connect, and GitHub's three endpoints. They check what a real one checks (client,
//! redirect, PKCE, each code once), and lie or fail on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{RawForm, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::support::app::start;

pub const CLIENT: &str = "client of tests";
pub const SECRET: &str = "a secret & more";
const KEY: &str = include_str!("key.pem");
const OTHER_KEY: &str = include_str!("other_key.pem");

/// What the stub answers.
#[derive(Clone)]
pub struct Answers {
    /// Every endpoint fails with it.
    pub status: Option<StatusCode>,
    pub silent: bool,
    /// Over what the id token, or GitHub's user, says truthfully.
    pub person: Value,
    pub emails: Value,
    /// Signs id tokens with a key that is not published.
    pub forged: bool,
    pub unsigned: bool,
    /// Signs with, and publishes, another key.
    pub rotated: bool,
}

#[derive(Clone)]
pub struct Stub {
    pub url: String,
    shared: Arc<Mutex<(Answers, HashMap<String, Url>)>>,
}

impl Stub {
    pub async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let person = json!({});
        let answers = Answers { status: None, silent: false, person, emails: json!([]), forged: false, unsigned: false, rotated: false };
        let stub = Self { url, shared: Arc::new(Mutex::new((answers, HashMap::new()))) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .route("/login/oauth/access_token", post(token))
            .route("/api/v3/user", get(user))
            .route("/api/v3/user/emails", get(emails))
            .with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stub
    }

    pub fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.shared.lock().unwrap().0);
    }

    fn answers(&self) -> Answers {
        self.shared.lock().unwrap().0.clone()
    }

    /// The person agrees: what the provider would send the browser to, without our own address.
    pub fn consent(&self, authorize: &str) -> String {
        let url = Url::parse(authorize).unwrap();
        let asked = query(&url);
        assert_eq!((asked["client_id"].as_str(), asked["response_type"].as_str()), (CLIENT, "code"));
        assert_eq!(asked["code_challenge_method"], "S256");
        let code = format!("code & {}", rand::random::<u64>());
        self.shared.lock().unwrap().1.insert(code.clone(), url);
        let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
        format!("{}?{}", back.path(), back.query().unwrap())
    }
}

pub fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

async fn trouble(stub: &Stub) -> Result<Answers, Response> {
    let answers = stub.answers();
    if answers.silent {
        std::future::pending::<()>().await;
    }
    answers.status.map_or(Ok(answers), |status| Err(status.into_response()))
}

async fn discovery(State(stub): State<Stub>) -> Result<Json<Value>, Response> {
    trouble(&stub).await?;
    let url = &stub.url;
    Ok(Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })))
}

fn signing_key(pem: &str) -> (EncodingKey, Jwk) {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
    public.common.key_id = Some(hex::encode(&Sha256::digest(pem)[..4]));
    public.common.key_algorithm = Some(KeyAlgorithm::RS256);
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    (key, public)
}

async fn keys(State(stub): State<Stub>) -> Result<Json<Value>, Response> {
    let answers = trouble(&stub).await?;
    let (_, public) = signing_key(if answers.rotated { OTHER_KEY } else { KEY });
    Ok(Json(json!({ "keys": [public] })))
}

/// The exchange of a code: refused as OpenID providers do, or, for GitHub, with the status of a success.
async fn token(State(stub): State<Stub>, headers: HeaderMap, RawForm(form): RawForm) -> Result<Response, Response> {
    let answers = trouble(&stub).await?;
    let form: HashMap<String, String> = url::form_urlencoded::parse(&form).into_owned().collect();
    let github = form.contains_key("client_secret");
    let status = if github { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let refused = |reason: &str| (status, Json(json!({ "error": reason }))).into_response();
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET))));
    let known = if github {
        form["client_id"] == CLIENT && form["client_secret"] == SECRET
    } else {
        headers.get("authorization").is_some_and(|value| value == basic.as_str())
    };
    if !known {
        return Err(refused("invalid_client"));
    }
    let Some(asked) = stub.shared.lock().unwrap().1.remove(&form["code"]) else { return Err(refused("invalid_grant")) };
    let asked = query(&asked);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if asked["redirect_uri"] != form["redirect_uri"] || asked["code_challenge"] != challenge {
        return Err(refused("invalid_grant"));
    }
    let mut answer = json!({ "access_token": "access", "token_type": "bearer", "expires_in": 60 });
    if !github {
        answer["id_token"] = id_token(&stub, &answers, &asked["nonce"]).into();
    }
    Ok(Json(answer).into_response())
}

fn id_token(stub: &Stub, answers: &Answers, nonce: &str) -> String {
    let now = start().timestamp();
    let mut claims = json!({ "iss": stub.url, "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": nonce });
    claims.as_object_mut().unwrap().extend(answers.person.as_object().unwrap().clone());
    let (key, public) = signing_key(if answers.rotated { OTHER_KEY } else { KEY });
    if answers.unsigned {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        return format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims));
    }
    let header = Header { kid: public.common.key_id, ..Header::new(Algorithm::RS256) };
    let key = if answers.forged { signing_key(OTHER_KEY).0 } else { key };
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

async fn api(stub: &Stub, headers: &HeaderMap) -> Result<Answers, Response> {
    let answers = trouble(stub).await?;
    assert!(headers.contains_key("user-agent"), "GitHub answers nobody without a name");
    let known = headers.get("authorization").is_some_and(|value| value == "Bearer access");
    if known { Ok(answers) } else { Err(StatusCode::UNAUTHORIZED.into_response()) }
}

async fn user(State(stub): State<Stub>, headers: HeaderMap) -> Result<Json<Value>, Response> {
    Ok(Json(api(&stub, &headers).await?.person))
}

async fn emails(State(stub): State<Stub>, headers: HeaderMap) -> Result<Json<Value>, Response> {
    Ok(Json(api(&stub, &headers).await?.emails))
}
