//! What people may be called, and what a password must be. Pure.

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Code, Refusal};
use crate::text;

/// The longest address that mail can be sent to (RFC 5321).
pub const EMAIL_MAX: usize = 254;
const LOCAL_PART_MAX: usize = 64;
const USERNAME_MIN: usize = 3;
const USERNAME_MAX: usize = 40;
pub const NAME_MAX: usize = 100;
const AVATAR_URL_MAX: usize = 2_000;
/// Length is what makes a password strong; which characters it has is nobody's business (NIST SP 800-63B).
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 200;

/// One `@` with something sensible on both sides. Whether it exists only a mail can tell.
pub fn email(value: &str) -> Result<String, Refusal> {
    let email = text::required("email", value, EMAIL_MAX)?;
    let well_formed = email.split_once('@').is_some_and(|(local, domain)| {
        (1..=LOCAL_PART_MAX).contains(&local.len())
            && !domain.contains('@')
            && domain.split('.').all(|label| !label.is_empty())
            && !email.contains(|c: char| c.is_whitespace() || c.is_control())
    });
    if well_formed { Ok(email) } else { Err(Refusal::at(Code::Invalid, "email", format!("`{email}` is no e-mail address."))) }
}

/// Never with an `@`: that is how a login is known to be an e-mail address.
pub fn username(value: &str) -> Result<String, Refusal> {
    let username = text::required("username", value, USERNAME_MAX)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if username.len() < USERNAME_MIN || !username.chars().all(allowed) {
        let message = format!("`username` must have {USERNAME_MIN} to {USERNAME_MAX} of the characters A-Z, a-z, 0-9, `.`, `_` and `-`.");
        return Err(Refusal::at(Code::Invalid, "username", message));
    }
    Ok(username)
}

/// A name of a person or an account: one line.
pub fn name(field: &str, value: &str) -> Result<String, Refusal> {
    let name = text::required(field, value, NAME_MAX)?;
    if name.contains(char::is_control) {
        return Err(Refusal::at(Code::Invalid, field, format!("`{field}` must be one line of text.")));
    }
    Ok(name)
}

pub fn avatar_url(value: &str) -> Result<String, Refusal> {
    let url = text::required("avatarUrl", value, AVATAR_URL_MAX)?;
    if url.contains(char::is_control) {
        return Err(Refusal::at(Code::Invalid, "avatarUrl", "`avatarUrl` contains a control character."));
    }
    Ok(url)
}

/// `field` is where the new password stands in the input.
pub fn new_password(field: &str, password: &SecretString, email: &str, username: &str) -> Result<(), Refusal> {
    let password = password.expose_secret();
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(Refusal::at(Code::Invalid, field, format!("`{field}` must have at least {PASSWORD_MIN} characters.")));
    }
    if length > PASSWORD_MAX {
        return Err(Refusal::at(Code::TooLong, field, format!("`{field}` may have at most {PASSWORD_MAX} characters.")));
    }
    if password.contains('\0') {
        return Err(Refusal::at(Code::Invalid, field, format!("`{field}` contains the control character U+0000.")));
    }
    let lower = password.to_lowercase();
    if lower == email.to_lowercase() || lower == username.to_lowercase() {
        return Err(Refusal::at(Code::Invalid, field, format!("`{field}` must not be the e-mail address or the username.")));
    }
    Ok(())
}
