//! Signing in at a provider: who gets in as whom, and what happens when anything on the way is not as it should be.

mod attempts;
mod providers;
mod racing;
mod stub;

use axum::http::StatusCode;
use axum::http::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use self::stub::{CLIENT, SECRET, Stub, query};
use super::support::app::ORIGIN;
use super::support::people::{asked_for, ids, verify_email};
use super::support::{Actor, Answer, TestApp};

const ME: &str = "{ viewer { role staff account { name } user { id username email emailVerified firstName signInMethods } } }";

struct World {
    app: TestApp,
    stub: Stub,
    provider: &'static str,
}

impl World {
    async fn google() -> Self {
        let stub = Stub::new().await;
        stub.set(|answers| answers.person = ada());
        let variables = [("GOOGLE_CLIENT_ID", CLIENT), ("GOOGLE_CLIENT_SECRET", SECRET), ("GOOGLE_ISSUER", &stub.url)];
        Self { app: TestApp::with(&variables).await, stub, provider: "google" }
    }

    async fn github() -> Self {
        let stub = Stub::new().await;
        stub.set(|answers| {
            answers.person = json!({ "id": 4711, "login": "ada-l", "name": "Ada", "avatar_url": "https://pictures.example/ada" });
            answers.emails = json!([
                { "email": "old@example.com", "primary": false, "verified": true },
                { "email": "ada@example.com", "primary": true, "verified": true },
            ]);
        });
        let variables = [("GITHUB_CLIENT_ID", CLIENT), ("GITHUB_CLIENT_SECRET", SECRET), ("GITHUB_BASE_URL", &stub.url)];
        Self { app: TestApp::with(&variables).await, stub, provider: "github" }
    }

    /// A browser that was sent to the provider: its cookie, and where it was sent.
    async fn begin(&self, browser: &Actor) -> (String, String) {
        let answer = get(browser, &format!("/auth/{}/start", self.provider), "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        (answer.cookie(), answer.header("location").to_owned())
    }

    /// There and back again.
    async fn sign_in(&self) -> Answer {
        let browser = self.app.anon();
        let (cookie, authorize) = self.begin(&browser).await;
        get(&browser, &self.stub.consent(&authorize), &cookie).await
    }

    /// The person that a callback's cookie signs in.
    async fn person(&self, callback: &Answer) -> (Actor, Value) {
        assert_eq!(error_of(callback), None, "{}", callback.header("location"));
        let cookie = refresh_cookie(callback).expect("a refresh cookie");
        let browser = self.app.anon().in_browser(&cookie);
        let answer = browser.ok("mutation { refreshTokens { accessToken userErrors { message } } }", json!({})).await;
        let actor = self.app.anon().signed_in(&answer.str("refreshTokens.accessToken"));
        let viewer = actor.ok(ME, json!({})).await.data("viewer");
        (actor, viewer)
    }

    async fn users(&self) -> i64 {
        let (client, connection) = self.app.app.db.target().connect().await.unwrap();
        tokio::spawn(connection);
        client.query_one("SELECT count(*) FROM users", &[]).await.unwrap().get(0)
    }

    async fn verify(&self, name: &str) {
        self.app.db_execute(&format!("UPDATE users SET email_verified_at = now() WHERE username = '{name}'")).await;
    }
}

fn ada() -> Value {
    json!({ "sub": "1", "email": "ada@example.com", "email_verified": true, "given_name": "Ada", "picture": "https://pictures.example/a" })
}

async fn get(browser: &Actor, path: &str, cookie: &str) -> Answer {
    let request = axum::http::Request::get(path).header(COOKIE, cookie).body(axum::body::Body::empty()).unwrap();
    browser.send(request).await
}

/// Why nobody was signed in; the browser is at the application in any case.
fn error_of(answer: &Answer) -> Option<String> {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let url = Url::parse(answer.header("location")).unwrap();
    assert_eq!(url.origin().ascii_serialization(), ORIGIN);
    let error = query(&url).remove("auth_error");
    assert_eq!(refresh_cookie(answer).is_none(), error.is_some(), "signed in, or told why not");
    assert!(set_cookies(answer).iter().any(|cookie| cookie.starts_with("fixpath_attempt=;")), "the attempt is over");
    error
}

fn set_cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
}

fn refresh_cookie(answer: &Answer) -> Option<String> {
    let cookie = set_cookies(answer).into_iter().find(|cookie| cookie.starts_with("fixpath_refresh="))?;
    assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/graphql; Max-Age=2592000"), "{cookie}");
    cookie.split(';').next().map(str::to_owned)
}

#[tokio::test]
async fn a_new_person_gets_what_signing_up_gives() {
    let world = World::google().await;
    let callback = world.sign_in().await;
    let (actor, viewer) = world.person(&callback).await;
    let expected = json!({
        "role": "OWNER", "staff": false, "account": { "name": "ada's account" },
        "user": {
            "id": viewer["user"]["id"], "username": "ada", "email": "ada@example.com", "emailVerified": true, "firstName": "Ada",
            "signInMethods": ["EMAIL_CODE", "GOOGLE"],
        },
    });
    assert_eq!(viewer, expected);
    assert_eq!(callback.header("location"), format!("{ORIGIN}/"));
    let log = actor.ok("{ viewer { account { auditLog { nodes { action } } } } }", json!({})).await;
    let log = log.data("viewer.account.auditLog.nodes").to_string();
    assert!(["signUp", "signIn", "linkIdentity"].iter().all(|action| log.contains(action)), "{log}");
    let limits = actor.ok("{ viewer { account { limits { key } } } }", json!({})).await;
    assert_eq!(limits.data("viewer.account.limits.0.key"), "SEATS");
}

#[tokio::test]
async fn whoever_comes_back_is_the_same_person_whatever_their_address_is_now() {
    let world = World::google().await;
    let (_, first) = world.person(&world.sign_in().await).await;
    let changed = json!({ "sub": "1", "email": "lovelace@example.com", "email_verified": false });
    world.stub.set(|answers| answers.person = changed);
    let (_, second) = world.person(&world.sign_in().await).await;
    assert_eq!((&first, world.users().await), (&second, 1));
}

#[tokio::test]
async fn an_address_that_is_verified_on_both_sides_joins_the_two() {
    let world = World::google().await;
    let here = world.app.sign_up("ada").await;
    world.verify("ada").await;
    world.stub.set(|answers| answers.person["email"] = "ADA@example.com".into());
    let (elsewhere, viewer) = world.person(&world.sign_in().await).await;
    assert_eq!(ids(&here).await, ids(&elsewhere).await);
    assert_eq!(viewer["user"]["signInMethods"], json!(["PASSWORD", "EMAIL_CODE", "GOOGLE"]));
}

#[tokio::test]
async fn an_address_that_nobody_proved_here_is_not_enough() {
    let world = World::google().await;
    let here = world.app.sign_up("ada").await;
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "sign_in_first");
    assert_eq!(here.ok(ME, json!({})).await.data("viewer.user.signInMethods"), json!(["PASSWORD"]));
    world.verify("ada").await;
    assert_eq!(error_of(&world.sign_in().await), None, "after signing in and verifying it");
}

#[tokio::test]
async fn an_address_that_somebody_waits_for_joins_nobody_before_it_is_proved() {
    for proved_first in [true, false] {
        let world = World::google().await;
        let here = world.app.sign_up("grace").await;
        let token = asked_for(&world.app, &here, "ada@example.com").await;
        if proved_first {
            assert!(verify_email(&world.app.anon(), &token).await.refusals("verifyEmail").is_empty());
        }
        let (_, viewer) = world.person(&world.sign_in().await).await;
        if proved_first {
            assert_eq!((&viewer["user"]["username"], world.users().await), (&json!("grace"), 1));
        } else {
            assert_eq!((&viewer["user"]["username"], world.users().await), (&json!("ada"), 2));
            assert_eq!(verify_email(&world.app.anon(), &token).await.refusals("verifyEmail"), ["TAKEN"]);
        }
        world.app.run_jobs().await;
    }
}

#[tokio::test]
async fn an_address_that_the_provider_has_not_verified_counts_for_nothing() {
    let world = World::google().await;
    world.app.sign_up("ada").await;
    world.verify("ada").await;
    for person in [json!({ "sub": "1", "email": "ada@example.com", "email_verified": false }), json!({ "sub": "1" })] {
        world.stub.set(|answers| answers.person = person);
        assert_eq!(error_of(&world.sign_in().await).unwrap(), "email_not_verified");
    }
    assert_eq!(world.users().await, 1);
}

#[tokio::test]
async fn who_may_not_sign_in_here_may_not_by_way_of_a_provider() {
    let world = World::google().await;
    world.person(&world.sign_in().await).await;
    world.app.db_execute("UPDATE users SET deactivated_at = now()").await;
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "deactivated");
    world.app.db_execute("UPDATE users SET deactivated_at = NULL; DELETE FROM memberships").await;
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "no_account");
}

#[tokio::test]
async fn whoever_is_denied_is_not_joined_to_the_provider_either() {
    let world = World::google().await;
    world.app.sign_up("ada").await;
    world.verify("ada").await;
    let joined = async || {
        let identities = world.app.database_text("SELECT subject FROM identities").await;
        (identities, world.app.database_text("SELECT subject FROM audit_entries WHERE action = 'linkIdentity'").await)
    };
    world.app.db_execute("UPDATE users SET deactivated_at = now()").await;
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "deactivated");
    assert_eq!(joined().await, (vec![], vec![]));
    world.app.db_execute("UPDATE users SET deactivated_at = NULL").await;
    world.person(&world.sign_in().await).await;
    assert_eq!(joined().await, (vec!["1".to_owned()], vec!["google".to_owned()]));
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_number() {
    let world = World::google().await;
    world.app.sign_up("Ada").await;
    world.stub.set(|answers| answers.person["email"] = "ada@elsewhere.example".into());
    let (_, viewer) = world.person(&world.sign_in().await).await;
    let name = viewer["user"]["username"].as_str().unwrap();
    assert!(name.starts_with("ada-"), "{name}");
}

#[tokio::test]
async fn an_odd_profile_makes_a_person_all_the_same() {
    let world = World::google().await;
    let odd =
        json!({ "sub": "2", "email": "é@example.com", "email_verified": true, "given_name": "A\u{0}", "picture": "http://plain.example" });
    world.stub.set(|answers| answers.person = odd);
    let (_, viewer) = world.person(&world.sign_in().await).await;
    assert_eq!((&viewer["user"]["username"], &viewer["user"]["firstName"]), (&json!("user"), &json!(null)));
}

#[tokio::test]
async fn two_who_come_at_once_are_one_person() {
    let world = World::google().await;
    let (one, two) = (world.app.anon(), world.app.anon());
    let (first, second) = (world.begin(&one).await, world.begin(&two).await);
    let (first_back, second_back) = (world.stub.consent(&first.1), world.stub.consent(&second.1));
    let both = tokio::join!(get(&one, &first_back, &first.0), get(&two, &second_back, &second.0));
    let (one, two) = (world.person(&both.0).await.1, world.person(&both.1).await.1);
    assert_eq!((&one, world.users().await), (&two, 1));
}
