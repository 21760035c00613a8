//! Sends messages: to a mail server, into a folder in development, nowhere in tests.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lettre::Address;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::Message;
use super::smtp::Connections;
use crate::clock::Clock;
use crate::config::{self, MailTransport};
use crate::error::{Code, Error, Refusal};

pub struct Mailer {
    from: Mailbox,
    clock: Clock,
    transport: Transport,
}

enum Transport {
    Smtp(Connections),
    Folder(PathBuf),
    Memory(Mutex<Vec<Message>>),
}

impl Mailer {
    /// Opens no connection yet. Needs a running tokio runtime.
    pub fn new(config: &config::Mail, clock: &Clock) -> Result<Self, Error> {
        let transport = match &config.transport {
            MailTransport::Smtp(smtp) => Transport::Smtp(Connections::new(smtp).map_err(Error::internal)?),
            MailTransport::Folder(folder) => Transport::Folder(folder.clone()),
            MailTransport::Memory => Transport::Memory(Mutex::default()),
        };
        Ok(Self { from: config.from.clone(), clock: clock.clone(), transport })
    }

    /// `Error::Refused` when it will never be accepted: trying again would change nothing.
    pub async fn send(&self, message: &Message) -> Result<(), Error> {
        let mail = self.compose(message)?;
        match &self.transport {
            Transport::Smtp(connections) => {
                connections.send(&mail).await?;
                tracing::info!(mail = message.mail, "a mail was handed to the mail server");
            }
            Transport::Folder(folder) => {
                let file = self.write(folder, message.mail, &mail.formatted()).await?;
                tracing::info!(mail = message.mail, file = %file.display(), "a mail was written into a file");
            }
            Transport::Memory(sent) => sent.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone()),
        }
        Ok(())
    }

    /// What was sent so far by a mailer that keeps it.
    pub fn sent(&self) -> Vec<Message> {
        match &self.transport {
            Transport::Memory(sent) => sent.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Transport::Smtp(_) | Transport::Folder(_) => Vec::new(),
        }
    }

    /// As it travels: headers and both bodies.
    pub fn compose(&self, message: &Message) -> Result<lettre::Message, Error> {
        let to: Address = message.to.parse().map_err(|_| Refusal::new(Code::Invalid, "no mail can be sent to this address"))?;
        let composed = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.clone())
            .date(self.clock.now().into())
            .message_id(Some(self.message_id()))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()))?;
        Ok(composed)
    }

    /// At the sender's domain: this machine's own name is nobody's business.
    fn message_id(&self) -> String {
        format!("<{}@{}>", hex::encode(rand::random::<[u8; 16]>()), self.from.email.domain())
    }

    async fn write(&self, folder: &Path, mail: &str, content: &[u8]) -> Result<PathBuf, Error> {
        tokio::fs::create_dir_all(folder).await?;
        let name = format!("{}-{mail}-{:08x}.eml", self.clock.now().format("%Y%m%dT%H%M%S%3f"), rand::random::<u32>());
        let file = folder.join(name);
        tokio::fs::write(&file, content).await?;
        Ok(file)
    }
}

/// Says that nobody wrote it by hand: holiday notices then do not answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
