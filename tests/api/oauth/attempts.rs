//! An attempt to sign in elsewhere: where it may begin and end, in which browser, and how often it counts.

use axum::http::StatusCode;
use chrono::TimeDelta;
use fixpath::config::Config;
use url::Url;

use super::stub::{CLIENT, SECRET, Stub, query};
use super::{World, error_of, get, set_cookies};
use crate::support::TestApp;

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
