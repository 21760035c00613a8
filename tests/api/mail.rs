//! What mails say, and that nothing in them can be forged by what somebody typed.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use fixpath::clock::Clock;
use fixpath::config::{self, MailTransport};
use fixpath::mail::mailer::Mailer;
use fixpath::mail::{Mail, Message, accounts, billing, identity, staff, template};

use super::support::TestApp;
use super::support::app::start;

/// Every mail, where people have typed this.
fn samples(typed: &str) -> Vec<Message> {
    let to = "reader@example.com";
    let (username, role) = (typed.to_owned(), "an engineer".to_owned());
    let link = |page: &str| format!("https://app.example.com/{page}?token=a-token");
    let messages = [
        accounts::Invitation { account: typed.to_owned(), username, role, link: link("accept-invitation"), valid_days: 7 }.message(to),
        accounts::AccountDeletion {
            account: typed.to_owned(),
            username: typed.to_owned(),
            day: "8 January 2026, 12:00 UTC".into(),
            restore_link: "https://app.example.com/restore-account".into(),
        }
        .message(to),
        accounts::AccountRestored { account: typed.to_owned(), username: typed.to_owned() }.message(to),
        billing::News {
            subject: "A payment failed".into(),
            account: typed.to_owned(),
            sentence: "We could not collect 29.00 USD. Check your card, or pay the invoice directly.".into(),
            link: Some("https://invoice.stripe.com/i/in_1".into()),
            staff: false,
        }
        .message(to),
        identity::VerifyEmail { username: typed.to_owned(), link: link("verify-email"), valid_hours: 24 }.message(to),
        identity::ConfirmEmail { username: typed.to_owned(), link: link("verify-email"), valid_hours: 24 }.message(to),
        identity::EmailInUse { username: typed.to_owned(), forgot_link: "https://app.example.com/forgot-password".into() }.message(to),
        identity::ResetPassword { username: typed.to_owned(), link: link("reset-password"), valid_minutes: 30 }.message(to),
        identity::PasswordChanged { username: typed.to_owned(), forgot_link: "https://app.example.com/forgot-password".into() }.message(to),
        identity::SignInCode { username: typed.to_owned(), code: "012345".into(), valid_minutes: 10 }.message(to),
        identity::EmailChanged { username: typed.to_owned() }.message(to),
        staff::Alert { kind: "dead_job".into(), about: typed.to_owned(), message: typed.to_owned(), since: "2026-01-01 12:00 UTC".into() }
            .message(to),
    ];
    messages.into_iter().map(|message| message.unwrap_or_else(|error| panic!("{error:?}"))).collect()
}

fn mailer() -> Mailer {
    let from = "Fixpath <no-reply@example.com>".parse().unwrap();
    let config = config::Mail { transport: MailTransport::Memory, from };
    Mailer::new(&config, &Clock::manual(start())).unwrap_or_else(|error| panic!("{error:?}"))
}

/// As it travels: the headers, unfolded, and the rest.
fn written(message: &Message) -> (Vec<String>, String) {
    let composed = mailer().compose(message).unwrap_or_else(|error| panic!("{error:?}"));
    let text = String::from_utf8(composed.formatted()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect(), body.to_owned())
}

#[test]
fn every_mail_reads_as_it_should() {
    let samples = samples("Ada");
    let sampled: BTreeSet<&str> = samples.iter().map(|message| message.mail).collect();
    assert_eq!(sampled, template::names().collect(), "each has a sample");
    for message in samples {
        insta::assert_snapshot!(message.mail, format!("{}\n\n{}\n{}", message.subject, message.text, message.html));
    }
}

#[test]
fn what_people_typed_is_escaped_in_html_and_only_there() {
    let typed = "<script>alert('1')</script> & \"{{ 7 * 7 }}\"";
    for message in samples(typed) {
        assert!(message.html.contains("&lt;script&gt;") && !message.html.contains("<script"), "{}", message.html);
        assert!(!message.html.contains("& \"") && message.html.contains("{{ 7 * 7 }}"), "{}", message.html);
        assert!(message.text.contains(typed) || message.subject.contains(typed), "{}", message.text);
    }
}

#[test]
fn no_header_can_be_added_by_a_name_or_a_subject() {
    let typed = "Eve\r\nBcc: all@example.com\n\nDear all,\u{2028}\u{0}\tbuy";
    for message in samples(typed) {
        assert!(!message.subject.contains(char::is_control) && !message.subject.contains('\u{2028}'), "{:?}", message.subject);
        let (headers, _) = written(&message);
        let names: Vec<&str> = headers.iter().map(|header| header.split_once(": ").unwrap().0).collect();
        assert_eq!(names, ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"], "{headers:?}");
    }
    let good = &samples("Ada")[0];
    for to in ["a@example.com\r\nBcc: all@example.com", "a@example.com, b@example.com", "A <a@example.com>", "", "nobody"] {
        assert!(mailer().compose(&Message { to: to.into(), ..good.clone() }).is_err(), "{to}");
    }
}

#[test]
fn mails_are_text_and_html_say_that_a_machine_wrote_them_and_report_nothing_back() {
    let long = "Ä".repeat(300);
    for message in samples("Ada").iter().chain(&samples(&long)) {
        let (headers, body) = written(message);
        let has = |header: &str| headers.iter().any(|line| line == header);
        assert!(has("From: Fixpath <no-reply@example.com>") || has("From: \"Fixpath\" <no-reply@example.com>"), "{headers:?}");
        assert!(has("To: reader@example.com") && has("Auto-Submitted: auto-generated"), "{headers:?}");
        assert!(headers.iter().any(|line| line.starts_with("Message-ID: <") && line.ends_with("@example.com>")), "{headers:?}");
        assert!(has("Date: Thu, 01 Jan 2026 12:00:00 +0000"), "by the app's clock: {headers:?}");
        assert!(
            body.contains("Content-Type: text/plain; charset=utf-8") && body.contains("Content-Type: text/html; charset=utf-8"),
            "{body}"
        );
        assert!(body.lines().all(|line| line.len() <= 998 && line.is_ascii()), "{body}");
        for word in ["<img", "src=", "url(", "<link", "@import"] {
            assert!(!message.html.contains(word), "{}: {word}", message.mail);
        }
    }
}

#[tokio::test]
async fn in_development_mails_are_files() {
    let folder = std::env::temp_dir().join(format!("fixpath-mails-{}", std::process::id()));
    let app = TestApp::with(&[("SMTP_URL", ""), ("MAIL_DIR", folder.to_str().unwrap())]).await;
    app.sign_up("ada").await;
    app.sign_up("grace").await;
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with("20260101T120000000-verify_email-") && name.ends_with(".eml"), "{name}");
    }
    assert!(texts.iter().any(|text| text.contains("To: ada@example.com\r\n")), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_are_told_of_an_alert_once_when_it_opens() {
    let app = TestApp::with(&[("STAFF_EMAILS", "listed@example.com,unproved@example.com")]).await;
    for name in ["granted", "listed", "unproved", "gone", "customer"] {
        app.sign_up(name).await;
    }
    app.make_staff("granted").await;
    app.make_staff("gone").await;
    for name in ["listed", "customer"] {
        app.db_verify(name).await;
    }
    app.db_execute("UPDATE users SET deactivated_at = created_at WHERE username = 'gone'").await;
    app.db_execute("ALTER TABLE sessions RENAME TO hidden_sessions").await;
    for _ in 0..2 {
        fixpath::jobs::enqueue(&mut app.app.db.conn().await.unwrap(), &fixpath::jobs::Job::AbandonSessions, None).await.unwrap();
    }
    for _ in 0..5 {
        app.run_jobs().await;
        app.advance(TimeDelta::hours(2));
    }
    for name in ["granted", "listed"] {
        assert_eq!(app.mailbox(&format!("{name}@example.com")), ["verify_email", "alert"], "{name}");
    }
    for name in ["unproved", "gone", "customer"] {
        assert_eq!(app.mailbox(&format!("{name}@example.com")), ["verify_email"], "{name}");
    }
    let mail = app.mail("alert", "granted@example.com");
    assert_eq!(mail.subject, "Alert: dead_job (abandon_sessions)");
    assert!(mail.text.contains("fixpath jobs retry abandon_sessions"), "{}", mail.text);

    // One that has cleared before its mail was made is not told.
    app.db_execute("UPDATE alerts SET closed_at = opened_at").await;
    let alert = app.database_text("SELECT id::text FROM alerts").await[0].parse::<uuid::Uuid>().unwrap();
    app.run_job(&fixpath::jobs::Job::TellStaff { alert: alert.into() }).await;
    assert_eq!(app.mailbox("granted@example.com").len(), 2);
    app.db_execute("ALTER TABLE hidden_sessions RENAME TO sessions; DELETE FROM graphile_worker._private_jobs").await;
}
