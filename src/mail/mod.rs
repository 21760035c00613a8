//! What people are told by mail.
//!
//! - A *mail* is a struct: its fields are all that its templates may use. `message(to)` makes a *message* of it: subject, text, HTML.
//! - Mails are sent by jobs, so that no request waits for a mail server, and a mail that could not be sent is sent later.
//! - Plain language, one thing to do, and nothing that reports back: no pictures, no counted links.
//! - A token or a code is made by the job that mails it, and exists nowhere else: the database holds its hash.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::app::App;
use crate::error::Error;
use crate::metrics;

pub mod accounts; // mails about accounts and who belongs to them
pub mod billing; // mails about what an account pays for
pub mod identity; // mails about a person's own address, password and sign-ins
pub mod mailer; // sends messages: to a mail server, into a folder, or nowhere
pub mod smtp; // the connection to the mail server
pub mod staff; // mails to the platform's own people
pub mod template; // from a mail to a message

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which mail it was made from.
    pub mail: &'static str,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

pub trait Mail: Serialize {
    /// The name of its templates, and of the mail in logs.
    const NAME: &'static str;

    fn message(&self, to: &str) -> Result<Message, Error> {
        template::render(Self::NAME, self, to)
    }
}

/// Sends a mail, for a job. One to a mailbox that there is not is given up: whoever typed the address has to find out, and nobody here
/// can do anything about it.
pub async fn deliver<M: Mail>(app: &App, mail: &M, to: &str) -> Result<(), Error> {
    match app.mailer.send(&mail.message(to)?).await {
        Ok(()) => metrics::mailed(M::NAME, "sent"),
        Err(Error::Refused(reasons)) => {
            metrics::mailed(M::NAME, "refused");
            let reason = reasons.into_iter().map(|refusal| refusal.message).collect::<Vec<_>>().join(" ");
            tracing::warn!(mail = M::NAME, reason, "a mail was refused for good");
        }
        Err(error) => {
            metrics::mailed(M::NAME, "failed");
            return Err(error);
        }
    }
    Ok(())
}

/// The address of one of the application's pages, which takes a token.
pub fn link(app: &App, page: &str, token: Option<&SecretString>) -> Result<String, Error> {
    let mut link = app.config.http.app_url.clone();
    link.path_segments_mut().map_err(|()| Error::internal("APP_URL can have no pages"))?.pop_if_empty().push(page);
    if let Some(token) = token {
        link.query_pairs_mut().append_pair("token", token.expose_secret());
    }
    Ok(link.into())
}
