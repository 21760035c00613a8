//! Who may tell us anything: Stripe.

use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use fixpath::stripe::signature::{Forged, sign, verify};
use secrecy::SecretString;
use serde_json::json;

use crate::support::stripe::{self, signed};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from(*text)).collect()
}

#[test]
fn any_signature_with_any_secret_counts() {
    let body = br#"{"id":"evt_1"}"#;
    let (old, new) = (sign(&secrets(&["old"])[0], body, now()), sign(&secrets(&["new"])[0], body, now()));
    let v1_of = |header: &str| header.split_once("v1=").unwrap().1.to_owned();
    let both = format!("{old},v1={}", v1_of(&new));
    let reversed = format!("{new},v1={},v0=abc", v1_of(&old));
    for header in [&both, &reversed] {
        for known in [&["old"][..], &["new"], &["other", "new"], &["old", "other"]] {
            assert_eq!(verify(Some(header), body, &secrets(known), now()), Ok(()), "{header} {known:?}");
        }
        assert_eq!(verify(Some(header), body, &secrets(&["other"]), now()), Err(Forged::WrongSignature));
        assert_eq!(verify(Some(header), body, &[], now()), Err(Forged::WrongSignature));
    }
}

#[test]
fn what_is_forged_recorded_or_changed_is_refused() {
    let (body, secret) = (br#"{"id":"evt_1"}"#, secrets(&["secret"]));
    let header = sign(&secret[0], body, now());
    let seconds = TimeDelta::seconds;
    for (away, expected) in
        [(seconds(300), Ok(())), (seconds(-300), Ok(())), (seconds(301), Err(Forged::TooOld)), (seconds(-301), Err(Forged::TooOld))]
    {
        assert_eq!(verify(Some(&header), body, &secret, now() + away), expected, "{away}");
    }
    assert_eq!(verify(Some(&header), br#"{"id":"evt_2"}"#, &secret, now()), Err(Forged::WrongSignature));
    let other_time = header.replace("1800000000", "1800000001");
    assert_eq!(verify(Some(&other_time), body, &secret, now()), Err(Forged::WrongSignature));
    assert_eq!(verify(None, body, &secret, now()), Err(Forged::Unsigned));
    for unreadable in ["", "v1=abc", "t=x,v1=abc", "t=99999999999999999999,v1=00"] {
        assert_eq!(verify(Some(unreadable), body, &secret, now()), Err(Forged::Unreadable), "{unreadable}");
    }
    for unsigned in ["t=1800000000", "t=1800000000,v1=", "t=1800000000,v1=zz", "t=1800000000,v0=00"] {
        assert_eq!(verify(Some(unsigned), body, &secret, now()), Err(Forged::WrongSignature), "{unsigned}");
    }
}

/// Whoever knows no secret can send as many as a header holds: the body is read once for each secret of ours all the same.
#[test]
fn a_header_full_of_signatures_is_answered() {
    let (body, secrets) = (vec![b' '; 1024 * 1024], secrets(&["old", "new"]));
    let absurd = format!("t={}{}{}", now().timestamp(), ",v1=".repeat(100_000), format!(",v1={}", "00".repeat(32)).repeat(1_000));
    assert_eq!(verify(Some(&absurd), &body, &secrets, now()), Err(Forged::WrongSignature));
    let genuine = sign(&secrets[1], &body, now());
    assert_eq!(verify(Some(&format!("{absurd},{genuine}")), &body, &secrets, now()), Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_paths_take_deliveries_and_a_forged_one_leaves_nothing() {
    let (app, _owner, story) = stripe::app().await;
    let event = story.event("customer.subscription.created", 0, story.state("active", 0, &[]));
    let body = event.to_string();
    let forged = Request::post("/webhooks/stripe").header("stripe-signature", "t=1,v1=00").body(Body::from(body.clone())).unwrap();
    assert_eq!(app.send(forged).await.status, 400);
    let unsigned = Request::post("/webhooks/stripe").body(Body::from(body.clone())).unwrap();
    assert_eq!(app.send(unsigned).await.status, 400);
    assert_eq!(app.db_rows("SELECT 1 FROM stripe_events UNION ALL SELECT 1 FROM webhook_deliveries").await, json!([]));

    let mut other_path = signed(body.as_bytes(), app.app.clock.now());
    *other_path.uri_mut() = "/api/v1/webhooks/stripe".parse().unwrap();
    let answer = app.send(other_path).await;
    assert_eq!((answer.status.as_u16(), answer.json()["applied"].clone()), (200, json!(true)), "{}", answer.text());
    app.expect(&event, "duplicate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_nonsense_is_refused_and_odd_events_are_not() {
    let (app, _owner, _story) = stripe::app().await;
    let send = async |body: &[u8]| app.send(signed(body, app.app.clock.now())).await.status.as_u16();
    assert_eq!(send(b"").await, 400);
    assert_eq!(send(b"not json").await, 400);
    assert_eq!(send(br#"{"id":"evt_1"}"#).await, 400);
    assert_eq!(send(b"\xff\xfe").await, 400);
    assert_eq!(send(&vec![b' '; 1024 * 1024 + 1]).await, 413);

    for (number, odd) in [
        json!({ "type": "nobody.knows.this" }),
        json!({ "type": "customer.subscription.updated" }),
        json!({ "type": "customer.subscription.updated", "data": null }),
        json!({ "type": "invoice.paid", "data": { "object": [] } }),
        json!({ "type": "charge.succeeded", "data": { "object": { "id": 7 } }, "created": "soon", "livemode": "no" }),
        json!({ "type": "refund.created", "data": { "object": { "id": "re_1" } } }),
        json!({ "type": "nul", "data": { "object": { "id": "a\u{0}b", "customer": "c\u{0}" } } }),
        json!({ "type": "checkout.session.completed", "data": { "object": { "id": "cs_1", "customer": null } } }),
    ]
    .into_iter()
    .enumerate()
    {
        app.expect(&stripe::with(odd, &[("/id", json!(format!("evt_odd_{number}")))]), "ignored").await;
    }
    let other_mode = stripe::with(stripe::event("customer.updated", 0, json!({ "id": "cus_a" })), &[("/livemode", json!(true))]);
    let reason = app.expect(&other_mode, "ignored").await;
    assert!(reason.contains("other mode"), "{reason}");
}
