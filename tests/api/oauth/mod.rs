//! Signing in at a provider: who gets in as whom, and what happens when anything on the way is not as it should be.

mod racing;
mod stub;

use axum::http::StatusCode;
use axum::http::header::{COOKIE, SET_COOKIE};
use chrono::TimeDelta;
use fixpath::config::Config;
use serde_json::{Value, json};
use url::Url;

use self::stub::{CLIENT, SECRET, Stub, query};
use super::support::app::{ORIGIN, start};
use super::support::people::ids;
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
async fn an_id_token_must_be_for_us_for_this_attempt_and_in_time() {
    let world = World::google().await;
    let lies = [
        ("nonce", json!("another")),
        ("nonce", json!(null)),
        ("aud", json!("somebody else")),
        ("aud", json!([CLIENT, "somebody else"])),
        ("iss", json!("https://accounts.example.com")),
        ("exp", json!(start().timestamp() - 1)),
    ];
    for (claim, lie) in lies {
        world.stub.set(|answers| {
            answers.person = ada();
            answers.person[claim] = lie.clone();
        });
        assert_eq!(error_of(&world.sign_in().await).unwrap(), "provider_refused", "{claim}: {lie}");
    }
    world.stub.set(|answers| (answers.person, answers.forged) = (ada(), true));
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "provider_refused", "signed by somebody else");
    world.stub.set(|answers| (answers.forged, answers.unsigned) = (false, true));
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "provider_refused", "not signed");
    assert_eq!(world.users().await, 0);
}

#[tokio::test]
async fn a_provider_may_change_its_keys() {
    let world = World::google().await;
    let (_, before) = world.person(&world.sign_in().await).await;
    world.stub.set(|answers| answers.rotated = true);
    assert_eq!(world.person(&world.sign_in().await).await.1, before);
}

#[tokio::test]
async fn a_provider_that_is_down_says_so_at_either_step() {
    let world = World::google().await;
    world.stub.set(|answers| answers.status = Some(StatusCode::SERVICE_UNAVAILABLE));
    let refused = get(&world.app.anon(), "/auth/google/start", "").await;
    assert_eq!(error_of(&refused).unwrap(), "provider_unavailable");
    world.stub.set(|answers| answers.status = None);
    let browser = world.app.anon();
    let (cookie, authorize) = world.begin(&browser).await;
    let callback = world.stub.consent(&authorize);
    world.stub.set(|answers| answers.status = Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), "provider_unavailable");
    world.stub.set(|answers| answers.status = None);
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await), None, "nothing was used up");
}

#[tokio::test]
async fn nobody_waits_for_a_provider_longer_than_a_few_seconds() {
    let world = World::google().await;
    world.stub.set(|answers| answers.silent = true);
    let begun = std::time::Instant::now();
    let refused = get(&world.app.anon(), "/auth/google/start", "").await;
    assert_eq!(error_of(&refused).unwrap(), "provider_unavailable");
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_provider_that_claims_to_be_another_is_not_believed() {
    let stub = Stub::new().await;
    let issuer = format!("{}/", stub.url);
    let app = TestApp::with(&[("GOOGLE_CLIENT_ID", CLIENT), ("GOOGLE_CLIENT_SECRET", SECRET), ("GOOGLE_ISSUER", &issuer)]).await;
    assert_eq!(error_of(&get(&app.anon(), "/auth/google/start", "").await).unwrap(), "provider_refused");
}

#[tokio::test]
async fn a_callback_counts_once() {
    let world = World::google().await;
    let browser = world.app.anon();
    let (cookie, authorize) = world.begin(&browser).await;
    let callback = world.stub.consent(&authorize);
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await), None);
    assert_eq!(error_of(&get(&browser, &callback, "fixpath_attempt=").await).unwrap(), "expired", "as the browser would repeat it");
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), "provider_refused", "with the cookie kept");
}

#[tokio::test]
async fn a_callback_counts_only_in_the_browser_and_the_time_of_its_attempt() {
    let world = World::google().await;
    let (victim, attacker) = (world.app.anon(), world.app.anon());
    let (cookie, authorize) = world.begin(&attacker).await;
    let callback = world.stub.consent(&authorize);
    assert_eq!(error_of(&get(&victim, &callback, "").await).unwrap(), "expired", "a browser without an attempt");
    let (own_cookie, _) = world.begin(&victim).await;
    assert_eq!(error_of(&get(&victim, &callback, &own_cookie).await).unwrap(), "expired", "a browser with another attempt");
    let no_state = callback.split("&state=").next().unwrap();
    assert_eq!(error_of(&get(&attacker, no_state, &cookie).await).unwrap(), "expired");
    let (payload, signature) = cookie.split_once('.').unwrap();
    let forged = format!("{payload}A.{signature}");
    assert_eq!(error_of(&get(&attacker, &callback, &forged).await).unwrap(), "expired", "a cookie that was changed");
    world.app.advance(TimeDelta::minutes(10));
    assert_eq!(error_of(&get(&attacker, &callback, &cookie).await).unwrap(), "expired", "too late");
    assert_eq!(world.users().await, 0);
}

#[tokio::test]
async fn an_attempt_at_one_provider_is_none_at_another() {
    let stub = Stub::new().await;
    let variables = [
        ("GOOGLE_CLIENT_ID", CLIENT),
        ("GOOGLE_CLIENT_SECRET", SECRET),
        ("GOOGLE_ISSUER", &stub.url),
        ("GITHUB_CLIENT_ID", CLIENT),
        ("GITHUB_CLIENT_SECRET", SECRET),
        ("GITHUB_BASE_URL", &stub.url),
    ];
    let world = World { app: TestApp::with(&variables).await, stub, provider: "google" };
    let browser = world.app.anon();
    let (cookie, authorize) = world.begin(&browser).await;
    let callback = world.stub.consent(&authorize).replace("/auth/google/", "/auth/github/");
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), "expired");
}

#[tokio::test]
async fn whoever_does_not_agree_is_back_without_being_signed_in() {
    let world = World::google().await;
    for (error, outcome) in
        [("access_denied", "cancelled"), ("temporarily_unavailable", "provider_unavailable"), ("invalid_scope", "provider_refused")]
    {
        let browser = world.app.anon();
        let (cookie, authorize) = world.begin(&browser).await;
        let state = query(&Url::parse(&authorize).unwrap())["state"].clone();
        let callback = format!("/auth/google/callback?error={error}&state={state}");
        assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), outcome);
        assert_eq!(error_of(&get(&browser, &callback, "").await).unwrap(), "expired", "nobody else can say so");
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_our_own_pages_only() {
    let world = World::github().await;
    let browser = world.app.anon();
    let start = async |page: &str| {
        let page: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        get(&browser, &format!("/auth/github/start?return_to={page}"), "").await
    };
    for page in [
        "https://evil.example/",
        "//evil.example",
        "\\\\evil.example",
        "http://localhost:3000@evil.example",
        "http://me:secret@localhost:3000/",
        "http://localhost:3001/",
        "https://localhost:3000/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://[",
    ] {
        assert_eq!(start(page).await.status, StatusCode::BAD_REQUEST, "{page}");
    }
    for (page, arrives) in
        [("/trees?tab=mine#top", "http://localhost:3000/trees?tab=mine"), ("http://localhost:3000/a", "http://localhost:3000/a")]
    {
        let begun = start(page).await;
        let callback = world.stub.consent(begun.header("location"));
        let signed_in = get(&browser, &callback, &begun.cookie()).await;
        assert_eq!(error_of(&signed_in), None);
        assert_eq!(signed_in.header("location").split('#').next().unwrap(), arrives);
    }
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

#[tokio::test]
async fn github_tells_who_it_is_through_its_api() {
    let world = World::github().await;
    let (_, viewer) = world.person(&world.sign_in().await).await;
    assert_eq!(viewer["user"]["username"], "ada-l");
    assert_eq!((&viewer["user"]["email"], &viewer["user"]["emailVerified"]), (&json!("ada@example.com"), &json!(true)));
    assert_eq!(viewer["user"]["signInMethods"], json!(["EMAIL_CODE", "GITHUB"]));
}

#[tokio::test]
async fn github_s_primary_address_must_be_verified() {
    let world = World::github().await;
    world.stub.set(|answers| answers.emails[1]["verified"] = false.into());
    assert_eq!(error_of(&world.sign_in().await).unwrap(), "email_not_verified");
    assert_eq!(world.users().await, 0);
}

#[tokio::test]
async fn github_s_refusals_and_failures_are_told_apart() {
    let world = World::github().await;
    let browser = world.app.anon();
    let (cookie, authorize) = world.begin(&browser).await;
    let callback = world.stub.consent(&authorize);
    world.stub.set(|answers| answers.status = Some(StatusCode::BAD_GATEWAY));
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), "provider_unavailable");
    world.stub.set(|answers| answers.status = None);
    world.stub.set(|answers| answers.person = json!({ "message": "something else" }));
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), "provider_refused", "no user in the answer");
    assert_eq!(error_of(&get(&browser, &callback, &cookie).await).unwrap(), "provider_refused", "a code that was used");
}

#[tokio::test]
async fn the_attempt_s_cookie_is_for_its_way_only_and_encrypted_on_the_way_in_production() {
    let world = World::github().await;
    let cookie_of = async |app: &TestApp| {
        let answer = get(&app.anon(), "/auth/github/start", "").await;
        set_cookies(&answer)[0].split_once("; ").unwrap().1.to_owned()
    };
    assert_eq!(cookie_of(&world.app).await, "HttpOnly; SameSite=Lax; Path=/auth; Max-Age=600");
    let production = [
        ("FIXPATH_ENV", "production"),
        ("PUBLIC_URL", "https://api.example.com"),
        ("GITHUB_CLIENT_ID", CLIENT),
        ("GITHUB_CLIENT_SECRET", SECRET),
    ];
    let app = TestApp::with(&production).await;
    assert_eq!(cookie_of(&app).await, "HttpOnly; SameSite=Lax; Path=/auth; Max-Age=600; Secure");
}

#[tokio::test]
async fn a_provider_that_is_not_configured_is_not_there() {
    let app = TestApp::new().await;
    for path in ["/auth/google/start", "/auth/github/callback", "/auth/nobody/start"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn attempts_count_as_requests_of_their_address() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "25"), ("GITHUB_CLIENT_ID", CLIENT), ("GITHUB_CLIENT_SECRET", SECRET)]).await;
    let browser = app.anon();
    for _ in 0..5 {
        assert_eq!(get(&browser, "/auth/github/start", "").await.status, StatusCode::SEE_OTHER);
    }
    let refused = get(&browser, "/auth/github/callback", "").await;
    assert_eq!((refused.status, refused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "12"));
}

#[test]
fn half_a_configuration_is_refused() {
    let refused = |variables: &'static [(&str, &str)]| {
        let source = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::read(&source).unwrap_err().0
    };
    assert_eq!(refused(&[("GOOGLE_CLIENT_ID", "x")]), "GOOGLE_CLIENT_ID needs GOOGLE_CLIENT_SECRET");
    assert_eq!(refused(&[("GITHUB_CLIENT_SECRET", "x")]), "GITHUB_CLIENT_SECRET needs GITHUB_CLIENT_ID");
    assert!(refused(&[("GOOGLE_ISSUER", "accounts.google.com")]).starts_with("GOOGLE_ISSUER must be an absolute http(s) URL"));
    assert_eq!(
        refused(&[("REDIS_URL", "http://:secret@example.com")]),
        "REDIS_URL must be a Redis URL such as redis://host:6379 or unix:///path/to/socket"
    );
}
