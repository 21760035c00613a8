//! Another address: asked for, proved by a link that goes there, and theirs only then. Nobody learns whose it is.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::members::{accept, invited, roomy};
use crate::support::people::{asked_for, change_email, device, move_to, sign_in, verify_email, who};
use crate::support::racing::in_turn;
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();
const OWNER: &str = "owner@example.com";
const NEW: &str = "new@example.com";
const OTHER_PASSWORD: &str = "quite another one";

/// The address that somebody has, and the one that they wait for.
async fn emails(actor: &Actor) -> (Value, Value) {
    let seen = actor.ok("{ viewer { pendingEmail user { email } } }", json!({})).await;
    (seen.data("viewer.user.email"), seen.data("viewer.pendingEmail"))
}

async fn let_in(app: &TestApp, login: &str) -> bool {
    sign_in(&app.anon(), login, PASSWORD).await.refusals("signIn").is_empty()
}

async fn log(owner: &Actor) -> Value {
    let log = "{ viewer { account { auditLog { nodes { action subject actor { username } } } } } }";
    owner.ok(log, json!({})).await.data("viewer.account.auditLog.nodes")
}

/// The token of a link to choose a new password with.
async fn reset_asked(app: &TestApp, email: &str) -> String {
    let ask = format!("mutation {{ requestPasswordReset(input: {{ email: \"{email}\" }}) {{ acknowledged }} }}");
    app.anon().ok(&ask, json!({})).await;
    app.run_jobs().await;
    app.mailed_token("reset_password", email)
}

async fn reset(actor: &Actor, token: &str) -> Answer {
    let query = "mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { userErrors { code } } }";
    actor.ok(query, json!({ "input": { "token": token, "newPassword": OTHER_PASSWORD } })).await
}

#[tokio::test]
async fn a_new_address_counts_once_it_is_proved_and_then_the_old_one_is_told() {
    let (app, anon, owner) = TestApp::with_owner().await;
    app.db_verify("owner").await;
    let asked = change_email(&owner, "New@example.com", Some(PASSWORD)).await;
    assert_eq!(asked.data("changeEmail"), json!({ "user": { "email": OWNER, "emailVerified": true }, "userErrors": [] }));
    app.run_jobs().await;
    // Nothing has changed yet.
    assert_eq!(emails(&owner).await, (json!(OWNER), json!("New@example.com")));
    assert!(let_in(&app, OWNER).await && !let_in(&app, NEW).await);
    assert_eq!((app.mailbox(OWNER), app.mailbox("New@example.com")), (vec!["verify_email"], vec!["confirm_email"]));
    let token = app.mailed_token("confirm_email", "New@example.com");
    assert!(app.mail("confirm_email", "New@example.com").text.contains(&format!("http://localhost:3000/verify-email?token={token}")));

    // In another browser, where nobody is signed in.
    let proved = verify_email(&anon, &token).await;
    let user =
        json!({ "username": "owner", "email": "New@example.com", "emailVerified": true, "signInMethods": ["PASSWORD", "EMAIL_CODE"] });
    assert_eq!(proved.data("verifyEmail"), json!({ "user": user, "userErrors": [] }));
    app.run_jobs().await;
    assert_eq!(emails(&owner).await, (json!("New@example.com"), Value::Null), "who was signed in stays so");
    assert!(!let_in(&app, OWNER).await && let_in(&app, NEW).await);
    assert_eq!(app.mailbox(OWNER), ["verify_email", "email_changed"]);
    assert_eq!(app.mailbox("New@example.com"), ["confirm_email"]);
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"], "it is used");
    let log = log(&owner).await;
    for line in [
        json!({ "action": "changeEmail", "subject": "New@example.com", "actor": { "username": "owner" } }),
        json!({ "action": "verifyEmail", "subject": "owner@example.com to New@example.com", "actor": { "username": "owner" } }),
    ] {
        assert!(log.as_array().unwrap().contains(&line), "{log}");
    }
}

#[tokio::test]
async fn an_address_that_was_never_proved_is_told_nothing_and_what_was_mailed_there_counts_no_more() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let reset_token = reset_asked(&app, OWNER).await;
    move_to(&app, &owner, NEW).await;
    assert_eq!(app.mailbox(OWNER), ["verify_email", "reset_password"]);
    assert_eq!(verify_email(&anon, &app.mailed_token("verify_email", OWNER)).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
    assert_eq!(reset(&anon, &reset_token).await.refusals("resetPassword"), ["TOKEN_EXPIRED"]);
    assert_eq!(emails(&owner).await.0, NEW);
}

#[tokio::test]
async fn the_address_that_one_has_can_be_proved_while_another_is_waited_for() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let token = asked_for(&app, &owner, NEW).await;
    let proved = verify_email(&anon, &app.mailed_token("verify_email", OWNER)).await;
    assert_eq!((proved.data("verifyEmail.user.email"), proved.data("verifyEmail.user.emailVerified")), (json!(OWNER), json!(true)));
    assert_eq!(verify_email(&anon, &token).await.data("verifyEmail.user.email"), NEW);
    app.run_jobs().await;
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_answer_for_the_same_work() {
    for password in [Some(PASSWORD), None] {
        let (app, _, owner) = TestApp::with_owner().await;
        app.sign_up("other").await;
        if password.is_none() {
            app.db_execute("UPDATE users SET password_hash = NULL").await;
        }
        let queued = async || app.database_text("SELECT payload->>'job' FROM graphile_worker._private_jobs").await;
        let cost = async |email: &str| {
            let before = (app.app.db.statements(), app.app.hasher.verifications());
            let answer = change_email(&owner, email, password).await;
            let cost = (app.app.db.statements() - before.0, app.app.hasher.verifications() - before.1);
            let jobs = queued().await;
            app.run_jobs().await;
            let pending = emails(&owner).await.1 == email;
            (cost, answer.json()["data"].clone(), jobs, pending)
        };
        let (known, unknown) = (cost("OTHER@example.com").await, cost("nobody@example.com").await);
        assert_eq!(known, unknown);
        assert_eq!((known.0.1, known.2.len(), known.3), (u64::from(password.is_some()), 1, true));
        // To each address one mail: whoever reads it knows already.
        assert_eq!(app.mailbox("other@example.com"), ["verify_email", "email_in_use"]);
        assert_eq!(app.mailbox("nobody@example.com"), ["confirm_email"]);
        assert_eq!(app.mailbox(OWNER), ["verify_email"]);
        assert_eq!(app.database_text("SELECT email FROM pending_emails").await, ["nobody@example.com"]);
    }
}

#[tokio::test]
async fn whoever_has_the_address_is_told_and_no_link_goes_out() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.sign_up("other").await;
    assert_eq!(change_email(&owner, "other@example.com", Some(PASSWORD)).await.refusals("changeEmail"), NONE);
    app.run_jobs().await;
    let told = app.mail("email_in_use", "other@example.com");
    assert!(told.text.contains("sign in as other") && told.text.contains("http://localhost:3000/forgot-password\n"), "{}", told.text);
    assert!(!told.text.contains("token=") && !told.text.contains("owner"), "{}", told.text);
    assert_eq!(app.database_text("SELECT (hash IS NULL)::text FROM pending_emails").await, ["true"]);
    // Who has gone is told nothing.
    app.db_execute("UPDATE users SET deactivated_at = now() WHERE username = 'other'").await;
    change_email(&owner, "other@example.com", Some(PASSWORD)).await;
    app.run_jobs().await;
    assert_eq!(app.mailbox("other@example.com"), ["verify_email", "email_in_use"]);
}

#[tokio::test]
async fn a_new_address_needs_the_password_and_must_be_one() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let cases = [
        (NEW, None, "REQUIRED", "password"),
        (NEW, Some("wrong"), "WRONG_CREDENTIALS", "password"),
        ("Owner@example.com", Some(PASSWORD), "INVALID", "email"),
        ("nobody", Some(PASSWORD), "INVALID", "email"),
        ("nul\0@example.com", Some(PASSWORD), "INVALID", "email"),
    ];
    for (email, password, code, field) in cases {
        let answer = change_email(&owner.at_address(&app.anon().address.to_string()), email, password).await;
        assert_eq!((answer.refusals("changeEmail"), answer.data("changeEmail.userErrors.0.path")), (vec![code.into()], json!([field])));
        app.advance(TimeDelta::minutes(1));
    }
    assert_eq!(change_email(&anon, NEW, Some(PASSWORD)).await.refusals("changeEmail"), ["UNAUTHENTICATED"]);
    assert_eq!(emails(&owner).await, (json!(OWNER), Value::Null));
    app.run_jobs().await;
    assert_eq!(app.mails().len(), 1, "what is refused sends no mail");
}

#[tokio::test]
async fn a_change_of_address_is_one_attempt() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.advance(TimeDelta::minutes(1));
    for _ in 0..5 {
        assert_eq!(change_email(&owner, NEW, Some("wrong")).await.refusals("changeEmail"), ["WRONG_CREDENTIALS"]);
    }
    assert_eq!(change_email(&owner, NEW, Some(PASSWORD)).await.refusals("changeEmail"), ["RATE_LIMITED"]);
    // From anywhere: it is the new address's owner who is protected, and one's own password.
    for email in [NEW, "else@example.com"] {
        let elsewhere = owner.at_address(&app.anon().address.to_string());
        assert_eq!(change_email(&elsewhere, email, Some(PASSWORD)).await.refusals("changeEmail"), ["RATE_LIMITED"]);
    }
}

#[tokio::test]
async fn people_without_a_password_ask_when_they_have_just_signed_in() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_execute("UPDATE users SET password_hash = NULL").await;
    app.advance(TimeDelta::minutes(10) + TimeDelta::seconds(1));
    assert_eq!(change_email(&owner, NEW, None).await.refusals("changeEmail"), ["FORBIDDEN"], "a token that was found is not enough");
    app.db_execute(&format!("UPDATE sign_ins SET created_at = '{}'", (app.app.clock.now() - TimeDelta::minutes(10)).to_rfc3339())).await;
    assert_eq!(change_email(&owner, NEW, None).await.refusals("changeEmail"), NONE);
    app.run_jobs().await;
}

#[tokio::test]
async fn only_the_latest_that_was_asked_for_counts() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let first = asked_for(&app, &owner, "first@example.com").await;
    // Before its mail is made, one is replaced.
    for email in ["second@example.com", NEW] {
        assert_eq!(change_email(&owner, email, Some(PASSWORD)).await.refusals("changeEmail"), NONE);
    }
    app.run_jobs().await;
    assert_eq!(app.mailbox("second@example.com"), Vec::<&str>::new());
    assert_eq!(verify_email(&anon, &first).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
    assert_eq!(emails(&owner).await, (json!(OWNER), json!(NEW)));
    // The same once more brings another link, and the first of them is over.
    let earlier = app.mailed_token("confirm_email", NEW);
    let later = asked_for(&app, &owner, NEW).await;
    assert_eq!(verify_email(&anon, &earlier).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
    assert_eq!(verify_email(&anon, &later).await.data("verifyEmail.user.email"), NEW);
}

#[tokio::test]
async fn of_two_that_one_person_asks_for_at_once_one_counts() {
    let (app, anon, owner) = TestApp::with_owner().await;
    app.advance(TimeDelta::minutes(1));
    let asked = in_turn(
        &app,
        "owner",
        change_email(&owner, "first@example.com", Some(PASSWORD)),
        change_email(&owner, "second@example.com", Some(PASSWORD)),
    );
    let (first, second) = asked.await;
    assert_eq!((first.refusals("changeEmail"), second.refusals("changeEmail")), (NONE, NONE));
    app.run_jobs().await;
    assert_eq!((app.mailbox("first@example.com"), app.mailbox("second@example.com")), (vec![], vec!["confirm_email"]));
    let proved = verify_email(&anon, &app.mailed_token("confirm_email", "second@example.com")).await;
    assert_eq!(proved.data("verifyEmail.user.email"), "second@example.com");
}

#[tokio::test]
async fn a_link_lasts_a_day_from_its_mail() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let token = asked_for(&app, &owner, NEW).await;
    app.advance(TimeDelta::hours(24));
    let refused = verify_email(&anon, &token).await;
    assert_eq!(refused.json()["data"], verify_email(&anon, "forged").await.json()["data"]);
    assert_eq!(refused.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
    let (owner, _) = device(&app, "owner").await;
    assert_eq!(emails(&owner).await, (json!(OWNER), Value::Null));
    // One whose mail was late lasts as long as the mail says.
    assert_eq!(change_email(&owner, NEW, Some(PASSWORD)).await.refusals("changeEmail"), NONE);
    app.advance(TimeDelta::hours(20));
    app.run_jobs().await;
    let token = app.mailed_token("confirm_email", NEW);
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(verify_email(&anon, &token).await.data("verifyEmail.user.email"), NEW);
}

#[tokio::test]
async fn a_new_password_and_a_deactivation_end_what_is_waited_for() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let token = asked_for(&app, &owner, NEW).await;
    let query = format!(
        "mutation {{ changePassword(input: {{ currentPassword: \"{PASSWORD}\", newPassword: \"{OTHER_PASSWORD}\" }}) {{ userErrors {{ code }} }} }}"
    );
    assert_eq!(owner.ok(&query, json!({})).await.refusals("changePassword"), NONE);
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
    assert_eq!(emails(&owner).await, (json!(OWNER), Value::Null));

    app.advance(TimeDelta::minutes(1));
    assert_eq!(change_email(&owner, NEW, Some(OTHER_PASSWORD)).await.refusals("changeEmail"), NONE);
    app.run_jobs().await;
    let token = app.mailed_token("confirm_email", NEW);
    let query = format!("mutation {{ deactivateUser(input: {{ password: \"{OTHER_PASSWORD}\" }}) {{ userErrors {{ code }} }} }}");
    assert_eq!(owner.ok(&query, json!({})).await.refusals("deactivateUser"), NONE);
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
    app.db_execute("UPDATE users SET deactivated_at = NULL").await;
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"], "also when they are back");
}

#[tokio::test]
async fn what_is_waited_for_can_be_withdrawn_and_ends_with_the_sign_ins() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let token = asked_for(&app, &owner, NEW).await;
    let withdrawn = change_email(&owner, OWNER, Some(PASSWORD)).await;
    assert_eq!(withdrawn.data("changeEmail"), json!({ "user": { "email": OWNER, "emailVerified": false }, "userErrors": [] }));
    assert_eq!(emails(&owner).await, (json!(OWNER), Value::Null));
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);

    // Whoever asked may have been signed in unwanted.
    app.advance(TimeDelta::minutes(1));
    let token = asked_for(&app, &owner, NEW).await;
    let (other, _) = device(&app, "owner").await;
    let devices = other.ok("{ viewer { signIns { id current } } }", json!({})).await.data("viewer.signIns");
    let unwanted = devices.as_array().unwrap().iter().find(|device| device["current"] == false).unwrap()["id"].clone();
    let revoke = "mutation($id: ID!) { revokeSignIn(input: { id: $id }) { userErrors { code } } }";
    assert_eq!(other.ok(revoke, json!({ "id": unwanted })).await.refusals("revokeSignIn"), NONE);
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);

    app.advance(TimeDelta::minutes(1));
    let token = asked_for(&app, &other, NEW).await;
    let everywhere = "mutation { signOut(input: { everywhere: true }) { userErrors { code } } }";
    assert_eq!(other.ok(everywhere, json!({})).await.refusals("signOut"), NONE);
    assert_eq!(verify_email(&anon, &token).await.refusals("verifyEmail"), ["TOKEN_EXPIRED"]);
}

#[tokio::test]
async fn how_long_a_change_waits_does_not_tell_whose_the_address_is() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.sign_up("other").await;
    let mut seen = Vec::new();
    for email in ["other@example.com", "nobody@example.com"] {
        assert_eq!(change_email(&owner, email, Some(PASSWORD)).await.refusals("changeEmail"), NONE);
        // The mail is late.
        app.advance(TimeDelta::minutes(10));
        app.run_jobs().await;
        let waits = "SELECT extract(epoch FROM expires_at)::bigint FROM pending_emails";
        seen.push(app.db_value(waits).await.as_i64().unwrap() - app.app.clock.now().timestamp());
    }
    assert_eq!(seen, [24 * 60 * 60; 2]);
}

#[tokio::test]
async fn an_address_that_became_somebodys_meanwhile_is_taken() {
    let (app, anon, owner) = TestApp::with_owner().await;
    app.db_verify("owner").await;
    let token = asked_for(&app, &owner, "heir@example.com").await;
    app.sign_up("heir").await;
    let refused = verify_email(&anon, &token).await;
    assert_eq!(refused.refusals("verifyEmail"), ["TAKEN"]);
    assert_eq!(refused.data("verifyEmail.userErrors.0.path"), json!(["token"]));
    assert_eq!(emails(&owner).await, (json!(OWNER), json!("heir@example.com")), "nothing has changed");
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email"]);
    assert!(let_in(&app, OWNER).await);
}

#[tokio::test]
async fn of_two_people_who_prove_one_address_at_once_one_gets_it() {
    for _ in 0..3 {
        let (app, anon, owner) = TestApp::with_owner().await;
        let other = app.sign_up("other").await;
        // Both may wait for it: until it is proved it is in nobody's way.
        let tokens = (asked_for(&app, &owner, NEW).await, asked_for(&app, &other, "NEW@example.com").await);
        let elsewhere = app.anon();
        let both = tokio::join!(verify_email(&anon, &tokens.0), verify_email(&elsewhere, &tokens.1));
        let mut refusals = [both.0.refusals("verifyEmail"), both.1.refusals("verifyEmail")];
        let winner = if refusals[0].is_empty() { "owner" } else { "other" };
        refusals.sort();
        assert_eq!(refusals, [vec![], vec!["TAKEN".to_owned()]]);
        let have = app.database_text("SELECT username FROM users WHERE lower(email) = 'new@example.com'").await;
        assert_eq!(have, [winner]);
        assert_eq!((who(&owner).await, who(&other).await), (json!("owner"), json!("other")));
    }
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_does() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let token = asked_for(&app, &owner, NEW).await;
    let elsewhere = app.anon();
    let (one, other) = in_turn(&app, "owner", verify_email(&anon, &token), verify_email(&elsewhere, &token)).await;
    assert_eq!((one.refusals("verifyEmail"), other.refusals("verifyEmail")), (NONE, vec!["TOKEN_EXPIRED".to_owned()]));
}

#[tokio::test]
async fn of_a_reset_and_a_proof_at_once_the_later_one_is_refused() {
    for reset_first in [true, false] {
        let (app, anon, owner) = TestApp::with_owner().await;
        app.db_verify("owner").await;
        let (proof, way_back) = (asked_for(&app, &owner, NEW).await, reset_asked(&app, OWNER).await);
        let elsewhere = app.anon();
        let (reset, proved) = if reset_first {
            in_turn(&app, "owner", reset(&elsewhere, &way_back), verify_email(&anon, &proof)).await
        } else {
            let (proved, reset) = in_turn(&app, "owner", verify_email(&anon, &proof), reset(&elsewhere, &way_back)).await;
            (reset, proved)
        };
        let expired = vec!["TOKEN_EXPIRED".to_owned()];
        let refusals = (reset.refusals("resetPassword"), proved.refusals("verifyEmail"));
        assert_eq!(refusals, if reset_first { (NONE, expired) } else { (expired, NONE) });
        let (email, password) = if reset_first { (OWNER, OTHER_PASSWORD) } else { (NEW, PASSWORD) };
        assert_eq!(sign_in(&app.anon(), email, password).await.refusals("signIn"), NONE);
        app.run_jobs().await;
    }
}

#[tokio::test]
async fn a_change_that_is_asked_for_while_the_password_is_reset_is_refused() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (way_back, elsewhere) = (reset_asked(&app, OWNER).await, app.anon());
    app.advance(TimeDelta::minutes(1));
    let (reset, asked) = in_turn(&app, "owner", reset(&elsewhere, &way_back), change_email(&owner, NEW, Some(PASSWORD))).await;
    assert_eq!((reset.refusals("resetPassword"), asked.refusals("changeEmail")), (NONE, vec!["WRONG_CREDENTIALS".to_owned()]));
    assert_eq!(app.database_text("SELECT email FROM pending_emails").await, NONE);
    app.run_jobs().await;
}

#[tokio::test]
async fn people_are_invited_by_the_address_that_they_have() {
    let (app, owner) = roomy().await;
    let ada = app.sign_up("ada").await;
    let token = asked_for(&app, &ada, NEW).await;
    let invitation = invited(&app, &owner, NEW, "ENGINEER").await;
    assert_eq!(accept(&ada, json!({ "token": invitation })).await.refusals("acceptInvitation"), ["FORBIDDEN"]);
    verify_email(&app.anon(), &token).await;
    let accepted = accept(&ada, json!({ "token": invitation })).await;
    assert_eq!((accepted.refusals("acceptInvitation"), accepted.data("acceptInvitation.viewer.role")), (NONE, json!("ENGINEER")));
}
