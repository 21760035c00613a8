use chrono::TimeDelta;
use fixpath::id::Id;
use serde_json::{Value, json};

use crate::support::people::{AUTH, db_join, device, ids, refresh};
use crate::support::{Actor, Answer, TestApp};

async fn switch(actor: &Actor, account: &str) -> Answer {
    let query = format!("mutation($id: ID!) {{ switchAccount(input: {{ accountId: $id }}) {{ {AUTH} }} }}");
    actor.gql(&query, json!({ "id": account })).await
}

#[tokio::test]
async fn a_device_speaks_for_one_account_at_a_time() {
    let (app, anon, _) = TestApp::with_owner().await;
    let (phone, before) = device(&app, "owner").await;
    let host = app.sign_up("host").await;
    let ((owner, home), (_, away)) = (ids(&phone).await, ids(&host).await);
    app.advance(TimeDelta::seconds(1));
    db_join(&app, owner, away, "engineer").await;

    let switched = switch(&phone, &away.encode()).await;
    assert_eq!(switched.data("switchAccount.viewer.role"), "ENGINEER");
    let phone = phone.signed_in(&switched.str("switchAccount.accessToken"));
    let seen = phone
        .ok("{ viewer { account { name members { totalCount } limits { used } } memberships { role account { name limits { used } members { totalCount } } } } }", json!({}))
        .await;
    assert_eq!(seen.data("viewer.account.members.totalCount"), 2);
    assert_eq!(seen.data("viewer.account.limits.0.used"), 2);
    assert_eq!(seen.data("viewer.memberships.0.account"), json!({ "name": "owner's account", "limits": null, "members": null }));
    assert_eq!(seen.data("viewer.memberships.1.role"), "ENGINEER");

    // What the device held before is replaced: no theft, but of no use.
    assert_eq!(refresh(&anon, &before).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    let renewed = refresh(&anon, &switched.str("switchAccount.refreshToken")).await;
    assert_eq!(renewed.data("refreshTokens.viewer.account.id"), away.encode());
    let back = switch(&phone, &home.encode()).await;
    assert_eq!(back.data("switchAccount.viewer.role"), "OWNER");
}

#[tokio::test]
async fn other_peoples_accounts_look_as_if_they_were_not_there() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (_, foreign) = ids(&app.sign_up("other").await).await;
    let unknown = fixpath::id::AccountId::new(&app.app.clock).encode();
    let (foreign, unknown) = (switch(&owner, &foreign.encode()).await, switch(&owner, &unknown).await);
    assert_eq!(foreign.refusals("switchAccount"), ["NOT_FOUND"]);
    assert_eq!(foreign.data("switchAccount.userErrors.0.path"), json!(["accountId"]));
    assert_eq!(foreign.json()["data"], unknown.json()["data"]);

    let (user, account) = ids(&owner).await;
    assert_eq!(switch(&owner, &user.encode()).await.codes(), ["BAD_USER_INPUT"]);
    assert_eq!(switch(&anon, &account.encode()).await.refusals("switchAccount"), ["UNAUTHENTICATED"]);
    assert_eq!(switch(&anon, &account.encode()).await.data("switchAccount.accessToken"), Value::Null);
}

#[tokio::test]
async fn members_are_listed_page_by_page_in_the_order_they_joined() {
    let (app, _, owner) = TestApp::with_owner().await;
    let (_, account) = ids(&owner).await;
    for name in ["second", "third", "fourth"] {
        let (user, _) = ids(&app.sign_up(name).await).await;
        app.advance(TimeDelta::seconds(1));
        db_join(&app, user, account, "technician").await;
    }
    let query = "query($first: Int, $after: String) { viewer { account { members(first: $first, after: $after) {
        totalCount nodes { user { username email } } pageInfo { hasNextPage endCursor } } } } }";
    let mut names = Vec::new();
    let mut after = Value::Null;
    loop {
        let answer = owner.ok(query, json!({ "first": 3, "after": after })).await;
        let members = answer.data("viewer.account.members");
        assert_eq!(members["totalCount"], 4);
        names.extend(members["nodes"].as_array().unwrap().iter().map(|node| node["user"]["username"].as_str().unwrap().to_owned()));
        after = members["pageInfo"]["endCursor"].clone();
        if members["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(names, ["owner", "second", "third", "fourth"]);
    assert_eq!(owner.gql(query, json!({ "first": 101 })).await.codes(), ["BAD_USER_INPUT"]);
    assert_eq!(owner.gql(query, json!({ "first": 1, "after": "nonsense" })).await.codes(), ["BAD_USER_INPUT"]);
}
