//! A removed member, a changed role, an ended sign-in count at once, in every process; and yet reads seldom ask the database who asks.

use std::time::Duration;

use fixpath::staff;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::people::{change_announced, device, ids, who};
use crate::support::{Actor, TestApp};

async fn role(actor: &Actor) -> Value {
    actor.ok("{ viewer { role } }", json!({})).await.data("viewer.role")
}

/// Until what another process did has been heard: milliseconds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(5), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    patience.await.expect("it is heard within seconds");
}

#[tokio::test]
async fn who_asks_is_read_once_while_nothing_changes() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    role(&owner).await;
    let before = app.app.db.statements();
    for _ in 0..5 {
        assert_eq!(role(&owner).await, "OWNER");
    }
    assert_eq!(app.app.db.statements(), before);
}

#[tokio::test]
async fn a_changed_role_and_a_removed_member_are_heard_by_every_process() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (second, router) = app.second_process();
    let elsewhere = owner.through(router);
    app.app.notices.heard().await;
    second.notices.heard().await;
    let (user, account) = ids(&owner).await;
    assert_eq!((role(&owner).await, role(&elsewhere).await), (json!("OWNER"), json!("OWNER")));

    let whose = format!("account_id = '{}' AND user_id = '{}'", Uuid::from(account), Uuid::from(user));
    change_announced(&second, user, &format!("UPDATE memberships SET role = 'technician' WHERE {whose}")).await;
    until(async || role(&owner).await == "TECHNICIAN" && role(&elsewhere).await == "TECHNICIAN").await;
    change_announced(&second, user, &format!("DELETE FROM memberships WHERE {whose}")).await;
    until(async || role(&owner).await == Value::Null && role(&elsewhere).await == Value::Null).await;
}

#[tokio::test]
async fn signing_out_here_is_heard_elsewhere() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (second, router) = app.second_process();
    let elsewhere = owner.through(router);
    second.notices.heard().await;
    assert_eq!(who(&elsewhere).await, "owner");
    owner.ok("mutation { signOut { acknowledged } }", json!({})).await;
    assert_eq!(who(&owner).await, Value::Null, "here it counts with the answer");
    until(async || who(&elsewhere).await == Value::Null).await;
}

#[tokio::test]
async fn a_mutation_asks_the_database_even_when_nothing_was_heard() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (user, _) = ids(&owner).await;
    assert_eq!(role(&owner).await, "OWNER");
    app.db_execute(&format!("UPDATE users SET deactivated_at = now() WHERE id = '{}'", Uuid::from(user))).await;
    let answer = owner.ok("mutation { updateProfile(input: { firstName: \"X\" }) { userErrors { code } } }", json!({})).await;
    assert_eq!(answer.refusals("updateProfile"), ["UNAUTHENTICATED"]);
}

#[tokio::test]
async fn what_was_read_before_the_connection_broke_counts_no_more() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (user, _) = ids(&owner).await;
    assert_eq!(role(&owner).await, "OWNER");
    let epoch = app.app.notices.epoch();
    // Nobody announces this change; it stands for one whose announcement went by while nobody listened.
    app.db_execute(&format!("UPDATE memberships SET role = 'technician' WHERE user_id = '{}'", Uuid::from(user))).await;
    assert_eq!(role(&owner).await, "OWNER", "it is in the cache");
    app.database.disconnect_all().await;
    until(async || app.app.notices.epoch() != epoch).await;
    until(async || owner.gql("{ viewer { role } }", json!({})).await.data("viewer.role") == "TECHNICIAN").await;
}

#[tokio::test]
async fn many_devices_of_one_person_are_told_apart() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let (phone, _) = device(&app, "owner").await;
    assert_eq!((who(&owner).await, who(&phone).await), (json!("owner"), json!("owner")));
    phone.ok("mutation { signOut { acknowledged } }", json!({})).await;
    assert_eq!((who(&owner).await, who(&phone).await), (json!("owner"), Value::Null));
}

#[tokio::test]
async fn staff_is_made_and_unmade_at_once() {
    let (app, _, owner) = TestApp::with_owner().await;
    app.app.notices.heard().await;
    let is_staff = async || owner.ok("{ viewer { staff } }", json!({})).await.data("viewer.staff");
    assert_eq!(is_staff().await, false);
    app.db_verify("owner").await;
    staff::grant::grant(&app.app, "OWNER@example.com").await.unwrap();
    assert_eq!(is_staff().await, true);
    staff::revoke::revoke(&app.app, "owner@example.com").await.unwrap();
    assert_eq!(is_staff().await, false);
    assert!(staff::grant::grant(&app.app, "nobody@example.com").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staff_address_counts_only_when_it_is_verified() {
    let app = TestApp::with(&[("STAFF_EMAILS", "Boss@example.com")]).await;
    let boss = app.sign_up("boss").await;
    let asked = "{ viewer { staff } }";
    assert_eq!(boss.ok(asked, json!({})).await.data("viewer.staff"), false);
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    // Another process: nothing of this person is kept there.
    let (_other, router) = app.second_process_with(&[("STAFF_EMAILS", "Boss@example.com")]);
    assert_eq!(boss.through(router).ok(asked, json!({})).await.data("viewer.staff"), true);
}
