//! Where browsers go after they have paid. Only to origins that are ours: a link that begins at a payment page is trusted.

use url::Url;

use crate::config::Config;
use crate::error::{Code, Refusal};

/// Stripe puts the session's id in its place.
const PLACEHOLDER: &str = "{CHECKOUT_SESSION_ID}";
/// What stands for it while the URL is put together: braces would be escaped.
const STAND_IN: &str = "CHECKOUT-SESSION-ID";
const LONGEST: usize = 2_000;

/// A page of ours.
pub fn allowed(config: &Config, field: &str, text: &str) -> Result<Url, Refusal> {
    if text.len() > LONGEST || text.contains(char::is_control) {
        return Err(Refusal::at(Code::TooLong, field, format!("`{field}` may have at most {LONGEST} characters.")));
    }
    let url = Url::parse(text).map_err(|_| Refusal::at(Code::Invalid, field, format!("`{field}` is no URL.")))?;
    let origin = url.origin().ascii_serialization();
    if config.http.allowed_origins.contains(&origin) {
        return Ok(url);
    }
    Err(Refusal::at(Code::Invalid, field, format!("`{field}` leads to {origin}, which ALLOWED_ORIGINS does not list.")))
}

/// The same page, which will be told the session's id as `session_id`, unless it asks for it elsewhere.
pub fn with_session(mut url: Url) -> String {
    let given = url.as_str().replace("%7BCHECKOUT_SESSION_ID%7D", PLACEHOLDER);
    if given.contains(PLACEHOLDER) {
        return given;
    }
    url.query_pairs_mut().append_pair("session_id", STAND_IN);
    url.as_str().replace(STAND_IN, PLACEHOLDER)
}
