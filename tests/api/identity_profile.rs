use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::people::sign_in;
use crate::support::{Actor, Answer, TestApp};

async fn update(actor: &Actor, input: Value) -> Answer {
    let query = "mutation($input: UpdateProfileInput!) { updateProfile(input: $input) {
        user { username firstName lastName avatarUrl } userErrors { code path } } }";
    actor.ok(query, json!({ "input": input })).await
}

#[tokio::test]
async fn absent_keeps_and_null_clears() {
    let (_app, _, owner) = TestApp::with_owner().await;
    let input = json!({ "firstName": " Ada ", "lastName": "Lovelace 🌸", "avatarUrl": "https://example.com/a.png" });
    let stored = json!({ "username": "owner", "firstName": "Ada", "lastName": "Lovelace 🌸", "avatarUrl": "https://example.com/a.png" });
    assert_eq!(update(&owner, input).await.data("updateProfile.user"), stored);
    assert_eq!(update(&owner, json!({})).await.data("updateProfile.user"), stored);
    let cleared = update(&owner, json!({ "lastName": null, "avatarUrl": null })).await;
    assert_eq!(cleared.data("updateProfile.user"), json!({ "username": "owner", "firstName": "Ada", "lastName": null, "avatarUrl": null }));
}

#[tokio::test]
async fn a_new_name_is_a_new_login() {
    let (app, _, owner) = TestApp::with_owner().await;
    assert_eq!(update(&owner, json!({ "username": "renamed" })).await.data("updateProfile.user.username"), "renamed");
    assert_eq!(sign_in(&app.anon(), "renamed", PASSWORD).await.refusals("signIn"), Vec::<String>::new());
    assert_eq!(sign_in(&app.anon(), "owner", PASSWORD).await.refusals("signIn"), ["WRONG_CREDENTIALS"]);
}

#[tokio::test]
async fn what_is_wrong_or_taken_is_refused_with_its_field() {
    let (app, anon, owner) = TestApp::with_owner().await;
    app.sign_up("other").await;
    let cases = [
        (json!({ "username": "OTHER" }), "TAKEN", "username"),
        (json!({ "username": null }), "REQUIRED", "username"),
        (json!({ "username": "a b" }), "INVALID", "username"),
        (json!({ "firstName": "nul\u{0}" }), "INVALID", "firstName"),
        (json!({ "lastName": "x".repeat(101) }), "TOO_LONG", "lastName"),
        (json!({ "avatarUrl": "https://example.com/\u{0}" }), "INVALID", "avatarUrl"),
        (json!({ "avatarUrl": format!("https://example.com/{}", "x".repeat(2_000)) }), "TOO_LONG", "avatarUrl"),
    ];
    for (input, code, field) in cases {
        let answer = update(&owner, input.clone()).await;
        assert_eq!(answer.data("updateProfile.userErrors"), json!([{ "code": code, "path": [field] }]), "{input}");
        assert_eq!(answer.data("updateProfile.user"), Value::Null);
    }
    assert_eq!(update(&anon, json!({})).await.refusals("updateProfile"), ["UNAUTHENTICATED"]);
}
