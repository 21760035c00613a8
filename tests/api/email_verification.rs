//! Proving that an address is one's own, and what is closed to whoever has not.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::members::invite;
use crate::support::people::{asked_for, change_email, device, move_to, verify_email};
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();
const OWNER: &str = "owner@example.com";

async fn resend(actor: &Actor) -> Answer {
    actor.ok("mutation { requestEmailVerification { acknowledged userErrors { code } } }", json!({})).await
}

async fn is_verified(actor: &Actor) -> Value {
    actor.ok("{ viewer { user { emailVerified } } }", json!({})).await.data("viewer.user.emailVerified")
}

#[tokio::test]
async fn the_mail_after_signing_up_has_a_link_that_proves_the_address_once() {
    let (app, anon, owner) = TestApp::with_owner().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email"]);
    let mail = app.mail("verify_email", OWNER);
    assert!(mail.text.contains("http://localhost:3000/verify-email?token="), "{}", mail.text);
    assert_eq!(is_verified(&owner).await, false);

    // In another browser, where nobody is signed in.
    let token = app.mailed_token("verify_email", OWNER);
    let verified = verify_email(&anon, &token).await;
    let user = json!({ "username": "owner", "email": OWNER, "emailVerified": true, "signInMethods": ["PASSWORD", "EMAIL_CODE"] });
    assert_eq!(verified.data("verifyEmail"), json!({ "user": user, "userErrors": [] }));
    assert_eq!(is_verified(&owner).await, true);
    assert_eq!(invite(&app, &owner, "grace@example.com", "ENGINEER").await.refusals("inviteMember"), NONE);
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);

    let log = "{ viewer { account { auditLog { nodes { action actor { username } } } } } }";
    let log = owner.ok(log, json!({})).await.data("viewer.account.auditLog.nodes");
    assert!(log.as_array().unwrap().contains(&json!({ "action": "verifyEmail", "actor": { "username": "owner" } })), "{log}");
}

#[tokio::test]
async fn forged_replaced_expired_and_foreign_tokens_look_the_same() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let mut refused = Vec::new();
    for forged in ["", "forged", "nul\0", &"x".repeat(5000)] {
        refused.push(verify_email(&anon, forged).await);
    }
    let first = app.mailed_token("verify_email", OWNER);
    resend(&owner).await;
    app.run_jobs().await;
    refused.push(verify_email(&anon, &first).await);
    let second = app.mailed_token("verify_email", OWNER);
    assert_ne!(first, second);
    // Sent to an address that is not theirs any more.
    move_to(&app, &owner, "new@example.com").await;
    refused.push(verify_email(&anon, &second).await);
    app.db_execute("UPDATE users SET email_verified_at = NULL").await;
    resend(&owner).await;
    app.run_jobs().await;
    let third = app.mailed_token("verify_email", "new@example.com");
    // A link to reset the password proves nothing here.
    anon.ok("mutation { requestPasswordReset(input: { email: \"new@example.com\" }) { acknowledged } }", json!({})).await;
    app.run_jobs().await;
    refused.push(verify_email(&anon, &app.mailed_token("reset_password", "new@example.com")).await);
    app.advance(TimeDelta::hours(24));
    refused.push(verify_email(&anon, &third).await);
    for answer in &refused {
        assert_eq!(answer.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
        assert_eq!(answer.json()["data"], refused[0].json()["data"]);
    }
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(is_verified(&owner).await, false);
    resend(&owner).await;
    app.run_jobs().await;
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(verify_email(&anon, &app.mailed_token("verify_email", "new@example.com")).await.refusals("verifyEmail"), NONE);
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_does() {
    let (app, anon, _) = TestApp::with_owner().await;
    let token = app.mailed_token("verify_email", OWNER);
    let other = app.anon();
    let (one, other) = tokio::join!(verify_email(&anon, &token), verify_email(&other, &token));
    let mut refusals = [one.refusals("verifyEmail"), other.refusals("verifyEmail")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["TOKEN_EXPIRED".to_owned()]]);
}

#[tokio::test]
async fn whoever_has_not_proved_their_address_tries_things_but_invites_nobody_and_is_no_staff() {
    let app = TestApp::with(&[("STAFF_EMAILS", "owner@example.com,listed@example.com")]).await;
    let owner = app.sign_up("owner").await;
    app.app.notices.heard().await;
    let create = "mutation { createTree(input: { title: \"Mine\" }) { userErrors { code } } }";
    assert_eq!(owner.ok(create, json!({})).await.refusals("createTree"), NONE);
    assert_eq!(invite(&app, &owner, "grace@example.com", "ENGINEER").await.refusals("inviteMember"), ["EMAIL_NOT_VERIFIED"]);
    let is_staff = async |actor: &Actor| actor.ok("{ viewer { staff } }", json!({})).await.data("viewer.staff");
    assert_eq!(is_staff(&owner).await, false);
    // Rights that were granted count as little, and are not granted in the first place.
    assert!(fixpath::staff::grant::grant(&app.app, OWNER).await.is_err());
    app.sign_up("granted").await;
    app.db_execute("UPDATE users SET staff = true WHERE username = 'granted'").await;
    let (granted, _) = device(&app, "granted").await;
    assert_eq!(is_staff(&granted).await, false);

    verify_email(&app.anon(), &app.mailed_token("verify_email", OWNER)).await;
    assert_eq!(is_staff(&owner).await, true, "at once, on a device that was signed in before");
    let query = "mutation($p: String!) { signIn(input: { login: \"owner\", password: $p }) { viewer { staff } } }";
    let again = app.anon().ok(query, json!({ "p": PASSWORD })).await;
    assert_eq!(again.data("signIn.viewer.staff"), true);
    app.advance(TimeDelta::minutes(1));
    let newcomer = app.sign_up("newcomer").await;
    assert_eq!(change_email(&newcomer, "listed@example.com", Some(PASSWORD)).await.refusals("changeEmail"), NONE);
    assert_eq!(is_staff(&newcomer).await, false, "an address that is only asked for makes nobody staff");
    let token = asked_for(&app, &owner, "else@example.com").await;
    assert_eq!(is_staff(&owner).await, true, "it is still the address that they have");
    verify_email(&app.anon(), &token).await;
    assert_eq!(is_staff(&owner).await, false, "the address was what made them staff");
    verify_email(&app.anon(), &app.mailed_token("confirm_email", "listed@example.com")).await;
    assert_eq!(is_staff(&newcomer).await, true);
    app.run_jobs().await;
}

#[tokio::test]
async fn another_mail_is_sent_to_who_needs_one() {
    let (app, anon, owner) = TestApp::with_owner().await;
    assert_eq!(resend(&anon).await.refusals("requestEmailVerification"), ["UNAUTHENTICATED"]);
    assert_eq!(resend(&owner).await.data("requestEmailVerification.acknowledged"), true);
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER).len(), 2);
    app.db_verify("owner").await;
    assert_eq!(resend(&owner).await.data("requestEmailVerification.acknowledged"), true);
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER).len(), 2, "whose address is proved needs none");

    app.db_execute("UPDATE users SET email_verified_at = NULL").await;
    let mut last = NONE;
    for _ in 0..5 {
        last = resend(&owner).await.refusals("requestEmailVerification");
    }
    assert_eq!(last, ["RATE_LIMITED"]);
    app.run_jobs().await;
    assert!(app.mailbox(OWNER).len() <= 5, "{:?}", app.mailbox(OWNER));
}

#[tokio::test]
async fn who_has_gone_since_gets_no_mail() {
    let (app, _, owner) = TestApp::with_owner().await;
    resend(&owner).await;
    app.db_execute("UPDATE users SET deactivated_at = now()").await;
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER).len(), 1);
}
