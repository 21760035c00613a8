//! `fixpath doctor`, as it is run: the binary, its lines, and how it ends.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta};
use fixpath::billing::apply::EVENTS;
use fixpath::clock::Clock;
use fixpath::doctor::{Level, examine_database};
use fixpath::stripe::sandbox::faults::Fault;
use fixpath::stripe::sandbox::{Options, Sandbox};
use tokio::process::Command;

use super::support::TestApp;
use super::support::database::Database;

const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIA5dI4ZMuDfXcdEwhsP7GZr444A321Iok+d0oW2IJ2Yp
-----END PRIVATE KEY-----";

/// The lines by what they are about, and whether it ended well.
pub async fn doctor(database: &str, variables: &[(&str, &str)]) -> (HashMap<String, String>, bool) {
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fixpath"));
    // Of the environment only what finds programs: nothing of the tests' own configuration.
    command.arg("doctor").env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir(&folder.0);
    let usual = [("DATABASE_URL", database), ("JWT_PRIVATE_KEY", KEY), ("EXPORT_SIGNING_KEY", "thirty-two characters and no more")];
    command.envs(usual).envs(variables.iter().copied()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let subject = line[6..20.min(line.len())].trim().to_owned();
        (subject, line.to_owned())
    });
    (lines.collect(), output.status.success())
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("fixpath-doctor-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[tokio::test]
async fn a_good_configuration_gets_a_clean_bill_of_health() {
    let app = TestApp::new().await;
    let (lines, healthy) = doctor(&app.database.url, &[]).await;
    assert!(healthy, "{lines:?}");
    for subject in
        ["configuration", "JWT keys", "signing key", "rate limits", "mail", "database", "extensions", "clock", "connections", "migrations"]
    {
        assert!(lines[subject].starts_with("ok    "), "{lines:?}");
    }
    assert!(lines["database"].contains("PostgreSQL 1"), "{}", lines["database"]);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_one_line() {
    let (lines, healthy) = doctor("postgres://u:secret@h:nonsense/x", &[]).await;
    assert!(!healthy && lines.len() == 1, "{lines:?}");
    let line = &lines["configuration"];
    assert!(line.starts_with("fail  configuration  DATABASE_URL must be a PostgreSQL URL") && !line.contains("secret"), "{line}");
}

#[tokio::test]
async fn a_database_that_is_away_is_told_and_the_rest_is_looked_at_all_the_same() {
    let (lines, healthy) = doctor("postgres://me:secret@127.0.0.1:1/fixpath", &[]).await;
    assert!(!healthy);
    let line = &lines["database"];
    assert!(line.starts_with("fail ") && line.ends_with("; check DATABASE_URL, and that the database runs"), "{line}");
    assert!(!line.contains("secret"), "{line}");
    assert!(lines["JWT keys"].starts_with("ok "));
}

#[tokio::test]
async fn migrations_that_have_not_run_fail_production_only() {
    let database = Database::empty().await;
    let (lines, healthy) = doctor(&database.url, &[]).await;
    assert!(healthy && lines["migrations"].starts_with("warn "), "{lines:?}");
    assert!(lines["migrations"].ends_with("have not run; run: fixpath migrate"), "{}", lines["migrations"]);
    let production = [
        ("FIXPATH_ENV", "production"),
        ("PUBLIC_URL", "https://api.example.com"),
        ("SMTP_URL", "smtps://127.0.0.1:1"),
        ("MAIL_FROM", "no-reply@example.com"),
    ];
    let (lines, healthy) = doctor(&database.url, &production).await;
    assert!(!healthy && lines["migrations"].starts_with("fail "), "{lines:?}");
}

#[tokio::test]
async fn wrong_keys_a_dead_redis_a_greedy_pool_and_a_strange_issuer_are_told() {
    let app = TestApp::new().await;
    let variables = [
        ("JWT_PRIVATE_KEY", "no key"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:1"),
        ("DATABASE_POOL_SIZE", "1000"),
        ("GOOGLE_CLIENT_ID", "id"),
        ("GOOGLE_CLIENT_SECRET", "secret"),
        ("GOOGLE_ISSUER", "http://127.0.0.1:1"),
        ("GITHUB_CLIENT_ID", "id"),
        ("GITHUB_CLIENT_SECRET", "secret"),
    ];
    let (lines, healthy) = doctor(&app.database.url, &variables).await;
    assert!(!healthy);
    assert!(lines["JWT keys"].ends_with("; make one with: openssl genpkey -algorithm ed25519"), "{lines:?}");
    assert!(lines["rate limits"].starts_with("fail ") && lines["rate limits"].contains("Redis does not answer"), "{lines:?}");
    assert!(lines["connections"].contains("1007 of the database's "), "with the worker's: {lines:?}");
    assert!(lines["connections"].ends_with("; lower DATABASE_POOL_SIZE or raise max_connections"), "{lines:?}");
    assert!(lines["Google"].starts_with("warn ") && lines["GitHub"].starts_with("ok "), "{lines:?}");
    assert!(!format!("{lines:?}").contains("secret@"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stripe_refuses_and_a_secret_that_is_none_fail() {
    let app = TestApp::new().await;
    let sandbox = Sandbox::start(Clock::System, Options::default()).await.unwrap_or_else(|error| panic!("{error:?}"));
    let base = ("STRIPE_API_BASE", sandbox.base_url());
    let good_secrets = ("STRIPE_WEBHOOK_SECRET", "whsec_one,whsec_two");
    let good = [base, ("STRIPE_SECRET_KEY", sandbox.secret_key()), good_secrets];
    let (lines, healthy) = doctor(&app.database.url, &good).await;
    assert!(healthy && lines["Stripe"].starts_with("ok ") && lines["Stripe"].ends_with("in test mode"), "{lines:?}");
    assert!(lines["webhooks"].starts_with("ok ") && lines["webhooks"].contains("2 signing secret(s)"), "{lines:?}");

    let wrong = [base, ("STRIPE_SECRET_KEY", "sk_test_of_somebody_else"), ("STRIPE_WEBHOOK_SECRET", "whsec_one,we_1234567")];
    let (lines, healthy) = doctor(&app.database.url, &wrong).await;
    assert!(!healthy && lines["Stripe"].starts_with("fail ") && lines["Stripe"].contains("refuses the key"), "{lines:?}");
    assert!(lines["Stripe"].ends_with("; check STRIPE_SECRET_KEY: it begins with sk_ or rk_"), "{lines:?}");
    assert!(lines["webhooks"].starts_with("fail "), "{lines:?}");
    assert!(lines["webhooks"].ends_with("; copy STRIPE_WEBHOOK_SECRET from the endpoint's page at Stripe"), "{lines:?}");
    assert!(!format!("{lines:?}").contains("somebody_else") && !format!("{lines:?}").contains("we_1234567"), "no secret: {lines:?}");

    // Which account it is, Stripe tells no restricted key; a publishable one it tells nothing.
    for (key, good) in [("rk_test_one", true), ("pk_test_one", false), (sandbox.secret_key(), false)] {
        sandbox.plan_fault(Fault::Forbidden, "GET /v1/account", 1);
        let (lines, healthy) = doctor(&app.database.url, &[base, ("STRIPE_SECRET_KEY", key), good_secrets]).await;
        let line = &lines["Stripe"];
        assert!(healthy == good && line.starts_with(if good { "ok " } else { "fail " }), "{key}: {lines:?}");
        assert!(line.contains(if good { "a restricted one" } else { "begins with sk_ or rk_" }), "{key}: {lines:?}");
    }

    // Stripe that is away is no fault of the configuration's.
    let away = [("STRIPE_API_BASE", "http://127.0.0.1:1"), good[1], good[2]];
    let (lines, healthy) = doctor(&app.database.url, &away).await;
    assert!(healthy && lines["Stripe"].starts_with("warn "), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_stripe_is_not_told_to_send_are_named() {
    let app = TestApp::new().await;
    let sandbox = Sandbox::start(Clock::System, Options::default()).await.unwrap_or_else(|error| panic!("{error:?}"));
    let variables = [
        ("STRIPE_API_BASE", sandbox.base_url()),
        ("STRIPE_SECRET_KEY", sandbox.secret_key()),
        ("STRIPE_WEBHOOK_SECRET", "whsec_one"),
        ("PUBLIC_URL", "https://api.example.com"),
    ];
    let events = async || {
        let (lines, healthy) = doctor(&app.database.url, &variables).await;
        (lines["events"].clone(), healthy)
    };
    let endpoint = async |url: &str, events: &[&str]| {
        let form: Vec<_> = [("url", url)].into_iter().chain(events.iter().map(|event| ("enabled_events[]", *event))).collect();
        let url = format!("{}/v1/webhook_endpoints", sandbox.base_url());
        let made = reqwest::Client::new().post(url).bearer_auth(sandbox.secret_key()).form(&form).send().await.unwrap();
        assert_eq!(made.status(), 200);
    };
    endpoint("https://elsewhere.example.com/webhooks/stripe", &["*"]).await;
    let (line, healthy) = events().await;
    assert!(healthy && line.starts_with("warn ") && line.contains("none to https://api.example.com/webhooks/stripe"), "{line}");
    let most: Vec<_> = EVENTS.into_iter().filter(|event| *event != "invoice_payment.paid").collect();
    endpoint("https://api.example.com/webhooks/stripe", &most).await;
    let (line, healthy) = events().await;
    assert!(!healthy && line.contains("does not send invoice_payment.paid;"), "{line}");
    endpoint("https://api.example.com/api/v1/webhooks/stripe", &["*"]).await;
    let (line, healthy) = events().await;
    assert!(healthy && line.starts_with("ok "), "{line}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_fails() {
    let app = TestApp::new().await;
    let now: DateTime<chrono::Utc> = app.database_text("SELECT to_json(now())::text").await[0].trim_matches('"').parse().unwrap();
    let cases = [(TimeDelta::zero(), Level::Ok), (TimeDelta::hours(1), Level::Fail), (TimeDelta::hours(-1), Level::Fail)];
    for (off, level) in cases {
        let findings = examine_database(&app.app.config, &app.app.db, &Clock::manual(now + off)).await;
        let clock = findings.iter().find(|finding| finding.subject == "clock").unwrap();
        assert_eq!(clock.level, level, "{clock}");
        assert_eq!(clock.remedy.is_some(), level == Level::Fail, "{clock}");
    }
}
