//! What the server hands out and later takes back unchanged: a payload that anybody can read, and a signature that nobody else can
//! make. Every purpose has signatures of its own, so that what was signed for one is worth nothing for another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::key_file;

pub struct SigningKey(SecretString);

impl SigningKey {
    /// `EXPORT_SIGNING_KEY`; in development a file that is made when it is missing.
    pub fn load(config: &Config) -> Result<Self, ConfigError> {
        let made = || hex::encode(rand::random::<[u8; 32]>());
        match &config.keys.export_signing {
            Some(key) => Ok(Self(key.clone())),
            None => key_file::read_or_make(&config.data_dir.join("export_key"), made).map(|key| Self(key.into())),
        }
    }

    pub fn sign(&self, purpose: &str, value: &impl Serialize) -> Result<String, Error> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(value)?);
        let mac = self.mac(purpose, &payload).ok_or_else(|| Error::internal("no key to sign with"))?;
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(format!("{payload}.{signature}"))
    }

    /// None for whatever was not signed here for this purpose.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, signed: &str) -> Option<T> {
        let (payload, signature) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // Compares in constant time.
        self.mac(purpose, payload)?.verify_slice(&signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    fn mac(&self, purpose: &str, payload: &str) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length, so this is always Some. No purpose has a line break.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).ok()?;
        mac.update(format!("{purpose}\n{payload}").as_bytes());
        Some(mac)
    }
}
