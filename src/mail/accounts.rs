//! Mails about accounts and who belongs to them.

use serde::Serialize;

use super::Mail;

/// Asks somebody to join an account.
#[derive(Debug, Serialize)]
pub struct Invitation {
    pub account: String,
    /// Who invites.
    pub username: String,
    /// What they will be: `an engineer`.
    pub role: String,
    pub link: String,
    pub valid_days: i64,
}

impl Mail for Invitation {
    const NAME: &'static str = "invitation";
}
