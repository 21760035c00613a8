//! Which pages may call. A browser names the page's origin; other clients name none, and are not bound by it: what this keeps out is
//! a foreign page that uses its visitor's cookies.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};

use super::answer::{FORBIDDEN, Refused};

/// Refuses foreign pages. `allowed` holds origins in their ASCII form.
pub fn check(headers: &HeaderMap, allowed: &[String]) -> Result<(), Refused> {
    let refuse = |sentence: &str| Err(Refused::new(StatusCode::FORBIDDEN, FORBIDDEN, sentence));
    match headers.get(ORIGIN) {
        Some(origin) if allowed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) => Ok(()),
        Some(_) => refuse("pages of this origin may not call; ALLOWED_ORIGINS lists those that may"),
        // Without an origin, the browser's word on where the request was made.
        None if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") => refuse("pages of other sites may not call"),
        None => Ok(()),
    }
}

/// Whether a page sent it.
pub fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN)
}
