use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::people::{db_join, device, ids, refresh, who};
use crate::support::{Actor, Answer, TestApp};

async fn deactivate(actor: &Actor, password: Option<&str>) -> Answer {
    let query =
        "mutation($input: DeactivateUserInput!) { deactivateUser(input: $input) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "input": { "password": password } })).await
}

#[tokio::test]
async fn a_deactivated_user_is_out_at_once_on_every_device() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, token) = device(&app, "owner").await;
    let (_second, router) = app.second_process();
    let elsewhere = phone.through(router);
    assert_eq!((who(&phone).await, who(&elsewhere).await), (json!("owner"), json!("owner")));
    assert_eq!(deactivate(&owner, Some(PASSWORD)).await.data("deactivateUser.acknowledged"), true);
    assert_eq!((who(&owner).await, who(&phone).await), (Value::Null, Value::Null));
    let mutation = "mutation { updateProfile(input: {}) { userErrors { code } } }";
    assert_eq!(elsewhere.ok(mutation, json!({})).await.refusals("updateProfile"), ["UNAUTHENTICATED"]);
    assert_eq!(refresh(&anon, &token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
}

#[tokio::test]
async fn the_password_is_asked_of_those_who_have_one() {
    let (app, anon, owner) = TestApp::with_owner().await;
    for (password, code) in [(None, "REQUIRED"), (Some("wrong"), "WRONG_CREDENTIALS")] {
        let answer = deactivate(&owner, password).await;
        assert_eq!(answer.refusals("deactivateUser"), [code]);
        assert_eq!(answer.data("deactivateUser.userErrors.0.path"), json!(["password"]));
    }
    assert_eq!(deactivate(&anon, Some(PASSWORD)).await.refusals("deactivateUser"), ["UNAUTHENTICATED"]);
    let (user, _) = ids(&owner).await;
    app.db_execute(&format!("UPDATE users SET password_hash = NULL WHERE id = '{}'", uuid::Uuid::from(user))).await;
    assert_eq!(deactivate(&owner, None).await.data("deactivateUser.acknowledged"), true);
}

#[tokio::test]
async fn the_last_owner_cannot_leave_people_behind() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (_, account) = ids(&owner).await;
    let guest = app.sign_up("guest").await;
    let (guest_user, _) = ids(&guest).await;
    db_join(&app, guest_user, account, "admin").await;
    let answer = deactivate(&owner, Some(PASSWORD)).await;
    assert_eq!(answer.refusals("deactivateUser"), ["LAST_OWNER"]);
    assert!(answer.str("deactivateUser.userErrors.0.message").contains("owner's account"));
    assert_eq!(who(&owner).await, "owner");
    // With the guest gone there is nobody left behind.
    assert_eq!(deactivate(&guest, Some(PASSWORD)).await.data("deactivateUser.acknowledged"), true);
    assert_eq!(deactivate(&owner, Some(PASSWORD)).await.data("deactivateUser.acknowledged"), true);
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (_, account) = ids(&owner).await;
    let partner = app.sign_up("partner").await;
    let (partner_user, _) = ids(&partner).await;
    let (guest_user, _) = ids(&app.sign_up("guest").await).await;
    db_join(&app, partner_user, account, "owner").await;
    db_join(&app, guest_user, account, "technician").await;
    let (one, other) = tokio::join!(deactivate(&owner, Some(PASSWORD)), deactivate(&partner, Some(PASSWORD)));
    let mut refusals = [one.refusals("deactivateUser"), other.refusals("deactivateUser")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["LAST_OWNER".to_owned()]]);
}

#[tokio::test]
async fn nobody_leaves_an_account_that_goes_on_paying_and_that_nobody_else_could_stop() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_execute(
        "INSERT INTO subscriptions (id, account_id, plan_id, status, seats, provider, provider_subscription_id, created_at, updated_at)
         SELECT gen_random_uuid(), accounts.id, plans.id, 'active', 1, 'stripe', 'sub_1', now(), now() FROM accounts, plans WHERE key = 'pro'",
    )
    .await;
    assert_eq!(deactivate(&owner, Some(PASSWORD)).await.refusals("deactivateUser"), ["WRONG_STATE"]);
    app.db_execute("UPDATE subscriptions SET cancel_at = now() WHERE provider = 'stripe'").await;
    assert_eq!(deactivate(&owner, Some(PASSWORD)).await.data("deactivateUser.acknowledged"), true);
}
