//! What tests do with members: invite, accept, change, remove.

use fixpath::id::{Id, UserId};
use serde_json::{Value, json};

use super::app::PASSWORD;
use super::people::{AUTH, ids};
use super::{Actor, Answer, TestApp};

/// An app without a limit of seats, and the verified owner of an account in it.
pub async fn roomy() -> (TestApp, Actor) {
    let (app, _, owner) = TestApp::with_owner().await;
    app.db_execute("UPDATE users SET email_verified_at = created_at").await;
    app.db_plan("enterprise").await;
    (app, owner)
}

/// Sends the mail, too.
pub async fn invite_with(app: &TestApp, by: &Actor, input: Value) -> Answer {
    let answer = ask_to_invite(app, by, input).await;
    app.run_jobs().await;
    answer
}

/// From an address of its own, so that many invitations are not too many.
pub async fn ask_to_invite(app: &TestApp, by: &Actor, input: Value) -> Answer {
    let query = "mutation($input: InviteMemberInput!) { inviteMember(input: $input) {
        invitation { id email role expiresAt invitedBy { username } }
        userErrors { __typename code message path ... on LimitReached { limit { key max used } upgradeTo { key } } } } }";
    by.at_address(&app.anon().address.to_string()).ok(query, json!({ "input": input })).await
}

pub async fn invite(app: &TestApp, by: &Actor, email: &str, role: &str) -> Answer {
    invite_with(app, by, json!({ "email": email, "role": role })).await
}

/// Invites somebody; the token of their mail.
pub async fn invited(app: &TestApp, by: &Actor, email: &str, role: &str) -> String {
    let answer = invite(app, by, email, role).await;
    assert_eq!(answer.refusals("inviteMember"), Vec::<String>::new(), "{}", answer.text());
    token_of(app, &answer)
}

/// What the latest mail to the invited address carries.
pub fn token_of(app: &TestApp, answer: &Answer) -> String {
    app.mailed_token("invitation", &answer.str("inviteMember.invitation.email"))
}

pub async fn accept(actor: &Actor, input: Value) -> Answer {
    let query = format!("mutation($input: AcceptInvitationInput!) {{ acceptInvitation(input: $input) {{ {AUTH} }} }}");
    actor.ok(&query, json!({ "input": input })).await
}

/// Somebody new accepts under this username.
pub async fn accept_as(app: &TestApp, token: &str, username: &str) -> Answer {
    accept(&app.anon(), json!({ "token": token, "username": username, "password": PASSWORD })).await
}

pub async fn change_role(actor: &Actor, user: UserId, role: &str) -> Answer {
    let query = "mutation($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) {
        membership { role user { username } account { name } } userErrors { code message path } } }";
    actor.ok(query, json!({ "input": { "userId": user.encode(), "role": role } })).await
}

pub async fn remove(actor: &Actor, user: UserId) -> Answer {
    let query = "mutation($input: RemoveMemberInput!) { removeMember(input: $input) { acknowledged userErrors { code message path } } }";
    actor.ok(query, json!({ "input": { "userId": user.encode() } })).await
}

pub async fn transfer(actor: &Actor, to: UserId) -> Answer {
    let query = "mutation($input: TransferOwnershipInput!) { transferOwnership(input: $input) {
        account { name } userErrors { code message path } } }";
    actor.ok(query, json!({ "input": { "toUserId": to.encode() } })).await
}

/// The names and roles of an account's people, as one of them sees them.
pub async fn members(actor: &Actor) -> Vec<(String, String)> {
    let answer = actor.ok("{ viewer { account { members(first: 100) { nodes { role user { username } } } } } }", json!({})).await;
    let nodes = answer.data("viewer.account.members.nodes");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut members: Vec<_> = nodes.as_array().unwrap().iter().map(|node| (text(&node["user"]["username"]), text(&node["role"]))).collect();
    members.sort();
    members
}

pub async fn role(actor: &Actor) -> Value {
    actor.ok("{ viewer { role } }", json!({})).await.data("viewer.role")
}

pub async fn user(actor: &Actor) -> UserId {
    ids(actor).await.0
}
