//! The connection to the mail server. It is encrypted unless the URL says `tls=none`, and the server's certificate is checked.

use std::time::Duration;

use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use url::Url;

use crate::config::Smtp;
use crate::error::{Code, Error, Refusal};

pub type Connections = AsyncSmtpTransport<Tokio1Executor>;

/// As many as a worker's jobs may need.
const MAX_CONNECTIONS: u32 = 4;
/// For each command: mail servers may think for a while.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is wrong with the configuration, in one sentence. The URL's own text holds a password, and is never repeated.
pub fn check(smtp: &Smtp) -> Result<(), String> {
    let (url, _) = parse(smtp)?;
    parameters(smtp, url.host_str().unwrap_or_default()).map(|_| ())
}

pub fn connections(smtp: &Smtp) -> Result<Connections, String> {
    let (mut url, encryption) = parse(smtp)?;
    let parameters = parameters(smtp, url.host_str().unwrap_or_default())?;
    let tls = match encryption {
        Encryption::FromTheStart => Tls::Wrapper(parameters),
        Encryption::StartTls => Tls::Required(parameters),
        Encryption::None => Tls::None,
    };
    // lettre takes the port's default from this, and knows no `none`.
    url.set_query(matches!(encryption, Encryption::StartTls).then_some("tls=required"));
    let builder = Connections::from_url(url.as_str()).map_err(|_| "SMTP_URL cannot be used".to_owned())?;
    Ok(builder.tls(tls).timeout(Some(TIMEOUT)).pool_config(PoolConfig::new().max_size(MAX_CONNECTIONS)).build())
}

enum Encryption {
    FromTheStart,
    StartTls,
    None,
}

fn parse(smtp: &Smtp) -> Result<(Url, Encryption), String> {
    let wrong = || "SMTP_URL must look like smtps://user:password@host:465, or smtp://user:password@host:587 for STARTTLS".to_owned();
    let url = Url::parse(smtp.url.expose_secret()).map_err(|_| wrong())?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    let encryption = match (url.scheme(), url.query()) {
        ("smtps", None) => Encryption::FromTheStart,
        ("smtp", None | Some("tls=required")) => Encryption::StartTls,
        ("smtp", Some("tls=none")) => Encryption::None,
        _ => return Err(wrong()),
    };
    Ok((url, encryption))
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

/// What a failed delivery means. The server's own words often repeat the address, so only its code is kept.
pub fn failure(error: &SmtpError, to: &str) -> Error {
    if error.is_client() && !to.is_ascii() {
        return Refusal::new(Code::Invalid, "the mail server takes no addresses beyond ASCII").into();
    }
    let Some(code) = error.status() else { return Error::internal(format!("the mail server cannot be reached: {}", cause(error))) };
    let code = code.to_string();
    // 53x is about how we signed in: that is ours to put right, and the mail can wait for it.
    if error.is_permanent() && !code.starts_with("53") {
        return Refusal::new(Code::Invalid, format!("the mail server refused the mail for good ({code})")).into();
    }
    Error::internal(format!("the mail server did not take the mail ({code})"))
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
