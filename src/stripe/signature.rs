//! `Stripe-Signature`: `t=1700000000,v1=…,v1=…`. While secrets are rotated, Stripe signs with the old and the new one, and we may know
//! the old and the new one: a delivery is genuine if any of its signatures was made with any of our secrets.

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How far its time may be from ours, both ways: a recorded delivery cannot be sent again later.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Why a delivery is not believed. For the answer: it helps whoever sets up the endpoint, and tells nothing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    Unsigned,
    Unreadable,
    TooOld,
    WrongSignature,
}

impl Forged {
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unsigned => "the Stripe-Signature header is missing",
            Self::Unreadable => "the Stripe-Signature header cannot be read",
            Self::TooOld => "the signature's time is more than 300 seconds away",
            Self::WrongSignature => "no signature fits the body",
        }
    }
}

pub fn verify(header: Option<&str>, body: &[u8], secrets: &[SecretString], now: DateTime<Utc>) -> Result<(), Forged> {
    let header = header.ok_or(Forged::Unsigned)?;
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let time = fields().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(Forged::Unreadable)?;
    let signed_at = time.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or(Forged::Unreadable)?;
    if (now - signed_at).abs() > TOLERANCE {
        return Err(Forged::TooOld);
    }
    let signatures: Vec<Signature> = fields().filter(|(name, _)| *name == "v1").filter_map(|(_, value)| read(value)).collect();
    // The body is read once for each secret, however many signatures somebody sends.
    let genuine = secrets.iter().filter_map(|secret| mac(secret, time, body)).any(|mac| {
        let made = mac.finalize().into_bytes();
        signatures.iter().any(|signature| made.ct_eq(signature).into())
    });
    if genuine { Ok(()) } else { Err(Forged::WrongSignature) }
}

type Signature = [u8; 32];

fn read(value: &str) -> Option<Signature> {
    let mut signature = Signature::default();
    hex::decode_to_slice(value, &mut signature).ok()?;
    Some(signature)
}

/// The header that Stripe would send: for those who play its part.
pub fn sign(secret: &SecretString, body: &[u8], at: DateTime<Utc>) -> String {
    let time = at.timestamp().to_string();
    let signature = mac(secret, &time, body).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
    format!("t={time},v1={signature}")
}

fn mac(secret: &SecretString, time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length; the Option is the trait's.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}
