//! The cookie that keeps a browser signed in. Scripts cannot read it, other sites cannot send it, and it travels to the API only.

use secrecy::{ExposeSecret, SecretString};

use super::refresh_token::LIFETIME;
use crate::config::Config;

pub const NAME: &str = "fixpath_refresh";

/// The `Set-Cookie` that gives a browser its refresh token.
pub fn set(config: &Config, token: &SecretString) -> String {
    cookie(config, token.expose_secret(), LIFETIME.num_seconds())
}

/// The `Set-Cookie` that takes it away.
pub fn clear(config: &Config) -> String {
    cookie(config, "", 0)
}

fn cookie(config: &Config, value: &str, max_age: i64) -> String {
    // A development server has no certificate.
    let secure = if config.development() { "" } else { "; Secure" };
    format!("{NAME}={value}; HttpOnly; SameSite=Lax; Path=/graphql; Max-Age={max_age}{secure}")
}
