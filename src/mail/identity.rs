//! Mails about a person's own address, password and sign-ins.

use serde::Serialize;

use super::Mail;

/// Asks a person to prove that an address is theirs.
#[derive(Debug, Serialize)]
pub struct VerifyEmail {
    pub username: String,
    pub link: String,
    pub valid_hours: i64,
}

/// Asks a person to prove that an address is theirs that they want to have.
#[derive(Debug, Serialize)]
pub struct ConfirmEmail {
    pub username: String,
    pub link: String,
    pub valid_hours: i64,
}

/// Tells whoever has an address that it cannot become another user's.
#[derive(Debug, Serialize)]
pub struct EmailInUse {
    pub username: String,
    /// Where a reset is asked for.
    pub forgot_link: String,
}

/// Lets a person choose a new password.
#[derive(Debug, Serialize)]
pub struct ResetPassword {
    pub username: String,
    pub link: String,
    pub valid_minutes: i64,
}

/// Tells that the password was changed, however it was done.
#[derive(Debug, Serialize)]
pub struct PasswordChanged {
    pub username: String,
    /// Where a reset is asked for.
    pub forgot_link: String,
}

/// Six digits to sign in with.
#[derive(Debug, Serialize)]
pub struct SignInCode {
    pub username: String,
    pub code: String,
    pub valid_minutes: i64,
}

/// Tells, at the address that was left, that there is another one now.
#[derive(Debug, Serialize)]
pub struct EmailChanged {
    pub username: String,
}

impl Mail for VerifyEmail {
    const NAME: &'static str = "verify_email";
}
impl Mail for ConfirmEmail {
    const NAME: &'static str = "confirm_email";
}
impl Mail for EmailInUse {
    const NAME: &'static str = "email_in_use";
}
impl Mail for ResetPassword {
    const NAME: &'static str = "reset_password";
}
impl Mail for PasswordChanged {
    const NAME: &'static str = "password_changed";
}
impl Mail for SignInCode {
    const NAME: &'static str = "sign_in_code";
}
impl Mail for EmailChanged {
    const NAME: &'static str = "email_changed";
}
