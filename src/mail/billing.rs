//! Mails about what an account pays for.

use serde::Serialize;

use super::Mail;

/// Something has happened to a subscription or a payment.
#[derive(Debug, Serialize)]
pub struct News {
    pub subject: String,
    /// The name of the account.
    pub account: String,
    pub sentence: String,
    /// Where to read more, or to act.
    pub link: Option<String>,
    /// For the platform's own people, not for the account's.
    pub staff: bool,
}

impl Mail for News {
    const NAME: &'static str = "billing";
}
