//! What is believed of what a provider says, and what happens when it says nothing.

use axum::http::StatusCode;
use serde_json::json;

use super::stub::{CLIENT, SECRET, Stub};
use super::{World, ada, error_of, get};
use crate::support::TestApp;
use crate::support::app::start;

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
