//! `requestSignInCode`.

use super::actor::Requester;
use super::request_mail::request_mail;
use crate::app::App;
use crate::error::Error;
use crate::jobs::Job;

/// Mails a code to whoever has proved that the address is theirs.
pub async fn request_sign_in_code(app: &App, from: &Requester, email: &str) -> Result<(), Error> {
    request_mail(app, from, email, "requestSignInCode", |user| Job::MailSignInCode { user }).await
}
