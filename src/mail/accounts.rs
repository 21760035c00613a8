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

/// Tells an owner that the account will be deleted.
#[derive(Debug, Serialize)]
pub struct AccountDeletion {
    pub account: String,
    pub username: String,
    /// When: `8 January 2026, 12:00 UTC`.
    pub day: String,
    /// Where an owner keeps it.
    pub restore_link: String,
}

impl Mail for AccountDeletion {
    const NAME: &'static str = "account_deletion";
}

/// Tells an owner that the account stays after all.
#[derive(Debug, Serialize)]
pub struct AccountRestored {
    pub account: String,
    pub username: String,
}

impl Mail for AccountRestored {
    const NAME: &'static str = "account_restored";
}
