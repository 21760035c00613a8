//! What people are told by mail.
//!
//! - A *mail* is a struct: its fields are all that its templates may use. `message(to)` makes a *message* of it: subject, text, HTML.
//! - Mails are sent by jobs, so that no request waits for a mail server, and a mail that could not be sent is sent later.
//! - Plain language, one thing to do, and nothing that reports back: no pictures, no counted links.
//! - A token or a code is made by the job that mails it, and exists nowhere else: the database holds its hash.

use serde::Serialize;

use crate::error::Error;

pub mod accounts; // mails about accounts and who belongs to them
pub mod identity; // mails about a person's own address, password and sign-ins
pub mod mailer; // sends messages: to a mail server, into a folder, or nowhere
pub mod smtp; // the connection to the mail server
mod template; // from a mail to a message

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
