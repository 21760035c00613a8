use chrono::TimeDelta;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::people::{device, ids, sign_in, who};

#[tokio::test]
async fn a_login_is_an_address_or_a_name_in_any_case() {
    let (app, anon, _) = TestApp::with_owner().await;
    for login in ["owner", "OWNER", "owner@example.com", " Owner@Example.COM "] {
        let answer = sign_in(&app.anon(), login, PASSWORD).await;
        assert_eq!(answer.data("signIn.userErrors"), json!([]), "{login}");
        assert_eq!(who(&anon.signed_in(&answer.str("signIn.accessToken"))).await, "owner");
    }
}

#[tokio::test]
async fn an_unknown_login_and_a_wrong_password_are_told_apart_by_nothing() {
    let (app, _, _) = TestApp::with_owner().await;
    let before = app.app.hasher.verifications();
    let wrong = sign_in(&app.anon(), "owner", "wrong password").await;
    let after_wrong = app.app.hasher.verifications();
    let unknown = sign_in(&app.anon(), "nobody", "wrong password").await;
    let after_unknown = app.app.hasher.verifications();
    assert_eq!(wrong.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    assert_eq!(wrong.json()["data"], unknown.json()["data"]);
    assert_eq!((after_wrong - before, after_unknown - after_wrong), (1, 1));
}

#[tokio::test]
async fn nobody_signs_in_without_a_password_of_their_own() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (user, _) = ids(&owner).await;
    app.db_execute(&format!("UPDATE users SET password_hash = NULL WHERE id = '{}'", uuid::Uuid::from(user))).await;
    for password in ["", PASSWORD, "nobody"] {
        assert_eq!(sign_in(&app.anon(), "owner", password).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    }
}

#[tokio::test]
async fn text_that_cannot_be_a_login_is_refused_before_the_database_sees_it() {
    let app = TestApp::new().await;
    assert_eq!(sign_in(&app.anon(), "nul\u{0}", "x").await.refusals("signIn"), ["INVALID"]);
    assert_eq!(sign_in(&app.anon(), "", "x").await.refusals("signIn"), ["REQUIRED"]);
    assert_eq!(sign_in(&app.anon(), &"x".repeat(300), "x").await.refusals("signIn"), ["TOO_LONG"]);
    assert_eq!(sign_in(&app.anon(), "nobody", "nul\u{0}").await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    assert_eq!(sign_in(&app.anon(), "нет такого", &"🔑".repeat(1000)).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
}

#[tokio::test]
async fn a_login_can_be_tried_five_times_a_minute_from_anywhere() {
    let (app, _, _) = TestApp::with_owner().await;
    // Signing up was the first time.
    for _ in 0..4 {
        assert_eq!(sign_in(&app.anon(), "owner@example.com", "guess").await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    }
    let query = "mutation { signIn(input: { login: \"OWNER@example.com\", password: \"guess\" }) {
        userErrors { code message ... on RateLimited { retryAfter } } } }";
    let before = app.app.hasher.verifications();
    let refused = app.anon().ok(query, json!({})).await;
    assert_eq!(refused.refusals("signIn"), ["RATE_LIMITED"]);
    assert_eq!(refused.data("signIn.userErrors.0.retryAfter"), 12);
    assert_eq!(app.app.hasher.verifications(), before, "nothing is hashed for whoever must wait");

    app.advance(TimeDelta::seconds(12));
    assert_eq!(sign_in(&app.anon(), "owner@example.com", PASSWORD).await.refusals("signIn"), Vec::<String>::new());
}

#[tokio::test]
async fn an_address_can_try_five_logins_a_minute() {
    let (app, anon, _) = TestApp::with_owner().await;
    for number in 0..5 {
        assert_eq!(sign_in(&anon, &format!("nobody{number}"), "guess").await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
    }
    assert_eq!(sign_in(&anon, "owner", PASSWORD).await.refusals("signIn"), ["RATE_LIMITED"]);
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), Vec::<String>::new());
}

#[tokio::test]
async fn devices_are_listed_with_where_they_are() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.advance(TimeDelta::minutes(1));
    let phone = app.anon().at_address("2001:db8::7").header("user-agent", "Phone 1.0");
    sign_in(&phone, "owner", PASSWORD).await;
    let answer = owner.ok("{ viewer { signIns { current userAgent ipAddress createdAt lastUsedAt } } }", json!({})).await;
    assert_eq!(
        answer.data("viewer.signIns.0"),
        json!({
            "current": false, "userAgent": "Phone 1.0", "ipAddress": "2001:db8::7",
            "createdAt": "2026-01-01T12:01:00.000Z", "lastUsedAt": "2026-01-01T12:01:00.000Z",
        })
    );
    assert_eq!(answer.data("viewer.signIns.1.current"), true);
    assert_eq!(answer.data("viewer.signIns.2"), serde_json::Value::Null);
}

#[tokio::test]
async fn a_person_without_an_account_is_told_so() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (user, _) = ids(&owner).await;
    app.db_execute(&format!("DELETE FROM memberships WHERE user_id = '{}'", uuid::Uuid::from(user))).await;
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), ["FORBIDDEN"]);
}

#[tokio::test]
async fn a_deactivated_user_is_told_so_only_with_the_right_password() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (user, _) = ids(&owner).await;
    app.db_execute(&format!("UPDATE users SET deactivated_at = now() WHERE id = '{}'", uuid::Uuid::from(user))).await;
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), ["FORBIDDEN"]);
    assert_eq!(sign_in(&app.anon(), "owner", "wrong").await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
}

#[tokio::test]
async fn each_device_has_tokens_of_its_own() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (phone, _) = device(&app, "owner").await;
    assert_ne!(phone.token, owner.token);
    assert_eq!(who(&phone).await, "owner");
    assert_eq!(who(&owner).await, "owner");
}
