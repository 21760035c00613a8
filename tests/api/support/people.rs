//! What tests do with people: sign in, refresh, join accounts.

use diesel_async::RunQueryDsl;
use fixpath::app::App;
use fixpath::id::{AccountId, Id, UserId};
use fixpath::identity::requesters;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Actor, Answer, TestApp};

pub const AUTH: &str =
    "viewer { user { id username } account { id name } role } accessToken expiresIn refreshToken userErrors { code message path }";

pub async fn sign_in(actor: &Actor, login: &str, password: &str) -> Answer {
    let query = format!("mutation($input: SignInInput!) {{ signIn(input: $input) {{ {AUTH} }} }}");
    actor.ok(&query, json!({ "input": { "login": login, "password": password } })).await
}

pub async fn refresh(actor: &Actor, token: &str) -> Answer {
    let query = format!("mutation($input: RefreshTokensInput) {{ refreshTokens(input: $input) {{ {AUTH} }} }}");
    actor.ok(&query, json!({ "input": { "refreshToken": token } })).await
}

/// The name of whoever the token speaks for; null when it speaks for nobody.
pub async fn who(actor: &Actor) -> Value {
    actor.ok("{ viewer { user { username } } }", json!({})).await.data("viewer.user.username")
}

/// One more device of somebody who signed up: with its refresh token.
pub async fn device(app: &TestApp, name: &str) -> (Actor, String) {
    let anon = app.anon();
    let answer = sign_in(&anon, name, super::app::PASSWORD).await;
    (anon.signed_in(&answer.str("signIn.accessToken")), answer.str("signIn.refreshToken"))
}

/// Whom the actor's token speaks for.
pub async fn ids(actor: &Actor) -> (UserId, AccountId) {
    let answer = actor.ok("{ viewer { user { id } account { id } } }", json!({})).await;
    (Id::decode(&answer.str("viewer.user.id")).unwrap(), Id::decode(&answer.str("viewer.account.id")).unwrap())
}

/// Makes somebody a member of another's account, behind the app's back.
pub async fn db_join(app: &TestApp, user: UserId, account: AccountId, role: &str) {
    let (user, account, now) = (Uuid::from(user), Uuid::from(account), app.app.clock.now().to_rfc3339());
    app.db_execute(&format!("INSERT INTO memberships VALUES ('{account}', '{user}', '{role}', '{now}')")).await;
}

/// Changes what somebody may do, as an operation does: with an announcement in the same transaction.
pub async fn change_announced(app: &App, user: UserId, sql: &str) {
    let result = app
        .db
        .transaction(async |conn| {
            diesel::sql_query(sql).execute(conn).await?;
            requesters::announce_in_txn(conn, user).await
        })
        .await;
    result.unwrap();
}

/// Somebody who works for the owner's account in this role, signed in there.
pub async fn colleague(app: &TestApp, owner: &Actor, name: &str, role: &str) -> Actor {
    let person = app.sign_up(name).await;
    let ((user, _), (_, account)) = (ids(&person).await, ids(owner).await);
    db_join(app, user, account, role).await;
    let switch = "mutation($account: ID!) { switchAccount(input: { accountId: $account }) { accessToken userErrors { message } } }";
    let answer = person.ok(switch, json!({ "account": account.encode() })).await;
    person.signed_in(&answer.str("switchAccount.accessToken"))
}

/// Asks for another address.
pub async fn change_email(actor: &Actor, email: &str, password: Option<&str>) -> Answer {
    let query = "mutation($input: ChangeEmailInput!) { changeEmail(input: $input) {
        user { email emailVerified } userErrors { code message path } } }";
    actor.ok(query, json!({ "input": { "email": email, "password": password } })).await
}

pub async fn verify_email(actor: &Actor, token: &str) -> Answer {
    let query = "mutation($token: String!) { verifyEmail(input: { token: $token }) {
        user { username email emailVerified signInMethods } userErrors { code message path } } }";
    actor.ok(query, json!({ "token": token })).await
}

/// The token that the mail to another address carries.
pub async fn asked_for(app: &TestApp, actor: &Actor, email: &str) -> String {
    let asked = change_email(actor, email, Some(super::app::PASSWORD)).await;
    assert_eq!(asked.refusals("changeEmail"), Vec::<String>::new(), "{}", asked.text());
    app.run_jobs().await;
    app.mailed_token("confirm_email", email)
}

/// Gives somebody another address: asked for, and proved.
pub async fn move_to(app: &TestApp, actor: &Actor, email: &str) {
    let token = asked_for(app, actor, email).await;
    assert_eq!(verify_email(&app.anon(), &token).await.refusals("verifyEmail"), Vec::<String>::new());
    app.run_jobs().await;
}
