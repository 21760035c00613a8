//! How often a password may be tried: by address and by login, before anything is hashed.

use super::actor::Requester;
use crate::app::App;
use crate::error::Error;

/// `login` is whatever names the person: what they typed, or their e-mail address.
pub fn check(_app: &App, _from: &Requester, _login: &str) -> Result<(), Error> {
    Ok(())
}
