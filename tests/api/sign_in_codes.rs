//! Signing in by a code in a mail.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::people::{AUTH, move_to, who};
use crate::support::{Actor, Answer, TestApp};

const NONE: Vec<String> = Vec::new();
const OWNER: &str = "owner@example.com";

async fn ask(actor: &Actor, email: &str) -> Answer {
    let query = "mutation($email: String!) { requestSignInCode(input: { email: $email }) { acknowledged userErrors { code path } } }";
    actor.ok(query, json!({ "email": email })).await
}

async fn enter(actor: &Actor, email: &str, code: &str) -> Answer {
    let query = format!("mutation($input: SignInWithCodeInput!) {{ signInWithCode(input: $input) {{ {AUTH} }} }}");
    actor.ok(&query, json!({ "input": { "email": email, "code": code } })).await
}

/// Somebody with a proved address.
async fn with_verified_owner() -> (TestApp, Actor, Actor) {
    let (app, anon, owner) = TestApp::with_owner().await;
    app.db_verify("owner").await;
    app.advance(TimeDelta::minutes(1));
    (app, anon, owner)
}

/// The code of a mail that somebody asked for.
async fn asked(app: &TestApp) -> String {
    assert_eq!(ask(&app.anon(), OWNER).await.refusals("requestSignInCode"), NONE);
    app.run_jobs().await;
    app.mailed_code(OWNER)
}

/// Another code than this one.
fn wrong(code: &str, number: u32) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + number) % 1_000_000)
}

#[tokio::test]
async fn a_code_signs_in_once() {
    let (app, anon, owner) = with_verified_owner().await;
    let code = asked(&app).await;
    app.advance(TimeDelta::minutes(9));
    // As people paste it.
    let answer = enter(&anon, "Owner@Example.com", &format!(" {} {} ", &code[..3], &code[3..])).await;
    assert_eq!(answer.refusals("signInWithCode"), NONE);
    assert_eq!(who(&anon.signed_in(&answer.str("signInWithCode.accessToken"))).await, "owner");
    assert_eq!(enter(&anon, OWNER, &code).await.refusals("signInWithCode"), ["WRONG_CREDENTIALS"], "it is used");
    assert_eq!(app.database_text("SELECT hash FROM sign_in_codes").await, Vec::<String>::new(), "and deleted");
    assert_eq!(who(&owner).await, "owner", "other devices stay");
    let log = owner.ok("{ viewer { account { auditLog { nodes { action } } } } }", json!({})).await.text();
    assert!(log.contains("requestSignInCode") && log.contains("signInFailed"), "{log}");
}

#[tokio::test]
async fn what_is_stored_is_a_slow_hash_and_the_queue_holds_no_code() {
    let (app, _, _) = with_verified_owner().await;
    ask(&app.anon(), OWNER).await;
    let queued = app.database_text("SELECT payload::text FROM graphile_worker._private_jobs").await.concat();
    assert!(queued.contains("mail_sign_in_code") && !queued.contains("code\":\""), "{queued}");
    app.run_jobs().await;
    let stored = app.database_text("SELECT hash FROM sign_in_codes").await;
    assert!(stored[0].starts_with("$argon2id$v=19$"), "{stored:?}");
}

#[tokio::test]
async fn five_tries_are_all_that_a_code_is_good_for() {
    let (app, anon, _) = with_verified_owner().await;
    let code = asked(&app).await;
    for number in 1..=5 {
        let answer = enter(&app.anon(), OWNER, &wrong(&code, number)).await;
        assert_eq!(answer.refusals("signInWithCode"), ["WRONG_CREDENTIALS"]);
        app.advance(TimeDelta::seconds(12));
    }
    assert_eq!(enter(&anon, OWNER, &code).await.refusals("signInWithCode"), ["WRONG_CREDENTIALS"]);
    app.advance(TimeDelta::minutes(1));
    let code = asked(&app).await;
    assert_eq!(enter(&anon, OWNER, &code).await.refusals("signInWithCode"), NONE, "a new one has its own tries");
}

#[tokio::test]
async fn old_replaced_and_foreign_codes_and_unknown_addresses_look_the_same() {
    let (app, anon, owner) = with_verified_owner().await;
    let mut refused = Vec::new();
    refused.push(enter(&anon, OWNER, "000000").await);
    refused.push(enter(&anon, "nobody@example.com", "000000").await);
    let first = asked(&app).await;
    let mut second = asked(&app).await;
    while second == first {
        app.advance(TimeDelta::minutes(1));
        second = asked(&app).await;
    }
    refused.push(enter(&anon, OWNER, &first).await);
    app.advance(TimeDelta::minutes(10));
    refused.push(enter(&anon, OWNER, &second).await);
    // Sent to an address that is not theirs any more.
    let third = asked(&app).await;
    app.sign_up("other").await;
    refused.push(enter(&anon, "other@example.com", &third).await);
    app.advance(TimeDelta::minutes(1));
    move_to(&app, &owner.signed_in(&token(&app).await), "new@example.com").await;
    refused.push(enter(&anon, "new@example.com", &third).await);
    for answer in &refused {
        assert_eq!(answer.refusals("signInWithCode"), ["WRONG_CREDENTIALS"]);
        assert_eq!(answer.json()["data"], refused[0].json()["data"]);
    }
    for malformed in ["", "12345", "1234567", "12345a", "１２３４５６"] {
        let answer = enter(&app.anon(), "else@example.com", malformed).await;
        assert_eq!(
            (answer.refusals("signInWithCode"), answer.data("signInWithCode.userErrors.0.path")),
            (vec!["INVALID".into()], json!(["code"]))
        );
    }
}

async fn token(app: &TestApp) -> String {
    crate::support::people::sign_in(&app.anon(), "owner", PASSWORD).await.str("signIn.accessToken")
}

#[tokio::test]
async fn known_and_unknown_addresses_cost_the_same() {
    let (app, _, _) = with_verified_owner().await;
    let cost = async |email: &str, enters: bool| {
        let before = (app.app.db.statements(), app.app.hasher.verifications());
        let answer = if enters { enter(&app.anon(), email, "123456").await } else { ask(&app.anon(), email).await };
        let cost = (app.app.db.statements() - before.0, app.app.hasher.verifications() - before.1);
        (cost, answer.json()["data"].clone())
    };
    let (known, unknown) = (cost(OWNER, false).await, cost("nobody@example.com", false).await);
    assert_eq!(known, unknown);
    app.run_jobs().await;
    assert_eq!(app.mailbox("nobody@example.com"), Vec::<&str>::new());
    if app.mailed_code(OWNER) != "123456" {
        let (known, unknown) = (cost(OWNER, true).await, cost("nobody@example.com", true).await);
        assert_eq!(known, unknown);
        assert_eq!(known.0.1, 1, "one hash");
    }
}

#[tokio::test]
async fn an_address_that_is_not_proved_gets_no_code() {
    let (app, anon, _) = TestApp::with_owner().await;
    assert_eq!(ask(&anon, OWNER).await.data("requestSignInCode.acknowledged"), true);
    app.run_jobs().await;
    assert_eq!(app.mailbox(OWNER), ["verify_email"]);
}

#[tokio::test]
async fn of_two_who_enter_a_code_at_once_one_gets_in() {
    let (app, anon, _) = with_verified_owner().await;
    let code = asked(&app).await;
    let other = app.anon();
    let (one, other) = tokio::join!(enter(&anon, OWNER, &code), enter(&other, OWNER, &code));
    let mut refusals = [one.refusals("signInWithCode"), other.refusals("signInWithCode")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["WRONG_CREDENTIALS".to_owned()]]);
}

#[tokio::test]
async fn tries_at_once_are_no_more_than_tries_in_turn() {
    let (app, _, _) = with_verified_owner().await;
    let code = asked(&app).await;
    app.advance(TimeDelta::minutes(1));
    let people: Vec<Actor> = (0..5).map(|_| app.anon()).collect();
    let wrong: Vec<String> = (1..=5).map(|number| wrong(&code, number)).collect();
    let tries = people.iter().zip(&wrong).map(|(person, code)| enter(person, OWNER, code));
    futures_util::future::join_all(tries).await;
    assert_eq!(app.database_text("SELECT tries::text FROM sign_in_codes").await, ["5"]);
}

#[tokio::test]
async fn twenty_codes_a_day_are_sent_to_one_person() {
    let (app, anon, _) = with_verified_owner().await;
    for _ in 0..22 {
        assert_eq!(ask(&app.anon(), OWNER).await.data("requestSignInCode.acknowledged"), true);
        app.run_jobs().await;
        app.advance(TimeDelta::minutes(1));
    }
    assert_eq!(app.mailbox(OWNER).iter().filter(|name| **name == "sign_in_code").count(), 20);
    app.advance(TimeDelta::days(1));
    let code = asked(&app).await;
    assert_eq!(enter(&anon, OWNER, &code).await.refusals("signInWithCode"), NONE);
}

#[tokio::test]
async fn a_deactivated_user_is_told_so_only_with_the_right_code() {
    let (app, anon, _) = with_verified_owner().await;
    let code = asked(&app).await;
    app.db_execute("UPDATE users SET deactivated_at = now()").await;
    assert_eq!(enter(&anon, OWNER, &wrong(&code, 1)).await.refusals("signInWithCode"), ["WRONG_CREDENTIALS"]);
    assert_eq!(enter(&anon, OWNER, &code).await.refusals("signInWithCode"), ["FORBIDDEN"]);
}

#[tokio::test]
async fn a_page_gets_the_refresh_token_as_a_cookie() {
    let (app, anon, _) = with_verified_owner().await;
    let code = asked(&app).await;
    let answer = enter(&anon.in_browser(""), OWNER, &code).await;
    assert_eq!(answer.data("signInWithCode.refreshToken"), Value::Null);
    assert!(answer.cookie().starts_with("fixpath_refresh="), "{}", answer.cookie());
}
