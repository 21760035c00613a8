//! How many mails a stranger can have sent to somebody, or an account to the world.

use chrono::TimeDelta;
use fixpath::id::{Id, InvitationId};
use fixpath::jobs::Job;

use super::support::TestApp;
use super::support::members::{invite, roomy, user};
use super::support::people::device;

const NONE: Vec<String> = Vec::new();

fn count(app: &TestApp, mail: &str, to: &str) -> usize {
    app.mailbox(to).iter().filter(|name| **name == mail).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_mail_an_address_gets_twenty_a_day_and_then_one_an_hour() {
    let (app, owner) = roomy().await;
    let answer = invite(&app, &owner, "grace@example.com", "ENGINEER").await;
    let invitation: InvitationId = Id::decode(&answer.str("inviteMember.invitation.id")).unwrap();
    let person = user(&app.sign_up("ada").await).await;
    let ask =
        "mutation { changeEmail(input: { email: \"new@example.com\", password: \"correct horse battery\" }) { userErrors { code } } }";
    assert_eq!(owner.ok(ask, serde_json::json!({})).await.refusals("changeEmail"), NONE);
    let pending = app.database_text("SELECT id::text FROM pending_emails").await.concat().parse::<uuid::Uuid>().unwrap().into();
    let jobs = [
        (Job::MailVerification { user: person }, "verify_email", "ada@example.com"),
        (Job::MailPasswordReset { user: Some(person) }, "reset_password", "ada@example.com"),
        (Job::MailPendingEmail { pending }, "confirm_email", "new@example.com"),
        (Job::MailInvitation { invitation }, "invitation", "grace@example.com"),
    ];
    for (job, mail, to) in &jobs {
        for _ in 0..22 {
            app.run_job(job).await;
        }
        assert_eq!(count(&app, mail, to), 20, "{mail}");
    }
    // The latest that was sent still counts.
    let token = app.mailed_token("verify_email", "ada@example.com");
    let verify = format!("mutation {{ verifyEmail(input: {{ token: \"{token}\" }}) {{ userErrors {{ code }} }} }}");
    assert_eq!(app.anon().ok(&verify, serde_json::json!({})).await.refusals("verifyEmail"), NONE);
    let counts = app.database_text("SELECT whose FROM mail_counts").await;
    assert!(counts.len() >= 4 && counts.iter().all(|whose| !whose.contains('@')), "no list of addresses: {counts:?}");

    // Whoever had them all used up on purpose does not keep a person from the next link for long.
    for (minutes, expected) in [(59, 20), (1, 21), (0, 21), (60, 22)] {
        app.advance(TimeDelta::minutes(minutes));
        app.run_job(&Job::MailPasswordReset { user: Some(person) }).await;
        assert_eq!(count(&app, "reset_password", "ada@example.com"), expected);
    }
    app.advance(TimeDelta::days(1));
    app.run_job(&Job::MailPasswordReset { user: Some(person) }).await;
    assert_eq!(count(&app, "reset_password", "ada@example.com"), 23);
    app.advance(TimeDelta::days(2) + TimeDelta::seconds(1));
    app.run_job(&Job::ForgetSignIns).await;
    assert_eq!(app.database_text("SELECT whose FROM mail_counts").await, NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_sends_two_hundred_invitations_a_day() {
    let (app, owner) = roomy().await;
    let other = app.sign_up("other").await;
    app.db_verify("other").await;
    app.db_plan("enterprise").await;
    assert_eq!(invite(&app, &owner, "first@example.com", "ENGINEER").await.refusals("inviteMember"), NONE);
    app.db_execute("UPDATE mail_counts SET sent = 199 WHERE whose LIKE 'invitations:%' AND sent = 1").await;
    assert_eq!(invite(&app, &owner, "second@example.com", "ENGINEER").await.refusals("inviteMember"), NONE);
    // Whom it goes to, and that earlier ones are revoked, makes no difference.
    for to in ["first@example.com", "third@example.com"] {
        assert_eq!(invite(&app, &owner, to, "ENGINEER").await.refusals("inviteMember"), ["TOO_MANY"]);
    }
    assert_eq!(invite(&app, &other, "third@example.com", "ENGINEER").await.refusals("inviteMember"), NONE);
    app.advance(TimeDelta::days(1));
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(invite(&app, &owner, "third@example.com", "ENGINEER").await.refusals("inviteMember"), NONE);
}
