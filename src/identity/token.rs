//! Access tokens: JWTs signed with Ed25519. One key signs; keys of the past still verify, so that keys can be changed while
//! people are signed in. A key's name (`kid`) is its thumbprint (RFC 7638).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::actor::Actor;
use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::id::{AccountId, Id, SignInId, UserId};
use crate::key_file;

pub const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Tokens whose signature is known to be good. A signature costs more to verify than all else in a small request.
const VERIFIED: u64 = 10_000;
const MAX_LENGTH: usize = 4_096;

/// What a token says. The role is for clients to read: what counts is the role that the membership has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    jti: String,
    iat: i64,
    exp: i64,
    sub: String,
    account: String,
    role: String,
    /// The sign-in that the token belongs to.
    sid: String,
}

/// A valid token, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub user: UserId,
    pub account: AccountId,
    pub sign_in: SignInId,
    pub expires_at: DateTime<Utc>,
}

pub struct Keys {
    issuer: String,
    signing: EncodingKey,
    kid: String,
    verifying: Vec<(String, DecodingKey)>,
    public: JwkSet,
    validation: Validation,
    verified: moka::sync::Cache<[u8; 32], Bearer>,
}

impl Keys {
    /// From `JWT_PRIVATE_KEY` and `JWT_PREVIOUS_KEYS`; in development from a file that is made when it is missing.
    pub fn load(config: &Config) -> Result<Self, ConfigError> {
        let pem = match &config.keys.jwt_private {
            Some(pem) => pem.expose_secret().replace("\\n", "\n"),
            None => key_file::read_or_make(&config.data_dir.join("jwt_key.pem"), new_key)?,
        };
        let wrong = |_| ConfigError("JWT_PRIVATE_KEY must be an Ed25519 private key in PEM (openssl genpkey -algorithm ed25519)".into());
        let signing = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(wrong)?;
        let mut public = vec![public_half(&signing).map_err(wrong)?];
        if let Some(previous) = &config.keys.jwt_previous {
            let wrong = |_| ConfigError("JWT_PREVIOUS_KEYS must be Ed25519 keys in PEM, private or public, one after another".into());
            let blocks = pem_blocks(&previous.expose_secret().replace("\\n", "\n"));
            if blocks.is_empty() {
                return Err(wrong(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat.into()));
            }
            for block in blocks {
                public.push(previous_key(&block).map_err(wrong)?);
            }
        }
        Self::new(config.http.public_url.as_str(), signing, public)
            .map_err(|error| ConfigError(format!("JWT_PRIVATE_KEY or JWT_PREVIOUS_KEYS cannot be used: {error}")))
    }

    fn new(issuer: &str, signing: EncodingKey, mut public: Vec<Jwk>) -> jsonwebtoken::errors::Result<Self> {
        let mut verifying = Vec::new();
        for key in &mut public {
            let kid = key.thumbprint(ThumbprintHash::SHA256)?;
            verifying.push((kid.clone(), DecodingKey::from_jwk(key)?));
            key.common.key_id = Some(kid);
            key.common.key_algorithm = Some(KeyAlgorithm::EdDSA);
            key.common.public_key_use = Some(PublicKeyUse::Signature);
        }
        let kid = verifying.first().map(|(kid, _)| kid.clone()).unwrap_or_default();
        // The algorithm is ours to choose, never the token's. Times are compared with the app's clock, below.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_exp = false;
        let verified = moka::sync::Cache::new(VERIFIED);
        Ok(Self { issuer: issuer.to_owned(), signing, kid, verifying, public: JwkSet { keys: public }, validation, verified })
    }

    pub fn issue(&self, actor: &Actor, now: DateTime<Utc>) -> Result<String, Error> {
        let claims = Claims {
            iss: self.issuer.clone(),
            jti: uuid::Uuid::from_bytes(rand::random()).simple().to_string(),
            iat: now.timestamp(),
            exp: (now + LIFETIME).timestamp(),
            sub: actor.user.encode(),
            account: actor.account.encode(),
            role: actor.role.as_str().to_uppercase(),
            sid: actor.sign_in.encode(),
        };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.signing)?)
    }

    /// None for whatever is not a token of ours that is valid now.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Option<Bearer> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let digest = Sha256::digest(token.as_bytes()).into();
        let bearer = self.verified.get(&digest).or_else(|| {
            let bearer = self.verify(token)?;
            self.verified.insert(digest, bearer);
            Some(bearer)
        })?;
        (now < bearer.expires_at).then_some(bearer)
    }

    fn verify(&self, token: &str) -> Option<Bearer> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let (_, key) = self.verifying.iter().find(|(known, _)| *known == kid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok()?.claims;
        Some(Bearer {
            user: Id::decode(&claims.sub).ok()?,
            account: Id::decode(&claims.account).ok()?,
            sign_in: Id::decode(&claims.sid).ok()?,
            expires_at: DateTime::from_timestamp(claims.exp, 0)?,
        })
    }

    /// What /.well-known/jwks.json answers: with it anybody can verify our tokens.
    pub fn jwks(&self) -> &JwkSet {
        &self.public
    }
}

fn public_half(key: &EncodingKey) -> jsonwebtoken::errors::Result<Jwk> {
    Jwk::from_encoding_key(key, Algorithm::EdDSA)
}

fn previous_key(pem: &str) -> jsonwebtoken::errors::Result<Jwk> {
    if pem.contains("PRIVATE KEY") {
        return public_half(&EncodingKey::from_ed_pem(pem.as_bytes())?);
    }
    Jwk::from_decoding_key(&DecodingKey::from_ed_pem(pem.as_bytes())?, Some(Algorithm::EdDSA))
}

fn pem_blocks(text: &str) -> Vec<String> {
    let blocks = text.split("-----BEGIN").skip(1);
    blocks.map(|block| format!("-----BEGIN{}\n", block.trim_end())).collect()
}

/// An Ed25519 key is 32 random bytes; PKCS#8 puts a fixed head before them (RFC 8410).
fn new_key() -> String {
    const HEAD: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let body = [HEAD.as_slice(), &rand::random::<[u8; 32]>()].concat();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(body))
}
