//! Configuration, from the environment (and `.env`): one struct a section. A wrong or missing value stops the start with one
//! sentence that names the variable; what is secret is wrapped, so that neither logs nor Debug output show it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use lettre::Address;
use lettre::message::Mailbox;
use secrecy::SecretString;
use url::Url;

use variables::{Variables, fail};

mod variables;

#[derive(Debug)]
pub struct Config {
    pub environment: Environment,
    pub data_dir: PathBuf,
    pub database: Database,
    pub http: Http,
    pub keys: Keys,
    pub hashing: Hashing,
    pub worker: Worker,
    pub mail: Mail,
    pub providers: Providers,
    pub log: Log,
    pub stripe: Stripe,
    /// What the platform keeps of a sale between accounts.
    pub platform_fee_per_mille: i64,
    /// Counts only for verified addresses; lower case.
    pub staff_emails: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Development,
    Production,
}

#[derive(Debug)]
pub struct Database {
    /// None: the server runs a private PostgreSQL in `data_dir`.
    pub url: Option<SecretString>,
    pub replica_url: Option<SecretString>,
    pub pool_size: usize,
    pub pg_bin: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Http {
    pub bind: SocketAddr,
    /// Where the API is reached from outside: in signed links and in `iss` of tokens.
    pub public_url: Url,
    /// Where the single-page app lives.
    pub app_url: Url,
    /// Origins that browsers may call from: `PUBLIC_URL`'s, `APP_URL`'s and those listed.
    pub allowed_origins: Vec<String>,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    pub graphiql: bool,
    /// What shows numbers for Prometheus. None: everybody sees them in development, nobody in production.
    pub metrics_token: Option<SecretString>,
    /// For signed-in people; anonymous ones get a fifth.
    pub rate_limit_per_minute: u32,
    /// Where limits are shared with other processes. None: each process has its own.
    pub redis_url: Option<SecretString>,
    pub times: Times,
}

/// How long things may take. Who is slower is cut off.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// An operation.
    pub operation: Duration,
    /// A request's headers, waited for from the end of the request before.
    pub header: Duration,
    /// A request's body.
    pub body: Duration,
    /// Between two pings over a WebSocket. A client that lets two pass without a word is gone.
    pub ping: Duration,
}

#[derive(Debug)]
pub struct Keys {
    /// PEM. None in development: generated into `data_dir`.
    pub jwt_private: Option<SecretString>,
    /// PEM blocks one after another; tokens signed by them are still accepted.
    pub jwt_previous: Option<SecretString>,
    pub export_signing: Option<SecretString>,
}

/// What a hash costs whoever makes one, and whoever guesses. No variable sets it: nobody should lower it by accident.
#[derive(Clone, Copy, Debug)]
pub struct Hashing {
    pub memory_kib: u32,
    pub passes: u32,
}

impl Default for Hashing {
    /// OWASP's first recommendation for Argon2id.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Where else people may prove who they are. None: not offered.
#[derive(Debug)]
pub struct Providers {
    pub google: Option<Google>,
    pub github: Option<GitHub>,
}

/// Any OpenID provider that speaks like Google.
#[derive(Debug)]
pub struct Google {
    pub client: OAuthClient,
    /// As the provider writes it: compared letter by letter.
    pub issuer: String,
}

#[derive(Debug)]
pub struct GitHub {
    pub client: OAuthClient,
    /// github.com, or an enterprise server.
    pub base_url: Url,
}

/// How we are registered there.
#[derive(Debug)]
pub struct OAuthClient {
    pub id: String,
    pub secret: SecretString,
}

#[derive(Debug)]
pub struct Stripe {
    /// None: the sandbox plays Stripe.
    pub secret_key: Option<SecretString>,
    /// Several while they are rotated: a delivery signed with any of them counts.
    pub webhook_secrets: Vec<SecretString>,
    /// Where the API is, for tests and proxies.
    pub api_base: Option<Url>,
}

impl Stripe {
    /// Whether money is real. The key says so; deliveries of the other mode are none of our business.
    pub fn livemode(&self) -> bool {
        let key = self.secret_key.as_ref().map(secrecy::ExposeSecret::expose_secret).unwrap_or_default();
        key.starts_with("sk_live_") || key.starts_with("rk_live_")
    }
}

#[derive(Debug)]
pub struct Worker {
    /// Jobs that one process runs at a time.
    pub concurrency: usize,
    /// A worker that has shown no sign of life for so long is taken for dead, and its jobs are handed out again.
    pub dead_after: Duration,
    /// Where `fixpath worker` answers about its health and numbers.
    pub metrics_bind: Option<SocketAddr>,
}

#[derive(Debug)]
pub struct Mail {
    pub transport: MailTransport,
    /// Whom mails are from: `Name <address>`, or an address.
    pub from: Mailbox,
}

#[derive(Debug)]
pub enum MailTransport {
    Smtp(Smtp),
    /// A file for each mail.
    Folder(PathBuf),
    /// Kept, for tests to look at. No variable says so.
    Memory,
}

#[derive(Debug)]
pub struct Smtp {
    /// `smtps://` (TLS from the first byte) or `smtp://` (STARTTLS), with user and password.
    pub url: SecretString,
    /// Trust the certificates in this file, and no others.
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Log {
    pub format: LogFormat,
    /// Daily files when set; else standard error.
    pub dir: Option<PathBuf>,
    /// May hold a user and a password.
    pub otlp_endpoint: Option<SecretString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// One sentence that names the variable.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

type Result<T> = std::result::Result<T, ConfigError>;

impl Config {
    /// From the process environment.
    pub fn from_env() -> Result<Self> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// From any source of variables. An empty value counts as absent.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let env = Variables { source };
        let environment = env.one_of(
            "FIXPATH_ENV",
            Environment::Development,
            &[("development", Environment::Development), ("production", Environment::Production)],
        )?;
        let development = environment == Environment::Development;
        let config = Self {
            environment,
            data_dir: env.parsed("DATA_DIR", "a folder")?.unwrap_or_else(|| PathBuf::from("./data")),
            database: Database {
                url: env.database_url("DATABASE_URL")?,
                replica_url: env.database_url("DATABASE_REPLICA_URL")?,
                pool_size: env.number("DATABASE_POOL_SIZE", 16, 1, 1000)?,
                pg_bin: env.parsed("PG_BIN", "a folder")?,
            },
            http: env.http(development)?,
            keys: Keys {
                jwt_private: env.secret("JWT_PRIVATE_KEY"),
                jwt_previous: env.secret("JWT_PREVIOUS_KEYS"),
                export_signing: env.secret("EXPORT_SIGNING_KEY"),
            },
            hashing: Hashing::default(),
            worker: Worker {
                concurrency: env.number("WORKER_CONCURRENCY", 4, 1, 100)?,
                dead_after: Duration::from_secs(env.number("WORKER_DEAD_AFTER", 60, 2, 3600)?),
                metrics_bind: env.parsed("METRICS_BIND", "an address and port such as 127.0.0.1:9090")?,
            },
            mail: env.mail()?,
            providers: env.providers(development)?,
            log: Log {
                format: env.one_of("LOG_FORMAT", LogFormat::Pretty, &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)])?,
                dir: env.parsed("LOG_DIR", "a folder")?,
                otlp_endpoint: env.secret_url("OTEL_EXPORTER_OTLP_ENDPOINT")?,
            },
            stripe: Stripe {
                secret_key: env.secret("STRIPE_SECRET_KEY"),
                webhook_secrets: env.list("STRIPE_WEBHOOK_SECRET").into_iter().map(SecretString::from).collect(),
                api_base: env.url("STRIPE_API_BASE")?,
            },
            platform_fee_per_mille: env.number("PLATFORM_FEE_PER_MILLE", 150, 0, 1000)?,
            staff_emails: env.list("STAFF_EMAILS").into_iter().map(|email| email.to_lowercase()).collect(),
        };
        config.check()
    }

    /// Combinations that cannot work are refused at the start, not found at the first request.
    fn check(self) -> Result<Self> {
        if let Some(key) = &self.keys.export_signing
            && secrecy::ExposeSecret::expose_secret(key).len() < 32
        {
            return fail("EXPORT_SIGNING_KEY must have at least 32 characters");
        }
        if self.stripe.secret_key.is_some() && self.stripe.webhook_secrets.is_empty() {
            return fail("STRIPE_WEBHOOK_SECRET is required with STRIPE_SECRET_KEY: the signing secret of the webhook endpoint (whsec_…)");
        }
        if let Some(token) = &self.http.metrics_token
            && secrecy::ExposeSecret::expose_secret(token).len() < 16
        {
            return fail("METRICS_TOKEN must have at least 16 characters");
        }
        if self.http.public_url.path() != "/" {
            return fail("PUBLIC_URL must have no path: the server answers at the root of its host");
        }
        if self.database.replica_url.is_some() && self.database.url.is_none() {
            return fail("DATABASE_REPLICA_URL needs DATABASE_URL: the private database has no replica");
        }
        if self.environment == Environment::Production {
            if self.keys.jwt_private.is_none() {
                return fail("JWT_PRIVATE_KEY is required in production: an Ed25519 key in PEM (openssl genpkey -algorithm ed25519)");
            }
            if self.keys.export_signing.is_none() {
                return fail("EXPORT_SIGNING_KEY is required in production: at least 32 random characters (openssl rand -hex 32)");
            }
            if self.http.public_url.scheme() != "https" {
                return fail("PUBLIC_URL must begin with https:// in production");
            }
            match &self.mail.transport {
                MailTransport::Smtp(smtp) if secrecy::ExposeSecret::expose_secret(&smtp.url).contains("tls=none") => {
                    return fail("SMTP_URL must not switch TLS off in production");
                }
                MailTransport::Smtp(_) => {}
                MailTransport::Folder(_) | MailTransport::Memory => {
                    return fail("SMTP_URL is required in production: smtps://user:password@host, or smtp:// for STARTTLS");
                }
            }
        }
        Ok(self)
    }

    pub fn development(&self) -> bool {
        self.environment == Environment::Development
    }
}

/// The sections that take more than a line for each variable.
impl Variables<'_> {
    fn mail(&self) -> Result<Mail> {
        let from = self.parsed("MAIL_FROM", "an address, such as `Fixpath <no-reply@example.com>`")?;
        let ca_file = self.parsed("SMTP_CA_FILE", "a file")?;
        let Some(url) = self.get("SMTP_URL") else {
            if ca_file.is_some() {
                return fail("SMTP_CA_FILE needs SMTP_URL");
            }
            let data: PathBuf = self.parsed("DATA_DIR", "a folder")?.unwrap_or_else(|| PathBuf::from("./data"));
            let folder = self.parsed("MAIL_DIR", "a folder")?.unwrap_or_else(|| data.join("mail"));
            let nobody = || Address::new("fixpath", "localhost").map(|address| Mailbox::new(Some("Fixpath".to_owned()), address));
            let from = from.map_or_else(nobody, Ok).map_err(|error| ConfigError(format!("MAIL_FROM: {error}")))?;
            return Ok(Mail { transport: MailTransport::Folder(folder), from });
        };
        if self.get("MAIL_DIR").is_some() {
            return fail("MAIL_DIR and SMTP_URL exclude each other: mails go to one of them");
        }
        let Some(from) = from else { return fail("MAIL_FROM is required with SMTP_URL: whom mails are from") };
        let smtp = Smtp { url: SecretString::from(url), ca_file };
        crate::mail::smtp::check(&smtp).map_err(ConfigError)?;
        Ok(Mail { transport: MailTransport::Smtp(smtp), from })
    }

    fn providers(&self, development: bool) -> Result<Providers> {
        let url = |name: &str, default: &str| {
            let text = self.get(name).unwrap_or_else(|| default.to_owned());
            match self.url(name)? {
                Some(url) if !development && url.scheme() != "https" => fail(format!("{name} must begin with https:// in production")),
                _ => Ok(text),
            }
        };
        let issuer = url("GOOGLE_ISSUER", "https://accounts.google.com")?;
        let base_url = url("GITHUB_BASE_URL", "https://github.com")?;
        let base_url = Url::parse(&base_url).map_err(|error| ConfigError(format!("GITHUB_BASE_URL: {error}")))?;
        Ok(Providers {
            google: self.oauth_client("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")?.map(|client| Google { client, issuer }),
            github: self.oauth_client("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")?.map(|client| GitHub { client, base_url }),
        })
    }

    fn oauth_client(&self, id: &str, secret: &str) -> Result<Option<OAuthClient>> {
        match (self.get(id), self.secret(secret)) {
            (None, None) => Ok(None),
            (Some(id), Some(secret)) => Ok(Some(OAuthClient { id, secret })),
            (Some(_), None) => fail(format!("{id} needs {secret}")),
            (None, Some(_)) => fail(format!("{secret} needs {id}")),
        }
    }

    fn http(&self, development: bool) -> Result<Http> {
        let bind: SocketAddr =
            self.parsed("BIND", "an address and port such as 127.0.0.1:8080")?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        // `localhost`, not 127.0.0.1: for a browser those are different sites, and cookies are bound to the site.
        let local = Url::parse(&format!("http://localhost:{}", bind.port())).map_err(|error| ConfigError(format!("BIND: {error}")))?;
        let public_url = self.url("PUBLIC_URL")?.unwrap_or_else(|| local.clone());
        let app_url = self.url("APP_URL")?.unwrap_or_else(|| public_url.clone());
        let mut allowed_origins = vec![public_url.origin().ascii_serialization(), app_url.origin().ascii_serialization()];
        for origin in self.list("ALLOWED_ORIGINS") {
            match Url::parse(&origin) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.path() == "/" => {
                    allowed_origins.push(url.origin().ascii_serialization());
                }
                _ => return fail(format!("ALLOWED_ORIGINS must list origins such as https://app.example.com, not `{origin}`")),
            }
        }
        let mut trusted_proxies = Vec::new();
        for proxy in self.list("TRUSTED_PROXIES") {
            let network = proxy.parse().or_else(|_| proxy.parse().map(|address: std::net::IpAddr| IpNet::from(address)));
            trusted_proxies.push(
                network.map_err(|_| {
                    ConfigError(format!("TRUSTED_PROXIES must list addresses or networks such as 10.0.0.0/8, not `{proxy}`"))
                })?,
            );
        }
        Ok(Http {
            bind,
            public_url,
            app_url,
            allowed_origins,
            trusted_proxies,
            graphiql: self.one_of("GRAPHIQL", development, &[("on", true), ("off", false)])?,
            metrics_token: self.secret("METRICS_TOKEN"),
            rate_limit_per_minute: self.number("RATE_LIMIT_PER_MINUTE", 300, 5, 100_000_000)?,
            redis_url: self.redis_url("REDIS_URL")?,
            times: Times {
                operation: self.seconds("OPERATION_SECONDS", 10)?,
                header: self.seconds("HEADER_SECONDS", 10)?,
                body: self.seconds("BODY_SECONDS", 15)?,
                ping: self.seconds("PING_SECONDS", 20)?,
            },
        })
    }
}
