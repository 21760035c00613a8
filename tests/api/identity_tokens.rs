use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use fixpath::clock::Clock;
use fixpath::config::Config;
use fixpath::id::{AccountId, Id, SignInId, UserId};
use fixpath::identity::actor::{Actor, Role};
use fixpath::identity::token::Keys;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::start;
use crate::support::people::who;

// Made for tests; they open nothing else. The public one is the second's other half.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----";
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEz/gnf7nSj/9wM+Ab3Zpi8iyNihb+4KbsF9F/NrlN/X
-----END PRIVATE KEY-----";

fn keys(variables: &[(&str, &str)]) -> Result<Keys, String> {
    let values: HashMap<_, _> = variables.iter().copied().collect();
    let config = Config::read(&|name| values.get(name).map(|value| (*value).to_owned())).map_err(|error| error.0)?;
    Keys::load(&config).map_err(|error| error.0)
}

fn somebody() -> Actor {
    let clock = Clock::manual(start());
    Actor {
        user: UserId::new(&clock),
        account: AccountId::new(&clock),
        role: Role::Engineer,
        sign_in: SignInId::new(&clock),
        verified: false,
        staff: false,
    }
}

fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_says_who_and_for_how_long_and_anybody_can_verify_it() {
    let keys = keys(&[("JWT_PRIVATE_KEY", KEY), ("PUBLIC_URL", "https://api.example.com")]).unwrap();
    let actor = somebody();
    let token = keys.issue(&actor, start()).unwrap();

    let public = serde_json::to_value(keys.jwks()).unwrap();
    let key = &public["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"], &key["use"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"), &json!("sig")));
    assert_eq!(key.get("d"), None, "the private half stays here");
    assert_eq!(part(&token, 0), json!({ "typ": "JWT", "alg": "EdDSA", "kid": key["kid"] }));

    let claims = part(&token, 1);
    assert_eq!(claims["sub"], actor.user.encode());
    assert_eq!(claims["account"], actor.account.encode());
    assert_eq!(claims["sid"], actor.sign_in.encode());
    assert_eq!(claims["role"], "ENGINEER");
    assert_eq!(claims["iss"], "https://api.example.com/");
    assert_eq!(claims["iat"], start().timestamp());
    assert_eq!(claims["exp"], start().timestamp() + 15 * 60);
    assert_ne!(claims["jti"], part(&keys.issue(&actor, start()).unwrap(), 1)["jti"]);

    let jwk = keys.jwks().find(key["kid"].as_str().unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    let read = jsonwebtoken::decode::<Value>(&token, &jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap();
    assert_eq!(read.claims, claims);
}

#[tokio::test]
async fn a_token_lasts_fifteen_minutes_by_the_apps_clock() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.advance(TimeDelta::minutes(15) - TimeDelta::milliseconds(1));
    assert_eq!(who(&owner).await, "owner");
    app.advance(TimeDelta::milliseconds(1));
    assert_eq!(who(&owner).await, Value::Null);
}

#[tokio::test]
async fn forged_tokens_speak_for_nobody() {
    let (app, _, owner) = TestApp::with_owner().await;
    let token = owner.token.clone().unwrap();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let kid = header["kid"].as_str().unwrap().to_owned();
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut parts = token.split('.');
    let (head, body, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());

    let other = EncodingKey::from_ed_pem(KEY.as_bytes()).unwrap();
    let sign = |header: Header, claims: &Value| jsonwebtoken::encode(&header, claims, &other).unwrap();
    let named = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::EdDSA) };
    let mut promoted = claims.clone();
    promoted["account"] = json!(AccountId::new(&app.app.clock).encode());
    let public = app.app.tokens.jwks().find(&kid).unwrap();
    let public = serde_json::to_value(public).unwrap()["x"].as_str().unwrap().to_owned();
    let hmac = |secret: &[u8]| {
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let forged = [
        ("another key under our key's name", sign(named, &claims)),
        ("another key without a name", sign(Header::new(Algorithm::EdDSA), &claims)),
        ("no algorithm", format!("{}.{body}.", encoded(&json!({ "alg": "none", "typ": "JWT", "kid": kid })))),
        ("no algorithm, our signature", format!("{}.{body}.{signature}", encoded(&json!({ "alg": "none", "kid": kid })))),
        ("HMAC with the public key's text", hmac(public.as_bytes())),
        ("HMAC with the public key's bytes", hmac(&URL_SAFE_NO_PAD.decode(&public).unwrap())),
        ("other claims under our signature", format!("{head}.{}.{signature}", encoded(&promoted))),
        ("an empty signature", format!("{head}.{body}.")),
        ("half a token", format!("{head}.{body}")),
        ("no token", "nonsense".to_owned()),
        ("a very long one", "x".repeat(7_000)),
    ];
    for (what, token) in forged {
        let answer = owner.signed_in(&token).ok("{ viewer { role } }", json!({})).await;
        assert_eq!(answer.data("viewer"), Value::Null, "{what}");
        assert!(answer.header("www-authenticate").contains("invalid_token"), "{what}");
    }
    assert_eq!(who(&owner).await, "owner");
}

#[tokio::test]
async fn a_token_of_another_server_or_of_nobody_known_speaks_for_nobody() {
    let app = TestApp::with(&[("JWT_PRIVATE_KEY", KEY)]).await;
    let owner = app.sign_up("owner").await;
    let elsewhere = keys(&[("JWT_PRIVATE_KEY", KEY), ("PUBLIC_URL", "https://elsewhere.example.com")]).unwrap();
    let foreign = elsewhere.issue(&somebody(), start()).unwrap();
    assert_eq!(who(&owner.signed_in(&foreign)).await, Value::Null);
    // Well signed, by us; but there is no such sign-in.
    let unknown = app.app.tokens.issue(&somebody(), start()).unwrap();
    assert_eq!(who(&owner.signed_in(&unknown)).await, Value::Null);
}

#[tokio::test]
async fn keys_of_the_past_still_verify_and_no_longer_sign() {
    let before = keys(&[("JWT_PRIVATE_KEY", KEY)]).unwrap();
    let after = keys(&[("JWT_PRIVATE_KEY", OTHER_KEY), ("JWT_PREVIOUS_KEYS", KEY)]).unwrap();
    let (old, new) = (before.issue(&somebody(), start()).unwrap(), after.issue(&somebody(), start()).unwrap());
    assert!(after.read(&old, start()).is_some());
    assert!(after.read(&new, start()).is_some());
    assert!(before.read(&new, start()).is_none());
    assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
    assert_eq!(after.jwks().keys.len(), 2);
    let forgotten = keys(&[("JWT_PRIVATE_KEY", OTHER_KEY)]).unwrap();
    assert!(forgotten.read(&old, start()).is_none());
}

#[tokio::test]
async fn a_key_may_be_written_on_one_line() {
    let line = KEY.replace('\n', "\\n");
    let (one, other) = (keys(&[("JWT_PRIVATE_KEY", KEY)]).unwrap(), keys(&[("JWT_PRIVATE_KEY", &line)]).unwrap());
    assert_eq!(one.jwks(), other.jwks());
}

#[tokio::test]
async fn keys_that_cannot_be_used_stop_the_start_with_their_name() {
    for (variable, value) in [("JWT_PRIVATE_KEY", "secret"), ("JWT_PREVIOUS_KEYS", "secret")] {
        let refused = keys(&[("JWT_PRIVATE_KEY", KEY), (variable, value)]).err().unwrap();
        assert!(refused.starts_with(variable), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn development_makes_a_key_that_only_the_server_can_read_and_keeps_it() {
    let folder = std::env::temp_dir().join(format!("fixpath-key-{}", std::process::id()));
    let data_dir = folder.join("data");
    let load = || keys(&[("DATA_DIR", data_dir.to_str().unwrap())]).unwrap();
    let (first, second) = (load(), load());
    assert_eq!(first.jwks(), second.jwks());
    let mode = std::fs::metadata(data_dir.join("jwt_key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&data_dir).unwrap().count(), 1, "no draft stays behind");
    std::fs::remove_dir_all(folder).unwrap();
}
