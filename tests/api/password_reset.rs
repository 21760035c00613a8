//! Choosing a new password by a link in a mail.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::people::{device, ids, refresh, sign_in, who};
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();
const OWNER: &str = "owner@example.com";
const NEW: &str = "quite another one";

async fn ask(actor: &Actor, email: &str) -> Answer {
    let query = "mutation($email: String!) { requestPasswordReset(input: { email: $email }) { acknowledged userErrors { code path } } }";
    actor.ok(query, json!({ "email": email })).await
}

async fn reset(actor: &Actor, token: &str, new: &str) -> Answer {
    let query = "mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "input": { "token": token, "newPassword": new } })).await
}

/// The token of a mail that somebody asked for.
async fn asked(app: &TestApp, email: &str) -> String {
    assert_eq!(ask(&app.anon(), email).await.refusals("requestPasswordReset"), NONE);
    app.run_jobs().await;
    app.mailed_token("reset_password", email)
}

#[tokio::test]
async fn a_new_password_ends_every_sign_in_and_is_told() {
    let (app, anon, owner) = TestApp::with_owner().await;
    app.db_verify("owner").await;
    let (phone, kept) = device(&app, "owner").await;
    let token = asked(&app, OWNER).await;
    assert!(app.mail("reset_password", OWNER).text.contains(&format!("http://localhost:3000/reset-password?token={token}")));
    app.advance(TimeDelta::minutes(5));
    assert_eq!(reset(&anon, &token, NEW).await.data("resetPassword.acknowledged"), true);
    assert_eq!((who(&owner).await, who(&phone).await), (Value::Null, Value::Null));
    assert_eq!(refresh(&anon, &kept).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    assert_eq!(sign_in(&app.anon(), "owner", NEW).await.refusals("signIn"), NONE);
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email", "reset_password", "password_changed"]);
    assert!(app.mail("password_changed", OWNER).text.contains("http://localhost:3000/forgot-password\n"));
    assert_eq!(reset(&anon, &token, "a third one of them").await.refusals("resetPassword"), ["TOKEN_EXPIRED"], "it is used");

    let owner = anon.signed_in(&sign_in(&app.anon(), "owner", NEW).await.str("signIn.accessToken"));
    let log = owner.ok("{ viewer { account { auditLog { nodes { action } } } } }", json!({})).await.text();
    assert!(log.contains("requestPasswordReset") && log.contains("resetPassword"), "{log}");
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_answer_for_the_same_work() {
    let (app, _, _) = TestApp::with_owner().await;
    app.run_jobs().await;
    let before = app.app.db.statements();
    let known = ask(&app.anon(), OWNER).await;
    let after_known = app.app.db.statements();
    let unknown = ask(&app.anon(), "nobody@example.com").await;
    let after_unknown = app.app.db.statements();
    assert_eq!(known.json()["data"], unknown.json()["data"]);
    assert_eq!(known.data("requestPasswordReset.acknowledged"), true);
    assert_eq!(after_known - before, after_unknown - after_known, "statements");
    let queue = app.database_text("SELECT count(*)::text FROM graphile_worker._private_jobs").await;
    assert_eq!(queue, ["2"], "a job for each");
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email", "reset_password"]);
    assert_eq!(app.mailbox("nobody@example.com"), Vec::<&str>::new());
    // Also the log holds a line for each, and nothing of the address.
    let lines =
        app.database_text("SELECT coalesce(subject, 'nobody') FROM audit_entries WHERE action = 'requestPasswordReset' ORDER BY id");
    assert_eq!(lines.await.len(), 2);
}

#[tokio::test]
async fn forged_used_replaced_and_expired_tokens_look_the_same() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let mut refused = Vec::new();
    for forged in ["", "forged", "nul\0"] {
        refused.push(reset(&anon, forged, NEW).await);
    }
    refused.push(reset(&anon, &app.mailed_token("verify_email", OWNER), NEW).await);
    let first = asked(&app, OWNER).await;
    let second = asked(&app, OWNER).await;
    refused.push(reset(&anon, &first, NEW).await);
    let change = "mutation($p: String!) { changePassword(input: { currentPassword: $p, newPassword: \"in the meantime\" }) { userErrors { code } } }";
    assert_eq!(owner.ok(change, json!({ "p": PASSWORD })).await.refusals("changePassword"), NONE);
    refused.push(reset(&anon, &second, NEW).await);
    app.advance(TimeDelta::minutes(1));
    let third = asked(&app, OWNER).await;
    app.advance(TimeDelta::minutes(30));
    refused.push(reset(&anon, &third, NEW).await);
    let fourth = asked(&app, OWNER).await;
    app.db_execute("UPDATE users SET deactivated_at = now()").await;
    refused.push(reset(&anon, &fourth, NEW).await);
    app.db_execute("UPDATE users SET deactivated_at = NULL, email = 'other@example.com'").await;
    refused.push(reset(&anon, &fourth, NEW).await);
    for answer in &refused {
        assert_eq!(answer.refusals("resetPassword"), ["TOKEN_EXPIRED"]);
        assert_eq!(answer.json()["data"], refused[0].json()["data"]);
    }
    assert_eq!(sign_in(&app.anon(), "owner", "in the meantime").await.refusals("signIn"), NONE);
    app.run_jobs().await;
}

#[tokio::test]
async fn a_bad_password_is_refused_and_the_token_still_good() {
    let (app, anon, _) = TestApp::with_owner().await;
    let token = asked(&app, OWNER).await;
    for bad in ["short", "OWNER@example.com", "with a \u{0} inside", &"x".repeat(201)] {
        let answer = reset(&anon, &token, bad).await;
        assert_eq!(answer.data("resetPassword.userErrors.0.path"), json!(["newPassword"]), "{}", answer.text());
    }
    app.advance(TimeDelta::minutes(29));
    assert_eq!(reset(&anon, &token, NEW).await.refusals("resetPassword"), NONE);
    app.run_jobs().await;
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_does() {
    let (app, anon, _) = TestApp::with_owner().await;
    let token = asked(&app, OWNER).await;
    let other = app.anon();
    let (one, other) = tokio::join!(reset(&anon, &token, "the first new one"), reset(&other, &token, "the other new one"));
    let mut refusals = [one.refusals("resetPassword"), other.refusals("resetPassword")];
    let winner = if refusals[0].is_empty() { "the first new one" } else { "the other new one" };
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["TOKEN_EXPIRED".to_owned()]]);
    assert_eq!(sign_in(&app.anon(), "owner", winner).await.refusals("signIn"), NONE);
    app.run_jobs().await;
}

#[tokio::test]
async fn whoever_reads_the_mailbox_takes_a_user_over_that_somebody_else_made() {
    let (app, anon, squatter) = TestApp::with_owner().await;
    let (user, _) = ids(&squatter).await;
    // They can sign in elsewhere as this user, from when they had an address of their own.
    let user = uuid::Uuid::from(user);
    app.db_execute(&format!("INSERT INTO identities VALUES ('google', 'subject', '{user}', now())")).await;
    let token = asked(&app, OWNER).await;
    assert_eq!(reset(&anon, &token, NEW).await.refusals("resetPassword"), NONE);
    app.run_jobs().await;
    assert_eq!(who(&squatter).await, Value::Null);
    let owner = anon.signed_in(&sign_in(&app.anon(), OWNER, NEW).await.str("signIn.accessToken"));
    let seen = owner.ok("{ viewer { user { emailVerified signInMethods } } }", json!({})).await;
    assert_eq!(seen.data("viewer.user"), json!({ "emailVerified": true, "signInMethods": ["PASSWORD", "EMAIL_CODE"] }));
}

#[tokio::test]
async fn people_without_a_password_get_one_and_keep_their_other_ways() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (user, _) = ids(&owner).await;
    let user = uuid::Uuid::from(user);
    app.db_execute(&format!("INSERT INTO identities VALUES ('google', 'subject', '{user}', now())")).await;
    app.db_execute("UPDATE users SET password_hash = NULL, email_verified_at = created_at").await;
    assert_eq!(reset(&anon, &asked(&app, OWNER).await, NEW).await.refusals("resetPassword"), NONE);
    app.run_jobs().await;
    let owner = anon.signed_in(&sign_in(&app.anon(), OWNER, NEW).await.str("signIn.accessToken"));
    let seen = owner.ok("{ viewer { user { signInMethods } } }", json!({})).await;
    assert_eq!(seen.data("viewer.user.signInMethods"), json!(["PASSWORD", "EMAIL_CODE", "GOOGLE"]));
}

#[tokio::test]
async fn mails_can_be_asked_for_five_times_a_minute() {
    let (app, anon, _) = TestApp::with_owner().await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(ask(&app.anon(), "Nobody@example.com").await.refusals("requestPasswordReset"));
    }
    assert_eq!((answers[4].clone(), answers[5].clone()), (NONE, vec!["RATE_LIMITED".to_owned()]), "for one address of mail");
    for number in 0..6 {
        answers.push(ask(&anon, &format!("nobody{number}@example.com")).await.refusals("requestPasswordReset"));
    }
    assert_eq!((answers[10].clone(), answers[11].clone()), (NONE, vec!["RATE_LIMITED".to_owned()]), "from one address");
    assert_eq!(ask(&app.anon(), "no address").await.refusals("requestPasswordReset"), ["INVALID"]);
    app.run_jobs().await;
    assert_eq!(app.mails().len(), 1);
}

#[tokio::test]
async fn a_password_that_is_changed_the_usual_way_is_told_too_if_the_address_is_proved() {
    let (app, _, owner) = TestApp::with_owner().await;
    let change =
        "mutation($p: String!, $n: String!) { changePassword(input: { currentPassword: $p, newPassword: $n }) { userErrors { code } } }";
    owner.ok(change, json!({ "p": "wrong", "n": NEW })).await;
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email"]);
    // It may be a stranger's.
    assert_eq!(owner.ok(change, json!({ "p": PASSWORD, "n": NEW })).await.refusals("changePassword"), NONE);
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email"]);
    app.db_verify("owner").await;
    assert_eq!(owner.ok(change, json!({ "p": NEW, "n": "a third one of them" })).await.refusals("changePassword"), NONE);
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email", "password_changed"]);
}
