//! The devices that somebody is signed in on, and ending one of them.

use chrono::TimeDelta;
use fixpath::id::{Id, SignInId};
use serde_json::{Value, json};

use crate::support::people::{device, refresh, who};
use crate::support::{Actor, Answer, TestApp};

async fn devices(actor: &Actor) -> Vec<Value> {
    let query = "{ viewer { signIns { id userAgent ipAddress current createdAt lastUsedAt } } }";
    actor.ok(query, json!({})).await.data("viewer.signIns").as_array().cloned().unwrap_or_default()
}

async fn revoke(actor: &Actor, id: &str) -> Answer {
    let query = "mutation($id: ID!) { revokeSignIn(input: { id: $id }) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "id": id })).await
}

#[tokio::test]
async fn devices_are_listed_with_what_and_where_they_are() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.advance(TimeDelta::seconds(1));
    let phone = app.anon().at_address("192.0.2.7").header("user-agent", "Phone/1.0");
    let answer = crate::support::people::sign_in(&phone, "owner", crate::support::app::PASSWORD).await;
    let phone = phone.signed_in(&answer.str("signIn.accessToken"));
    let seen = devices(&phone).await;
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (&seen[0]["userAgent"], &seen[0]["ipAddress"], &seen[0]["current"]),
        (&json!("Phone/1.0"), &json!("192.0.2.7"), &json!(true))
    );
    assert_eq!((&seen[0]["createdAt"], &seen[0]["lastUsedAt"]), (&json!("2026-01-01T12:00:01.000Z"), &json!("2026-01-01T12:00:01.000Z")));
    assert_eq!(seen[1]["current"], false);
    assert_eq!(devices(&owner).await[1]["current"], true);
}

#[tokio::test]
async fn one_device_is_ended_and_the_others_stay() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (second, router) = app.second_process();
    second.notices.heard().await;
    let (phone, token) = device(&app, "owner").await;
    let elsewhere = phone.through(router);
    assert_eq!(who(&elsewhere).await, "owner");
    let id = devices(&phone).await.iter().find(|one| one["current"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(revoke(&owner, &id).await.data("revokeSignIn.acknowledged"), true);
    assert_eq!((who(&phone).await, who(&owner).await), (Value::Null, json!("owner")));
    assert_eq!(refresh(&anon, &token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    let mutation = "mutation { updateProfile(input: {}) { userErrors { code } } }";
    assert_eq!(elsewhere.ok(mutation, json!({})).await.refusals("updateProfile"), ["UNAUTHENTICATED"]);
    assert_eq!(devices(&owner).await.len(), 1);
    assert_eq!(revoke(&owner, &id).await.refusals("revokeSignIn"), ["NOT_FOUND"], "it has ended");
    // The device that asks, too.
    let own = devices(&owner).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(revoke(&owner, &own).await.data("revokeSignIn.acknowledged"), true);
    assert_eq!(who(&owner).await, Value::Null);
}

#[tokio::test]
async fn other_peoples_devices_look_as_if_they_were_not_there() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let other = app.sign_up("other").await;
    let id = devices(&other).await[0]["id"].as_str().unwrap().to_owned();
    let unknown = SignInId::new(&app.app.clock).encode();
    let (foreign, unknown) = (revoke(&owner, &id).await, revoke(&owner, &unknown).await);
    assert_eq!(foreign.refusals("revokeSignIn"), ["NOT_FOUND"]);
    assert_eq!(foreign.json()["data"], unknown.json()["data"]);
    assert_eq!(revoke(&anon, &id).await.refusals("revokeSignIn"), ["UNAUTHENTICATED"]);
    assert_eq!(who(&other).await, "other");
}
