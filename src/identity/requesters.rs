//! From a token to the person who sent it.

use super::actor::Actor;
use crate::app::App;
use crate::error::Error;

/// Whom an access token speaks for; None if it is not valid, or no longer.
pub async fn resolve(_app: &App, _token: &str, _fresh: bool) -> Result<Option<Actor>, Error> {
    Ok(None)
}
