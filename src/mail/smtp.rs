//! The connection to the mail server. It is encrypted unless the URL says `tls=none`, and the server's certificate is checked.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::commands::{Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use url::Url;

use crate::config::Smtp;
use crate::error::{Code, Error, Refusal};

/// As many as a worker's jobs may need.
const MAX_CONNECTIONS: u32 = 4;
/// For each command: mail servers may think for a while.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is wrong with the configuration, in one sentence. The URL's own text holds a password, and is never repeated.
pub fn check(smtp: &Smtp) -> Result<(), String> {
    Server::read(smtp).map(|_| ())
}

pub struct Connections {
    server: Server,
    pool: AsyncSmtpTransport<Tokio1Executor>,
}

impl Connections {
    /// Opens none yet. Needs a running tokio runtime.
    pub fn new(smtp: &Smtp) -> Result<Self, String> {
        let server = Server::read(smtp)?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host).port(server.port).tls(server.tls.clone());
        let builder = builder.timeout(Some(TIMEOUT)).pool_config(PoolConfig::new().max_size(MAX_CONNECTIONS));
        let pool = match server.credentials.clone() {
            Some(credentials) => builder.credentials(credentials).build(),
            None => builder.build(),
        };
        Ok(Self { server, pool })
    }

    /// `Error::Refused` when there is no such mailbox. Whatever else the server refuses, also for good, is ours to put right, and the
    /// mail can wait for it: whom it is from, what is in it, that we may send at all. The server's own words often repeat the address,
    /// so only its code is kept.
    pub async fn send(&self, mail: &Message) -> Result<(), Error> {
        let envelope = mail.envelope();
        let Err(error) = self.pool.send_raw(envelope, &mail.formatted()).await else { return Ok(()) };
        if error.is_client() && is_beyond_ascii(envelope) {
            return Err(Refusal::new(Code::Invalid, "the mail server takes no addresses beyond ASCII").into());
        }
        let Some(code) = error.status() else {
            return Err(Error::internal(format!("the mail server cannot be reached: {}", cause(&error))));
        };
        if error.is_permanent() && self.refuses_recipient(envelope).await {
            return Err(Refusal::new(Code::Invalid, format!("the mail server knows no such mailbox ({code})")).into());
        }
        Err(Error::internal(format!("the mail server did not take the mail ({code})")))
    }

    /// lettre does not tell which command was refused. So the server is asked once more, as far as that command, and nothing is sent.
    async fn refuses_recipient(&self, envelope: &Envelope) -> bool {
        let Ok(mut connection) = self.server.connect().await else { return false };
        let beyond_ascii = is_beyond_ascii(envelope).then_some(MailParameter::SmtpUtfEight);
        let mut refused = false;
        if connection.command(Mail::new(envelope.from().cloned(), beyond_ascii.into_iter().collect())).await.is_ok() {
            for recipient in envelope.to() {
                let answer = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await;
                refused |= answer.is_err_and(|error| is_about_mailbox(&error));
            }
        }
        connection.abort().await;
        refused
    }

    /// Whether the server lets us in.
    pub async fn test(&self) -> Result<bool, SmtpError> {
        self.pool.test_connection().await
    }
}

fn is_beyond_ascii(envelope: &Envelope) -> bool {
    envelope.from().into_iter().chain(envelope.to()).any(|address| !address.to_string().is_ascii())
}

/// What says that there is no such mailbox, or none that takes mail (RFC 3463). Servers also refuse at this command what is about us: the
/// sender, our rights, their rules.
const NO_MAILBOX: [&str; 6] = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
/// The same from a server that says no more than the old codes do.
const NO_MAILBOX_BASIC: [&str; 3] = ["550", "551", "553"];

fn is_about_mailbox(error: &SmtpError) -> bool {
    let Some(code) = error.status().map(|code| code.to_string()) else { return false };
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match enhanced_code(&words) {
        Some(enhanced) => NO_MAILBOX.contains(&enhanced),
        None => NO_MAILBOX_BASIC.contains(&code.as_str()),
    }
}

/// Some write `#5.1.1` or `5.1.1:`.
fn enhanced_code(words: &str) -> Option<&str> {
    let first = words.split_whitespace().next()?.trim_matches(|letter: char| !letter.is_ascii_digit());
    let numbers = first.split('.').filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).count();
    (numbers == 3 && first.split('.').count() == 3).then_some(first)
}

/// Where it is, and how one gets in.
struct Server {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
}

impl Server {
    fn read(smtp: &Smtp) -> Result<Self, String> {
        let wrong = || "SMTP_URL must look like smtps://user:password@host:465, or smtp://user:password@host:587 for STARTTLS".to_owned();
        let url = Url::parse(smtp.url.expose_secret()).map_err(|_| wrong())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_owned();
        let parameters = || parameters(smtp, &host);
        let (tls, port) = match (url.scheme(), url.query()) {
            ("smtps", None) => (Tls::Wrapper(parameters()?), SUBMISSIONS_PORT),
            ("smtp", None | Some("tls=required")) => (Tls::Required(parameters()?), SUBMISSION_PORT),
            ("smtp", Some("tls=none")) => (Tls::None, SMTP_PORT),
            _ => return Err(wrong()),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| wrong());
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        Ok(Self { port: url.port().unwrap_or(port), host, tls, credentials })
    }

    /// A connection beside the pool's, signed in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let name = ClientId::default();
        let (from_the_start, afterwards) = match &self.tls {
            Tls::Wrapper(parameters) => (Some(parameters.clone()), None),
            Tls::Required(parameters) | Tls::Opportunistic(parameters) => (None, Some(parameters.clone())),
            Tls::None => (None, None),
        };
        let address = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, Some(TIMEOUT), &name, from_the_start, None).await?;
        if let Some(parameters) = afterwards {
            connection.starttls(parameters, &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}

fn parameters(smtp: &Smtp, host: &str) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = &smtp.ca_file {
        let failed = |reason: String| format!("SMTP_CA_FILE: {} cannot be used: {reason}", file.display());
        let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        if CertificateDer::pem_slice_iter(&pem).flatten().next().is_none() {
            return Err(failed("it holds no certificate in PEM".to_owned()));
        }
        let certificate = Certificate::from_pem(&pem).map_err(|error| failed(error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| format!("TLS to the mail server cannot be set up: {error}"))
}

/// The error with what led to it.
pub fn cause(error: &SmtpError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}
