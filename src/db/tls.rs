//! Where a database is and how it is reached: `sslmode` as in libpq.
//!
//! `disable`; `prefer` (the default): encrypted where the server can; `require`: encrypted, whoever it is; `verify-ca`: signed by one of
//! the system's roots or of those in `sslrootcert`; `verify-full`: and for the host that was meant. `require` with `sslrootcert` is `verify-ca`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Socket;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

/// A database that has vanished (its machine, or the way there) is given up after this long: the pool then connects anew.
const SILENCE: Duration = Duration::from_secs(10);
/// How long a connection may lie idle before it is asked whether the other end is still there.
const IDLE: Duration = Duration::from_secs(60);
/// For statements of requests and jobs. A request that takes longer has been answered already (`TIME_LIMIT`): nobody waits for the rest.
/// The check finds out that we have hung up also when the cancelling of a statement came too early or not at all.
const STATEMENT_LIMITS: &str = "-c statement_timeout=30s -c idle_in_transaction_session_timeout=60s -c client_connection_check_interval=2s";

/// How alike two words must be for a search to take one for a misspelling of the other (0 to 1).
const SIMILARITY: f32 = 0.45;

/// Every connection is set up alike: messages in one language (a deadlock is recognised by its text), times in one zone, costs as on
/// solid-state disks (else the planner prefers reading a whole table to an index), and what counts as a typo.
#[derive(Clone)]
pub struct Target {
    config: tokio_postgres::Config,
    tls: Settings,
}

/// How a connection is encrypted, and whom it believes.
pub type Settings = Arc<ClientConfig>;

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Config` hides the password in its own Debug.
        write!(f, "{:?}", self.config)
    }
}

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
pub type Connection = tokio_postgres::Connection<Socket, TlsStream>;

impl Target {
    /// The message never repeats the URL: it holds a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (url, options) = split_tls_options(url);
        let check = match options.mode.as_deref() {
            Some("verify-full") => Check::SignatureAndName,
            Some("verify-ca") => Check::Signature,
            Some("require") if options.root_cert.is_some() => Check::Signature,
            _ => Check::Nothing,
        };
        let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), |cause| cause.to_string())
        })?;
        match options.mode.as_deref() {
            None | Some("prefer" | "allow") => config.ssl_mode(SslMode::Prefer),
            Some("disable") => config.ssl_mode(SslMode::Disable),
            Some("require" | "verify-ca" | "verify-full") => config.ssl_mode(SslMode::Require),
            Some(other) => return Err(format!("sslmode must be disable, prefer, require, verify-ca or verify-full, not `{other}`")),
        };
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        if config.get_application_name().is_none() {
            config.application_name("fixpath");
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(SILENCE);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(IDLE));
        let pinned = format!("-c lc_messages=C -c timezone=UTC -c random_page_cost=1.1 -c pg_trgm.word_similarity_threshold={SIMILARITY}");
        let wanted = config.get_options().map(|own| format!("{own} {pinned}")).unwrap_or(pinned);
        config.options(wanted);
        Ok(Self { config, tls: Arc::new(client_config(check, options.root_cert)?) })
    }

    pub fn tls(&self) -> Settings {
        self.tls.clone()
    }

    /// The same database for requests, whose statements may not run for ever. Migrations may.
    pub fn with_limits(&self) -> Self {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default();
        config.options(format!("{options} {STATEMENT_LIMITS}"));
        Self { config, tls: self.tls.clone() }
    }

    pub async fn connect(&self) -> Result<(tokio_postgres::Client, Connection), tokio_postgres::Error> {
        self.config.connect(MakeRustlsConnect::new((*self.tls).clone())).await
    }

    /// A pool of plain connections, for a library that brings its own SQL.
    pub fn pool(&self, size: usize) -> Result<deadpool_postgres::Pool, deadpool_postgres::BuildError> {
        let config = deadpool_postgres::ManagerConfig { recycling_method: deadpool_postgres::RecyclingMethod::Fast };
        let tls = MakeRustlsConnect::new((*self.tls).clone());
        let manager = deadpool_postgres::Manager::from_config(self.config.clone(), tls, config);
        deadpool_postgres::Pool::builder(manager).max_size(size).build()
    }

    pub async fn connect_diesel(&self) -> diesel::ConnectionResult<AsyncPgConnection> {
        let refused = |error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            ConnectionError::BadConnection(format!("{error}{cause}"))
        };
        let (client, connection) = self.connect().await.map_err(refused)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    }
}

struct TlsOptions {
    mode: Option<String>,
    root_cert: Option<PathBuf>,
}

/// tokio-postgres knows neither `verify-full` nor `sslrootcert`: both are taken out of the URL's query.
fn split_tls_options(url: &str) -> (String, TlsOptions) {
    let mut options = TlsOptions { mode: None, root_cert: None };
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), options) };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let value = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned());
        match pair.split('=').next() {
            Some("sslmode") => options.mode = value,
            Some("sslrootcert") => options.root_cert = value.map(PathBuf::from),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, options)
}

/// What is asked of the server's certificate.
#[derive(Clone, Copy, PartialEq)]
enum Check {
    Nothing,
    Signature,
    SignatureAndName,
}

fn client_config(check: Check, root_cert: Option<PathBuf>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    if check == Check::Nothing {
        let verifier = Arc::new(EncryptOnly(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    match root_cert {
        Some(path) => {
            let unreadable = |error: &dyn fmt::Display| format!("sslrootcert {} cannot be read: {error}", path.display());
            for cert in CertificateDer::pem_file_iter(&path).map_err(|error| unreadable(&error))? {
                roots.add(cert.map_err(|error| unreadable(&error))?).map_err(|error| unreadable(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|e| e.to_string())?;
    if check == Check::Signature {
        return Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName(verifier))).with_no_client_auth());
    }
    Ok(builder.with_webpki_verifier(verifier).with_no_client_auth())
}

/// What libpq means by `verify-ca`: signed by somebody we trust, for whatever host. Managed databases are often reached by another name
/// than their certificate has.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at last, when all else was found good.
            Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What libpq means by `require`: nobody can listen, but whom we speak to is not checked.
#[derive(Debug)]
struct EncryptOnly(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for EncryptOnly {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
