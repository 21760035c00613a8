//! `requestPasswordReset`.

use super::actor::Requester;
use super::request_mail::request_mail;
use crate::app::App;
use crate::error::Error;
use crate::jobs::Job;

/// Mails a link to whoever has the address.
pub async fn request_password_reset(app: &App, from: &Requester, email: &str) -> Result<(), Error> {
    request_mail(app, from, email, "requestPasswordReset", |user| Job::MailPasswordReset { user }).await
}
