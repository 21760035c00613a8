//! How much one sender may ask for, and who counts as one sender.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use fixpath::clock::Clock;
use fixpath::config::Config;
use fixpath::error::{Code, Detail};
use fixpath::id::{AccountId, Id, UserId};
use fixpath::limits::{RateLimits, Sender};
use fixpath::metrics::Names;
use serde_json::json;

use super::support::app::start;
use super::support::stripe::{self, event, signed};
use super::support::{Actor, TestApp};

const HELLO: &str = "{ __typename }";

/// How many requests are answered before one is refused.
async fn answered(actor: &Actor) -> usize {
    for count in 0..1_000 {
        if actor.gql(HELLO, json!({})).await.status == StatusCode::TOO_MANY_REQUESTS {
            return count;
        }
    }
    panic!("no limit");
}

#[tokio::test]
async fn strangers_get_a_fifth_of_the_limit_and_more_with_time() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50")]).await;
    let anon = app.anon();
    assert_eq!(answered(&anon).await, 10);
    let refused = anon.gql(HELLO, json!({})).await;
    assert_eq!(refused.codes(), ["RATE_LIMITED"]);
    assert_eq!(refused.json()["errors"][0]["extensions"]["retryAfter"], 6);
    assert_eq!(refused.header("retry-after"), "6");
    app.advance(TimeDelta::seconds(6));
    assert_eq!(answered(&anon).await, 1);
    app.advance(TimeDelta::seconds(60));
    assert_eq!(answered(&anon).await, 10);
}

#[tokio::test]
async fn each_address_counts_by_itself_and_a_household_as_one() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50")]).await;
    assert_eq!(answered(&app.anon()).await, 10);
    assert_eq!(answered(&app.anon()).await, 10, "another address");
    let home = app.anon().at_address("2001:db8:1:2::1");
    assert_eq!(answered(&home).await, 10);
    assert_eq!(answered(&home.at_address("2001:db8:1:2:ffff::9")).await, 0, "the same /64");
    assert_eq!(answered(&home.at_address("2001:db8:1:3::1")).await, 10, "the next /64");
    let mapped = app.anon().at_address("::ffff:198.51.100.1");
    assert_eq!(answered(&mapped).await, 10);
    assert_eq!(answered(&mapped.at_address("198.51.100.1")).await, 0, "IPv4 in the clothes of IPv6");
}

#[tokio::test]
async fn a_forwarded_address_counts_only_behind_trusted_proxies() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50"), ("TRUSTED_PROXIES", "192.0.2.0/24, 2001:db8:ffff::/48")]).await;
    let proxy = app.anon().at_address("192.0.2.1");
    let one = proxy.header("x-forwarded-for", "203.0.113.1");
    assert_eq!(answered(&one).await, 10);
    assert_eq!(answered(&proxy.header("x-forwarded-for", "203.0.113.2")).await, 10, "another client of the proxy");
    assert_eq!(answered(&proxy.header("x-forwarded-for", "9.9.9.9, 203.0.113.1, 192.0.2.9")).await, 0, "the rightmost that is no proxy");
    assert_eq!(answered(&app.anon().at_address("203.0.113.1")).await, 0, "the same client, without a proxy");
    let liar = app.anon();
    assert_eq!(answered(&liar.header("x-forwarded-for", "203.0.113.77")).await, 10);
    assert_eq!(answered(&liar.header("x-forwarded-for", "203.0.113.78")).await, 0, "who is no proxy cannot choose an address");
}

/// A process's own allowances, with this clock.
fn limits(requests: &str, clock: &Clock) -> RateLimits {
    let variables = |name: &str| (name == "RATE_LIMIT_PER_MINUTE").then(|| requests.to_owned());
    RateLimits::new(&Config::read(&variables).unwrap(), clock).unwrap()
}

#[tokio::test]
async fn points_are_counted_beside_requests() {
    let limits = limits("300", &Clock::manual(start()));
    let sender = Sender::address(None);
    assert_eq!(limits.check_operation(sender, 5_000).await, Ok(()));
    assert_eq!(limits.check_operation(sender, 1_000).await, Ok(()));
    assert_eq!(limits.check_operation(sender, 500).await, Err(5), "6,000 a minute for strangers");
    assert_eq!(limits.check_operation(sender, 0).await, Ok(()));
}

#[tokio::test]
async fn attempts_to_sign_in_are_counted_by_address_and_by_login() {
    let clock = Clock::manual(start());
    let limits = limits("300", &clock);
    let address = |last: u8| Some([198, 51, 100, last].into());
    for _ in 0..5 {
        limits.check_login(address(1), "one@example.com").await.unwrap();
    }
    let refusal = limits.check_login(address(1), "two@example.com").await.unwrap_err();
    assert_eq!((refusal.code, refusal.detail), (Code::RateLimited, Detail::RetryAfter(12)));
    assert_eq!(refusal.message, "Too many attempts: 5 a minute are allowed; try again in 12 s.");
    let elsewhere = limits.check_login(address(2), " ONE@example.com").await.unwrap_err();
    assert_eq!(elsewhere.code, Code::RateLimited, "the same login from elsewhere");
    limits.check_login(address(2), "two@example.com").await.unwrap();
    clock.advance(TimeDelta::seconds(12));
    limits.check_login(address(1), "one@example.com").await.unwrap();
}

#[tokio::test]
async fn people_of_an_account_share_ten_times_what_one_of_them_has() {
    let limits = limits("5", &Clock::manual(start()));
    let (ours, theirs) = (AccountId::at(start()), AccountId::at(start()));
    for _ in 0..10 {
        let person = Sender::Person(UserId::at(start()), ours);
        for _ in 0..5 {
            assert_eq!(limits.check_request(person).await, Ok(()));
        }
        assert_eq!(limits.check_request(person).await, Err(12), "a person's own limit");
    }
    let eleventh = UserId::at(start());
    assert_eq!(limits.check_request(Sender::Person(eleventh, ours)).await, Err(2), "the account's limit");
    assert_eq!(limits.check_request(Sender::Person(eleventh, theirs)).await, Ok(()), "for another account");
}

#[tokio::test]
async fn who_was_quiet_for_long_is_forgotten_without_losing_count_of_others() {
    let clock = Clock::manual(start());
    let limits = limits("5", &clock);
    let sender = Sender::address(None);
    limits.check_request(sender).await.unwrap();
    limits.forget_quiet();
    assert_eq!(limits.check_request(sender).await, Err(60), "still counted");
    clock.advance(TimeDelta::seconds(61));
    limits.forget_quiet();
    assert_eq!(limits.check_request(sender).await, Ok(()));
}

#[test]
fn only_so_many_operation_names_get_numbers_of_their_own() {
    let names = Names::new(2);
    assert_eq!(["A", "B", "C", "A"].map(|name| names.label(name)), ["A", "B", "other", "A"]);
    assert_eq!(Names::new(2).label(&"x".repeat(61)), "other");
}

#[tokio::test]
async fn signed_in_people_have_the_whole_limit_wherever_they_are() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50")]).await;
    let owner = app.sign_up("owner").await;
    let me = "{ viewer { role } }";
    for count in 0..50 {
        let from = owner.at_address(&format!("198.51.100.{count}"));
        assert_eq!(from.ok(me, json!({})).await.str("viewer.role"), "OWNER");
    }
    assert_eq!(owner.gql(me, json!({})).await.codes(), ["RATE_LIMITED"]);
    let other = app.sign_up("other").await;
    other.ok(me, json!({})).await;
}

#[tokio::test]
async fn what_never_becomes_an_operation_counts_too() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50")]).await;
    let anon = app.anon();
    for _ in 0..10 {
        assert_eq!(anon.gql("{", json!({})).await.codes(), ["GRAPHQL_PARSE_FAILED"]);
    }
    assert_eq!(anon.gql("{", json!({})).await.codes(), ["RATE_LIMITED"]);
}

#[tokio::test]
async fn so_do_operations_that_come_by_the_wrong_way() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50")]).await;
    let anon = app.anon();
    for count in 0..10 {
        let answer = if count % 2 == 0 {
            anon.gql("subscription { billingUpdated { balance } }", json!({})).await
        } else {
            let request = Request::get("/graphql?query=mutation%7BsignOut%7BuserErrors%7Bcode%7D%7D%7D");
            anon.send(request.body(Body::empty()).unwrap()).await
        };
        assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(anon.gql(HELLO, json!({})).await.codes(), ["RATE_LIMITED"]);
}

#[tokio::test]
async fn a_mutation_beyond_the_limit_says_so_in_its_user_errors_and_does_nothing() {
    let app = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "50")]).await;
    let owner = app.sign_up("owner").await;
    let rename = "mutation($name: String!) { updateProfile(input: { firstName: $name }) {
        user { firstName } userErrors { code message ... on RateLimited { retryAfter } } } }";
    for count in 0..50 {
        let answer = owner.ok(rename, json!({ "name": format!("Name {count}") })).await;
        assert_eq!(answer.str("updateProfile.user.firstName"), format!("Name {count}"));
    }
    let refused = owner.ok(rename, json!({ "name": "One too many" })).await;
    let sentence = "Too much at once: try again in 2 s.";
    let expected = json!({ "user": null, "userErrors": [{ "code": "RATE_LIMITED", "message": sentence, "retryAfter": 2 }] });
    assert_eq!(refused.data("updateProfile"), expected);
    app.advance(TimeDelta::seconds(2));
    assert_eq!(owner.ok("{ viewer { user { firstName } } }", json!({})).await.str("viewer.user.firstName"), "Name 49");
}

#[tokio::test]
async fn stripe_s_deliveries_are_never_too_many_and_take_nothing_from_anybody() {
    let (app, _, _) = stripe::app_with(&[("RATE_LIMIT_PER_MINUTE", "10")]).await;
    let stripe = app.anon();
    for number in 0..40 {
        let body = event("account.updated", start().timestamp() + number, json!({ "id": "acct_1" })).to_string();
        let delivery = signed(body.as_bytes(), app.app.clock.now());
        assert_eq!(stripe.send(delivery).await.status, StatusCode::OK);
        // Nor are forged ones told to slow down: what Stripe sends meanwhile must get through.
        let mut forged = signed(b"{}", app.app.clock.now());
        *forged.uri_mut() = "/api/v1/webhooks/stripe".parse().unwrap();
        *forged.body_mut() = axum::body::Body::from("{ }");
        assert_eq!(stripe.send(forged).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(answered(&stripe).await, 2, "a stranger's whole allowance is still there");
}
