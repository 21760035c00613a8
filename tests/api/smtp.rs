//! Mails through a real server: how they get there, and what becomes of those that do not.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::doctor::doctor;
use super::support::TestApp;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/smtp");
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/support/certificates");
const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/support/certificates/ca.pem");
const OTHER_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/support/certificates/other.pem");
const CREDENTIALS: &str = "fixpath:a%20secret%20%26%20more";

/// Python with the server in it; made once, and kept for the next time.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("smtp");
        let made = Command::new(format!("{FOLDER}/../venv.sh")).arg(&folder).arg(format!("{FOLDER}/requirements.txt")).status().unwrap();
        assert!(made.success(), "python3 with venv is installed, and can install packages");
        folder.join("bin/python")
    })
}

/// A mail server of its own for a test. Dropping it stops it.
struct Server {
    process: Child,
    port: u64,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    async fn start(mode: &'static str) -> Self {
        tokio::task::spawn_blocking(move || Self::start_now(mode)).await.unwrap()
    }

    fn start_now(mode: &str) -> Self {
        let mut command = Command::new(python());
        command.arg(format!("{FOLDER}/server.py")).arg(mode);
        command.args(["server.pem", "server.key"].map(|file| format!("{CERTIFICATES}/{file}")));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut next = move || serde_json::from_str::<Value>(&lines.next()?.ok()?).ok();
        let port = next().expect("the server starts")["port"].as_u64().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = events.clone();
        std::thread::spawn(move || {
            while let Some(event) = next() {
                seen.lock().unwrap().push(event)
            }
        });
        Self { process, port, events }
    }

    fn url(&self, scheme: &str, credentials: &str) -> String {
        format!("{scheme}://{credentials}@localhost:{}", self.port)
    }

    /// What has happened so far, of one kind. The server tells before it answers, and is read a moment later.
    async fn events(&self, kind: &str, expected: usize) -> Vec<Value> {
        for _ in 0..200 {
            let found: Vec<Value> = self.events.lock().unwrap().iter().filter(|event| event["event"] == kind).cloned().collect();
            if found.len() >= expected {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("not {expected} of {kind}: {:?}", self.events.lock().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

async fn app(url: &str, ca: &str) -> TestApp {
    app_from(url, ca, "no-reply@fixpath.example").await
}

async fn app_from(url: &str, ca: &str, from: &str) -> TestApp {
    TestApp::with(&[("SMTP_URL", url), ("SMTP_CA_FILE", ca), ("MAIL_FROM", &format!("Fixpath <{from}>"))]).await
}

/// Mails that wait to be sent once more.
async fn waiting(app: &TestApp) -> Vec<String> {
    app.database_text("SELECT concat(payload->>'job', ' ', attempts, ' ', last_error) FROM graphile_worker._private_jobs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_handed_over_encrypted_by_whoever_has_the_password() {
    for (mode, scheme) in [("STARTTLS", "smtp"), ("TLS", "smtps")] {
        let server = Server::start(mode).await;
        let app = app(&server.url(scheme, CREDENTIALS), CA).await;
        app.sign_up("ada").await;
        sign_up_far_away(&app).await;
        let mails = server.events("mail", 2).await;
        assert_eq!(mails[0]["sender"], "no-reply@fixpath.example");
        assert_eq!((&mails[0]["to"], &mails[0]["encrypted"]), (&json!(["ada@example.com"]), &json!(true)), "{mode}");
        let content = mails[0]["content"].as_str().unwrap();
        for part in ["From: Fixpath <no-reply@fixpath.example>\r\n", "To: ada@example.com\r\n", "Subject: Verify your e-mail address\r\n"] {
            assert!(content.contains(part), "{content}");
        }
        assert_eq!(mails[1]["to"], json!(["用户@例子.广告"]));
        let auth = server.events("auth", 1).await;
        assert!(auth.iter().all(|auth| auth["success"] == true && auth["encrypted"] == true), "{auth:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_recipient_is_given_up_at_once() {
    let server = Server::start("STARTTLS").await;
    let app = app(&server.url("smtp", CREDENTIALS), CA).await;
    app.sign_up("gone").await;
    assert_eq!(waiting(&app).await, Vec::<String>::new());
    app.advance(TimeDelta::days(3));
    app.run_jobs().await;
    assert_eq!(server.events("rcpt", 2).await.len(), 2, "sent once, and asked once what was wrong; nobody tried again");
    app.sign_up("old").await;
    assert_eq!(waiting(&app).await, Vec::<String>::new());
    // The connection is still good for the next one.
    app.sign_up("ada").await;
    assert_eq!(server.events("mail", 1).await[0]["to"], json!(["ada@example.com"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_our_sake_is_not_given_up_but_dies_with_an_alert() {
    let (open, closed) = (Server::start("STARTTLS").await, Server::start("CLOSED").await);
    let cases = [
        // The sender, our rights, the sender when the recipient is told, the content, the greeting.
        (&open, "stranger@fixpath.example", "ada", "(553)"),
        (&open, "no-reply@fixpath.example", "relay", "(554)"),
        (&open, "no-reply@fixpath.example", "choosy", "(550)"),
        (&open, "no-reply@fixpath.example", "spam", "(550)"),
        (&closed, "no-reply@fixpath.example", "ada", "(554)"),
    ];
    for (server, from, to, code) in cases {
        let app = app_from(&server.url("smtp", CREDENTIALS), CA, from).await;
        app.sign_up(to).await;
        let one = waiting(&app).await;
        assert!(one.len() == 1 && one[0].starts_with("mail_verification 1 ") && one[0].contains(code), "{one:?}");
        assert!(!one[0].contains("@"), "no address stands in the queue: {one:?}");
        // The last try.
        app.db_execute("UPDATE graphile_worker._private_jobs SET attempts = max_attempts - 1").await;
        app.advance(TimeDelta::days(1));
        app.run_jobs().await;
        assert_eq!(app.database_text("SELECT kind || ' ' || subject FROM alerts").await, ["dead_job mail_verification"]);
        app.leave_jobs();
    }
    assert!(open.events.lock().unwrap().iter().all(|event| event["event"] != "mail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_the_server_cannot_write_is_given_up_at_once() {
    let server = Server::start("ASCII").await;
    let app = app(&server.url("smtp", CREDENTIALS), CA).await;
    sign_up_far_away(&app).await;
    assert_eq!(waiting(&app).await, Vec::<String>::new());
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("mails_total{mail=\"verify_email\",outcome=\"refused\"}"), "{metrics}");
    app.sign_up("ada").await;
    assert_eq!(server.events("mail", 1).await[0]["to"], json!(["ada@example.com"]));
}

/// Somebody whose address is beyond ASCII.
async fn sign_up_far_away(app: &TestApp) {
    let input = json!({ "email": "用户@例子.广告", "username": "yonghu", "password": "密码密码密码密码" });
    let query = "mutation($input: SignUpInput!) { signUp(input: $input) { userErrors { code } } }";
    assert_eq!(app.anon().ok(query, json!({ "input": input })).await.refusals("signUp"), Vec::<String>::new());
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_the_moment_is_tried_again_as_the_policy_says() {
    let server = Server::start("STARTTLS").await;
    let app = app(&server.url("smtp", CREDENTIALS), CA).await;
    app.sign_up("busy").await;
    let one = waiting(&app).await;
    assert!(one.len() == 1 && one[0].starts_with("mail_verification 1 ") && one[0].contains("(451)"), "{one:?}");
    app.advance(TimeDelta::seconds(7));
    app.run_jobs().await;
    assert_eq!(server.events("rcpt", 1).await.len(), 1, "not yet");
    app.advance(TimeDelta::seconds(6));
    app.run_jobs().await;
    assert!(waiting(&app).await[0].starts_with("mail_verification 2 "));
    app.advance(TimeDelta::seconds(73));
    app.run_jobs().await;
    assert_eq!(waiting(&app).await, Vec::<String>::new());
    assert_eq!(server.events("mail", 1).await[0]["to"], json!(["busy@example.com"]));
    assert_eq!(server.events("rcpt", 3).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_fail_do_not_use_up_the_days_mails() {
    let server = Server::start("STARTTLS").await;
    let app = app(&server.url("smtp", CREDENTIALS), CA).await;
    app.sign_up("busy").await;
    assert_eq!(app.database_text("SELECT sent::text FROM mail_counts").await, ["0"]);
    // One more is left for today, and two tries.
    app.db_execute("UPDATE mail_counts SET sent = 19").await;
    for wait in [13, 73] {
        app.advance(TimeDelta::seconds(wait));
        app.run_jobs().await;
    }
    assert_eq!(server.events("rcpt", 3).await.len(), 3);
    assert_eq!(server.events("mail", 1).await[0]["to"], json!(["busy@example.com"]));
    assert_eq!(app.database_text("SELECT sent::text FROM mail_counts").await, ["20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_wait_for_a_server_that_we_trust_and_that_trusts_us() {
    let (encrypted, plain) = (Server::start("STARTTLS").await, Server::start("PLAIN").await);
    let cases = [
        // Somebody else's certificate, a wrong password, no encryption.
        (encrypted.url("smtp", CREDENTIALS), OTHER_CA, "certificate"),
        (encrypted.url("smtp", "fixpath:wrong"), CA, "(535)"),
        (plain.url("smtp", CREDENTIALS), CA, "cannot be reached"),
    ];
    for (url, ca, reason) in cases {
        let app = app(&url, ca).await;
        app.leave_jobs();
        app.sign_up("ada").await;
        let waiting = waiting(&app).await;
        assert!(waiting.len() == 1 && waiting[0].contains(reason), "{reason}: {waiting:?}");
        assert!(!waiting[0].contains("ada@"), "no address stands in the queue: {waiting:?}");
    }
    for server in [&encrypted, &plain] {
        assert!(server.events.lock().unwrap().iter().all(|event| event["event"] == "auth" && event["encrypted"] == true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_signs_in_at_the_mail_server() {
    let (app, server) = (TestApp::new().await, Server::start("STARTTLS").await);
    let from = ("MAIL_FROM", "no-reply@fixpath.example");
    let (good, wrong) = (server.url("smtp", CREDENTIALS), server.url("smtp", "fixpath:wrong"));
    let (lines, healthy) = doctor(&app.database.url, &[("SMTP_URL", &good), ("SMTP_CA_FILE", CA), from]).await;
    assert!(healthy && lines["mail"].starts_with("ok "), "{lines:?}");
    for (url, ca, reason) in [(&wrong, CA, "535"), (&good, OTHER_CA, "certificate"), (&"smtp://me:secret@127.0.0.1:1".to_owned(), CA, "")] {
        let (lines, healthy) = doctor(&app.database.url, &[("SMTP_URL", url), ("SMTP_CA_FILE", ca), from]).await;
        let line = &lines["mail"];
        assert!(!healthy && line.starts_with("fail ") && line.contains(reason), "{line}");
        assert!(line.ends_with("; check SMTP_URL and SMTP_CA_FILE, and that this machine may call the server"), "{line}");
        assert!(!line.contains("secret") && !line.contains("wrong"), "{line}");
    }
    assert_eq!(server.events("auth", 2).await[0]["success"], true, "it really signs in");
}
