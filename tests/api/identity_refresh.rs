use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{PASSWORD, SLOW_HASHES};
use crate::support::people::{AUTH, db_join, device, ids, refresh, sign_in, who};

#[tokio::test]
async fn each_token_is_good_for_one_use() {
    let (app, anon, _) = TestApp::with_owner().await;
    let (_, first) = device(&app, "owner").await;
    let answer = refresh(&anon, &first).await;
    assert_eq!(who(&anon.signed_in(&answer.str("refreshTokens.accessToken"))).await, "owner");
    let second = answer.str("refreshTokens.refreshToken");
    assert_ne!(first, second);
    assert_eq!(refresh(&anon, &second).await.refusals("refreshTokens"), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_used_twice_ends_its_whole_family_and_no_other() {
    let (app, anon, owner) = TestApp::with_owner().await;
    let (phone, first) = device(&app, "owner").await;
    let answer = refresh(&anon, &first).await;
    let (renewed, second) = (anon.signed_in(&answer.str("refreshTokens.accessToken")), answer.str("refreshTokens.refreshToken"));

    assert_eq!(refresh(&anon, &first).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    assert_eq!(refresh(&anon, &second).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
    assert_eq!(who(&phone).await, Value::Null);
    assert_eq!(who(&renewed).await, Value::Null);
    assert_eq!(who(&owner).await, "owner", "the device that signed up is another family");
}

#[tokio::test]
async fn two_at_once_have_one_winner_and_then_the_family_has_ended() {
    let (app, anon, _) = TestApp::with_owner().await;
    let (_, token) = device(&app, "owner").await;
    let (one, other) = tokio::join!(refresh(&anon, &token), refresh(&anon, &token));
    let mut refusals = [one.refusals("refreshTokens"), other.refusals("refreshTokens")];
    refusals.sort();
    assert_eq!(refusals, [vec![], vec!["TOKEN_EXPIRED".to_owned()]]);
    let winner = if one.refusals("refreshTokens").is_empty() { one } else { other };
    assert_eq!(who(&anon.signed_in(&winner.str("refreshTokens.accessToken"))).await, Value::Null);
    assert_eq!(refresh(&anon, &winner.str("refreshTokens.refreshToken")).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
}

#[tokio::test]
async fn whoever_comes_back_within_thirty_days_stays_signed_in() {
    let (app, anon, _) = TestApp::with_owner().await;
    let (_, mut token) = device(&app, "owner").await;
    for _ in 0..3 {
        app.advance(TimeDelta::days(30) - TimeDelta::milliseconds(1));
        token = refresh(&anon, &token).await.str("refreshTokens.refreshToken");
    }
    app.advance(TimeDelta::days(30));
    assert_eq!(refresh(&anon, &token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
}

#[tokio::test]
async fn what_was_never_given_is_refused() {
    let (_app, anon, owner) = TestApp::with_owner().await;
    for token in ["", "nonsense", "nul\u{0}", owner.token.as_deref().unwrap()] {
        assert_eq!(refresh(&anon, token).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"], "{token}");
    }
    let without = anon.ok("mutation { refreshTokens { userErrors { code path } } }", json!({})).await;
    assert_eq!(without.data("refreshTokens.userErrors"), json!([{ "code": "REQUIRED", "path": ["refreshToken"] }]));
}

#[tokio::test]
async fn who_reads_the_database_cannot_sign_in_with_what_it_holds() {
    let app = TestApp::with(&[SLOW_HASHES]).await;
    app.sign_up("owner").await;
    let (_, token) = device(&app, "owner").await;
    let (client, connection) = app.app.db.target().connect().await.unwrap();
    tokio::spawn(connection);
    let rows = client.query("SELECT hash FROM refresh_tokens", &[]).await.unwrap();
    let hashes: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    let expected = <sha2::Sha256 as sha2::Digest>::digest(token.as_bytes()).to_vec();
    assert!(hashes.contains(&expected) && hashes.iter().all(|hash| hash.len() == 32));
    let row = client.query_one("SELECT password_hash FROM users", &[]).await.unwrap();
    assert!(row.get::<_, String>(0).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[tokio::test]
async fn a_browser_keeps_its_token_as_a_cookie_that_scripts_cannot_read() {
    let (app, _, _) = TestApp::with_owner().await;
    let page = app.anon().in_browser("");
    let answer = sign_in(&page, "owner", PASSWORD).await;
    assert_eq!(answer.data("signIn.refreshToken"), Value::Null);
    let attributes: Vec<_> = answer.header("set-cookie").split("; ").skip(1).collect();
    assert_eq!(attributes, ["HttpOnly", "SameSite=Lax", "Path=/graphql", "Max-Age=2592000"]);
    let first = answer.cookie();
    assert!(first.starts_with("fixpath_refresh=") && first.len() == "fixpath_refresh=".len() + 43, "{first}");

    let renew = format!("mutation {{ refreshTokens {{ {AUTH} }} }}");
    let answer = page.in_browser(&first).ok(&renew, json!({})).await;
    assert_eq!(answer.data("refreshTokens.refreshToken"), Value::Null);
    assert_eq!(answer.data("refreshTokens.viewer.user.username"), "owner");
    let second = answer.cookie();
    assert_ne!(first, second);

    let out = page.in_browser(&second).ok("mutation { signOut { acknowledged } }", json!({})).await;
    assert_eq!(out.data("signOut.acknowledged"), true);
    assert!(out.header("set-cookie").starts_with("fixpath_refresh=; ") && out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(page.in_browser(&second).ok(&renew, json!({})).await.refusals("refreshTokens"), ["TOKEN_EXPIRED"]);
}

#[tokio::test]
async fn in_production_the_cookie_travels_encrypted_only() {
    let app = TestApp::with(&[("FIXPATH_ENV", "production"), ("PUBLIC_URL", "https://api.example.com")]).await;
    app.sign_up("owner").await;
    let answer = sign_in(&app.anon().in_browser(""), "owner", PASSWORD).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{}", answer.header("set-cookie"));
}

#[tokio::test]
async fn who_was_removed_from_one_account_goes_on_in_another() {
    let (app, anon, _) = TestApp::with_owner().await;
    let (_, token) = device(&app, "owner").await;
    let guest = app.sign_up("guest").await;
    let (owner, own) = ids(&anon.signed_in(&refresh(&anon, &token).await.str("refreshTokens.accessToken"))).await;
    let (_, other) = ids(&guest).await;
    let (_, token) = device(&app, "owner").await;
    db_join(&app, owner, other, "technician").await;
    app.db_execute(&format!("DELETE FROM memberships WHERE account_id = '{}'", uuid::Uuid::from(own))).await;
    let answer = refresh(&anon, &token).await;
    assert_eq!(answer.data("refreshTokens.viewer.role"), "TECHNICIAN");
    assert_eq!(answer.data("refreshTokens.viewer.account.name"), "guest's account");
}
