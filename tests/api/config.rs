//! The environment: what stops a start, in one sentence that names the variable, and that no secret is ever shown.

use std::collections::HashMap;

use fixpath::config::{Config, Environment, MailTransport};

const PRODUCTION: [(&str, &str); 7] = [
    ("FIXPATH_ENV", "production"),
    ("PUBLIC_URL", "https://api.example.com"),
    ("JWT_PRIVATE_KEY", "a key in PEM"),
    ("EXPORT_SIGNING_KEY", "thirty-two characters and no more"),
    ("DATABASE_URL", "postgres://fixpath:hunter2@db.example.com/fixpath?sslmode=verify-full"),
    ("SMTP_URL", "smtps://fixpath:mailword@mail.example.com"),
    ("MAIL_FROM", "Fixpath <no-reply@example.com>"),
];

fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
    let values: HashMap<&str, &str> = variables.iter().copied().collect();
    Config::read(&|name| values.get(name).map(|value| (*value).to_owned())).map_err(|error| error.0)
}

#[test]
fn a_development_server_needs_nothing() {
    let config = read(&[]).unwrap();
    assert_eq!((config.environment, config.http.bind.port(), config.database.pool_size), (Environment::Development, 8080, 16));
    assert_eq!(config.http.allowed_origins[0], "http://localhost:8080");
}

#[test]
fn an_empty_value_counts_as_absent() {
    assert_eq!(read(&[("BIND", " "), ("GRAPHIQL", "")]).unwrap().http.bind.port(), 8080);
}

#[test]
fn a_wrong_value_stops_the_start_with_a_sentence_that_names_the_variable() {
    let wrong = [
        ("FIXPATH_ENV", "staging", "FIXPATH_ENV must be one of development, production, not `staging`"),
        ("BIND", "8080", "BIND must be an address and port such as 127.0.0.1:8080, not `8080`"),
        ("DATABASE_POOL_SIZE", "0", "DATABASE_POOL_SIZE must be a number from 1 to 1000, not 0"),
        ("DATABASE_POOL_SIZE", "many", "DATABASE_POOL_SIZE must be a number from 1 to 1000, not `many`"),
        ("PUBLIC_URL", "ftp://example.com", "PUBLIC_URL must be an absolute http(s) URL, not `ftp://example.com/`"),
        ("PUBLIC_URL", "https://example.com/api", "PUBLIC_URL must have no path: the server answers at the root of its host"),
        ("ALLOWED_ORIGINS", "example.com", "ALLOWED_ORIGINS must list origins such as https://app.example.com, not `example.com`"),
        ("TRUSTED_PROXIES", "proxy", "TRUSTED_PROXIES must list addresses or networks such as 10.0.0.0/8, not `proxy`"),
        ("EXPORT_SIGNING_KEY", "short", "EXPORT_SIGNING_KEY must have at least 32 characters"),
        ("METRICS_TOKEN", "short", "METRICS_TOKEN must have at least 16 characters"),
        ("GRAPHIQL", "yes", "GRAPHIQL must be one of on, off, not `yes`"),
        (
            "DATABASE_REPLICA_URL",
            "postgres://db.example.com/x",
            "DATABASE_REPLICA_URL needs DATABASE_URL: the private database has no replica",
        ),
        ("RATE_LIMIT_PER_MINUTE", "1", "RATE_LIMIT_PER_MINUTE must be a number from 5 to 100000000, not 1"),
    ];
    for (name, value, sentence) in wrong {
        assert_eq!(read(&[(name, value)]).unwrap_err(), sentence);
    }
}

#[test]
fn production_needs_its_keys_and_https() {
    assert!(read(&PRODUCTION).is_ok());
    for (name, begins) in [
        ("JWT_PRIVATE_KEY", "JWT_PRIVATE_KEY is required in production"),
        ("EXPORT_SIGNING_KEY", "EXPORT_SIGNING_KEY is required in production"),
        ("PUBLIC_URL", "PUBLIC_URL must begin with https:// in production"),
        ("SMTP_URL", "SMTP_URL is required in production"),
        ("MAIL_FROM", "MAIL_FROM is required with SMTP_URL"),
    ] {
        let without: Vec<_> = PRODUCTION.into_iter().filter(|(known, _)| *known != name).collect();
        let sentence = read(&without).unwrap_err();
        assert!(sentence.starts_with(begins), "{sentence}");
    }
}

#[test]
fn no_secret_is_shown_by_debug_or_by_a_refusal() {
    let mut variables = PRODUCTION.to_vec();
    variables.extend([
        ("METRICS_TOKEN", "sixteen letters!"),
        ("JWT_PREVIOUS_KEYS", "an older key"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://fixpath:traceword@traces.example.com"),
    ]);
    let shown = format!("{:?}", read(&variables).unwrap());
    for secret in ["hunter2", "mailword", "a key in PEM", "an older key", "thirty-two", "sixteen letters", "traceword"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    let refused = read(&[("DATABASE_URL", "postgres://fixpath:hunter2@[db/x")]).unwrap_err();
    assert!(refused.starts_with("DATABASE_URL must be a PostgreSQL URL: ") && !refused.contains("hunter2"), "{refused}");
    for url in ["ftp://fixpath:traceword@traces.example.com", "https://fixpath:traceword@"] {
        let refused = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", url)]).unwrap_err();
        assert_eq!(refused, "OTEL_EXPORTER_OTLP_ENDPOINT must be an absolute http(s) URL");
    }
}

#[test]
fn mails_go_to_a_server_or_into_a_folder() {
    let folder = |variables: &[(&str, &str)]| match read(variables).unwrap().mail.transport {
        MailTransport::Folder(folder) => folder.display().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(folder(&[]), "./data/mail");
    assert_eq!(folder(&[("DATA_DIR", "/srv/fixpath")]), "/srv/fixpath/mail");
    assert_eq!(folder(&[("MAIL_DIR", "/srv/mails")]), "/srv/mails");
    let from = ("MAIL_FROM", "no-reply@example.com");
    for url in ["smtps://mail.example.com", "smtp://user:p%40ss@mail.example.com:2525", "smtp://127.0.0.1:25?tls=none"] {
        let config = read(&[("SMTP_URL", url), from]).unwrap();
        assert!(matches!(config.mail.transport, MailTransport::Smtp(_)), "{url}");
    }
    let no_pem = std::env::temp_dir().join(format!("fixpath-no-pem-{}", std::process::id()));
    std::fs::write(&no_pem, "no certificate").unwrap();
    let no_pem = no_pem.to_str().unwrap();
    let wrong: [(&[(&str, &str)], &str); 8] = [
        (&[("SMTP_URL", "smtps://fixpath:mailword@mail.example.com")], "MAIL_FROM is required with SMTP_URL"),
        (&[("SMTP_URL", "https://fixpath:mailword@mail.example.com"), from], "SMTP_URL must look like smtps://"),
        (&[("SMTP_URL", "smtps://:465"), from], "SMTP_URL must look like smtps://"),
        (&[("SMTP_URL", "smtp://fixpath:mailword@mail.example.com?tls=opportunistic"), from], "SMTP_URL must look like smtps://"),
        (&[("SMTP_URL", "smtps://mail.example.com"), from, ("MAIL_DIR", "x")], "MAIL_DIR and SMTP_URL exclude each other"),
        (&[("SMTP_URL", "smtps://mail.example.com"), from, ("SMTP_CA_FILE", no_pem)], "SMTP_CA_FILE: "),
        (&[("SMTP_CA_FILE", no_pem)], "SMTP_CA_FILE needs SMTP_URL"),
        (&[("MAIL_FROM", "two\nlines <a@b>")], "MAIL_FROM must be an address"),
    ];
    for (variables, begins) in wrong {
        let sentence = read(variables).unwrap_err();
        assert!(sentence.starts_with(begins) && !sentence.contains("mailword"), "{sentence}");
    }
    let mut plain = PRODUCTION.to_vec();
    plain.push(("SMTP_URL", "smtp://fixpath:mailword@mail.example.com?tls=none"));
    assert_eq!(read(&plain).unwrap_err(), "SMTP_URL must not switch TLS off in production");
}
