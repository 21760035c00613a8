use serde_json::{Value, json};

use crate::support::people::{device, refresh, who};
use crate::support::{Actor, TestApp};

async fn sign_out(actor: &Actor, input: Value) -> Value {
    let query = "mutation($input: SignOutInput) { signOut(input: $input) { acknowledged userErrors { code } } }";
    actor.ok(query, json!({ "input": input })).await.data("signOut")
}

#[tokio::test]
async fn one_device_signs_out_and_the_others_stay() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, token) = device(&app, "owner").await;
    assert_eq!(sign_out(&phone, Value::Null).await, json!({ "acknowledged": true, "userErrors": [] }));
    assert_eq!(who(&phone).await, Value::Null);
    assert_eq!(refresh(&anon, &token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    assert_eq!(who(&owner).await, "owner");
}

#[tokio::test]
async fn a_refresh_token_signs_its_device_out() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, token) = device(&app, "owner").await;
    sign_out(&anon, json!({ "refreshToken": token })).await;
    assert_eq!(who(&phone).await, Value::Null);
    assert_eq!(who(&owner).await, "owner");
}

#[tokio::test]
async fn everywhere_is_every_device_of_this_person_only() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (phone, _) = device(&app, "owner").await;
    let other = app.sign_up("other").await;
    sign_out(&phone, json!({ "everywhere": true })).await;
    assert_eq!((who(&phone).await, who(&owner).await, who(&other).await), (Value::Null, Value::Null, json!("other")));
}

#[tokio::test]
async fn an_old_refresh_token_cannot_sign_out_other_devices() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, used) = device(&app, "owner").await;
    refresh(&anon, &used).await;
    sign_out(&anon, json!({ "refreshToken": used, "everywhere": true })).await;
    assert_eq!((who(&phone).await, who(&owner).await), (Value::Null, json!("owner")));
}

#[tokio::test]
async fn whoever_is_signed_out_is_told_the_same() {
    let (_app, anon, owner) = TestApp::with_owner().await;
    for input in [Value::Null, json!({ "refreshToken": "nonsense" }), json!({ "everywhere": true })] {
        assert_eq!(sign_out(&anon, input).await["acknowledged"], true);
    }
    assert_eq!(who(&owner).await, "owner");
}
