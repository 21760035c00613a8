use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::people::{device, refresh, sign_in, who};
use crate::support::{Actor, Answer, TestApp};

async fn change(actor: &Actor, current: &str, new: &str) -> Answer {
    let query = "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { acknowledged userErrors { code path } } }";
    actor.ok(query, json!({ "input": { "currentPassword": current, "newPassword": new } })).await
}

#[tokio::test]
async fn a_new_password_ends_every_other_sign_in() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, token) = device(&app, "owner").await;
    assert_eq!(change(&owner, PASSWORD, "quite another one").await.data("changePassword.acknowledged"), true);
    assert_eq!((who(&owner).await, who(&phone).await), (json!("owner"), Value::Null));
    assert_eq!(refresh(&anon, &token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    assert_eq!(sign_in(&app.anon(), "owner", "quite another one").await.refusals("signIn"), Vec::<String>::new());
    app.run_jobs().await;
}

#[tokio::test]
async fn the_old_one_must_be_known_and_the_new_one_good() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let cases = [
        ("wrong", "quite another one", "WRONG_CREDENTIALS", "currentPassword"),
        (PASSWORD, "short", "INVALID", "newPassword"),
        (PASSWORD, "owner@example.com", "INVALID", "newPassword"),
        (PASSWORD, "with a \u{0} inside", "INVALID", "newPassword"),
    ];
    for (current, new, code, field) in cases {
        let answer = change(&owner, current, new).await;
        assert_eq!(answer.data("changePassword"), json!({ "acknowledged": false, "userErrors": [{ "code": code, "path": [field] }] }));
    }
    assert_eq!(change(&anon, PASSWORD, "quite another one").await.refusals("changePassword"), ["UNAUTHENTICATED"]);
    app.advance(TimeDelta::minutes(1));
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), Vec::<String>::new());
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (one, other) = tokio::join!(change(&owner, PASSWORD, "the first new one"), change(&owner, PASSWORD, "the other new one"));
    let mut refusals = [one.refusals("changePassword"), other.refusals("changePassword")];
    let winner = if refusals[0].is_empty() { "the first new one" } else { "the other new one" };
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["WRONG_CREDENTIALS".to_owned()]]);
    assert_eq!(sign_in(&app.anon(), "owner", winner).await.refusals("signIn"), Vec::<String>::new());
    app.run_jobs().await;
}

#[tokio::test]
async fn guessing_the_old_one_is_limited() {
    let (app, _, owner) = TestApp::with_owner().await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.extend(change(&owner, "a guess", "quite another one").await.refusals("changePassword"));
    }
    assert_eq!(codes.last().map(String::as_str), Some("RATE_LIMITED"), "{codes:?}");
    app.advance(TimeDelta::minutes(1));
    assert_eq!(change(&owner, PASSWORD, "quite another one").await.data("changePassword.acknowledged"), true);
    app.run_jobs().await;
}
