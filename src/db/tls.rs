//! Where a database is and how it is reached: `sslmode` as in libpq.
//!
//! `disable`, `prefer` (the default) and `require` as everywhere; `verify-full` (and `verify-ca`, which is treated as the stricter
//! one) also checks the certificate against the system's roots or `sslrootcert`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use diesel::ConnectionError;
use diesel_async::AsyncPgConnection;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Socket;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How alike two words must be for a search to take one for a misspelling of the other (0 to 1).
const SIMILARITY: f32 = 0.45;

/// Every connection is set up alike: messages in one language (a deadlock is recognised by its text), times in one zone, costs as on
/// solid-state disks (else the planner prefers reading a whole table to an index), and what counts as a typo.
#[derive(Clone)]
pub struct Target {
    config: tokio_postgres::Config,
    tls: Arc<ClientConfig>,
}

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
        let verify = matches!(options.mode.as_deref(), Some("verify-full" | "verify-ca"));
        let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), |cause| cause.to_string())
        })?;
        match options.mode.as_deref() {
            None | Some("prefer" | "allow") => config.ssl_mode(SslMode::Prefer),
            Some("disable") => config.ssl_mode(SslMode::Disable),
            Some("require" | "verify-ca" | "verify-full") => config.ssl_mode(SslMode::Require),
            Some(other) => return Err(format!("sslmode must be disable, prefer, require or verify-full, not `{other}`")),
        };
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        if config.get_application_name().is_none() {
            config.application_name("fixpath");
        }
        let pinned = format!("-c lc_messages=C -c timezone=UTC -c random_page_cost=1.1 -c pg_trgm.word_similarity_threshold={SIMILARITY}");
        let wanted = config.get_options().map(|own| format!("{own} {pinned}")).unwrap_or(pinned);
        config.options(wanted);
        Ok(Self { config, tls: Arc::new(client_config(verify, options.root_cert)?) })
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

fn client_config(verify: bool, root_cert: Option<PathBuf>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    if !verify {
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
    Ok(builder.with_webpki_verifier(verifier).with_no_client_auth())
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
