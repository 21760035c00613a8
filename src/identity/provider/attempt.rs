//! An attempt to sign in elsewhere: begun at `/auth/{provider}/start`, ended at `/auth/{provider}/callback`, in the same browser.
//!
//! What must come back unchanged travels in a cookie of that browser: the state (which the callback's address must repeat), the nonce
//! (which the id token must repeat), the PKCE verifier (without which the code is worth nothing), and where to go afterwards. The
//! cookie is signed, so that none of it can be made up, and the time it counts is ours to say. It needs no encryption: scripts cannot
//! read it, and whoever reads a browser's cookies has the refresh cookie, too. It is no row in a table: strangers begin as many
//! attempts as they like, and nothing of them has to be stored or cleaned up. It counts once all the same: the callback takes it away,
//! and the code that it belongs to is good for one exchange.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;

use super::Provider;
use crate::app::App;
use crate::config::Config;
use crate::error::Error;

/// Enough to choose an account there and to type a password.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);
pub const COOKIE: &str = "fixpath_attempt";
const PURPOSE: &str = "attempt";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    pub provider: Provider,
    pub state: String,
    pub nonce: String,
    pub pkce_verifier: String,
    /// A page of ours: checked when the attempt began.
    pub return_to: Url,
    expires_at: DateTime<Utc>,
}

impl Attempt {
    pub fn new(provider: Provider, return_to: Url, now: DateTime<Utc>) -> Self {
        Self { provider, state: secret(), nonce: secret(), pkce_verifier: secret(), return_to, expires_at: now + LIFETIME }
    }

    /// The `Set-Cookie` that gives it to the browser.
    pub fn set_cookie(&self, app: &App) -> Result<String, Error> {
        Ok(cookie(&app.config, &app.signing_key.sign(PURPOSE, self)?, LIFETIME.num_seconds()))
    }

    /// The attempt that this cookie holds, unless its time is over.
    pub fn read(app: &App, cookie: &str) -> Option<Self> {
        app.signing_key.open::<Self>(PURPOSE, cookie).filter(|attempt| app.clock.now() < attempt.expires_at)
    }

    /// Whether a callback belongs to it.
    pub fn is(&self, provider: Provider, state: &str) -> bool {
        self.provider == provider && bool::from(self.state.as_bytes().ct_eq(state.as_bytes()))
    }
}

/// The `Set-Cookie` that takes it away.
pub fn clear_cookie(config: &Config) -> String {
    cookie(config, "", 0)
}

/// Lax: the provider's page sends the browser back by a link, which takes the cookie along.
fn cookie(config: &Config, value: &str, max_age: i64) -> String {
    let secure = if config.development() { "" } else { "; Secure" };
    format!("{COOKIE}={value}; HttpOnly; SameSite=Lax; Path=/auth; Max-Age={max_age}{secure}")
}

/// 43 characters, as PKCE wants them at least (RFC 7636).
fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
