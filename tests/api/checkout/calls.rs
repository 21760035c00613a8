//! Calls of Stripe's API: repeated when that may help, counted once, given up in time.

use std::time::{Duration, Instant};

use fixpath::clock::Clock;
use fixpath::config::Config;
use fixpath::stripe::client::{Client, StripeError};
use fixpath::stripe::sandbox::faults::Fault;
use fixpath::stripe::sandbox::versions::Version;
use fixpath::stripe::sandbox::{Options, Sandbox};
use stripe_core::customer::{CreateCustomer, ListCustomer, RetrieveCustomer};

use crate::support::app::start;

async fn stripe() -> (Sandbox, Client) {
    let sandbox = Sandbox::start(Clock::manual(start()), Options { seed: 3, ..Options::default() }).await.unwrap();
    let client = client(sandbox.base_url());
    (sandbox, client)
}

fn client(base: &str) -> Client {
    let variables = [("STRIPE_SECRET_KEY", "sk_test_sandbox"), ("STRIPE_WEBHOOK_SECRET", "whsec_x"), ("STRIPE_API_BASE", base)];
    let source = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Client::new(&Config::read(&source).unwrap().stripe).unwrap()
}

const EVERY_FAULT: [Fault; 6] =
    [Fault::RateLimited, Fault::Busy, Fault::ServerError, Fault::ServerErrorAfter, Fault::Reset, Fault::ResetAfter];

#[tokio::test(flavor = "multi_thread")]
async fn a_write_counts_once_whatever_happens_on_the_way() {
    let (sandbox, client) = stripe().await;
    for (number, fault) in EVERY_FAULT.into_iter().enumerate() {
        sandbox.plan_fault(fault, "/v1/customers", 1);
        let request = CreateCustomer::new().email("ann@example.com");
        let answer = client.write("create_customer", &request, &format!("key {number}")).await.unwrap();
        assert!(answer.body["id"].as_str().unwrap().starts_with("cus_"), "{fault:?}");
        assert_eq!(sandbox.world(|world| world.all("customer").count()), number + 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_in_another_order_are_the_same_request() {
    let (sandbox, client) = stripe().await;
    for _ in 0..8 {
        // A map of eight: its order is another one each time.
        let metadata = ('a'..='h').map(|letter| (letter.to_string(), "1".to_owned())).collect::<std::collections::HashMap<_, _>>();
        client.write("create_customer", &CreateCustomer::new().metadata(metadata), "one key").await.unwrap();
    }
    assert_eq!(sandbox.world(|world| world.all("customer").count()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_answer_and_is_not_repeated() {
    let (sandbox, client) = stripe().await;
    let Err(StripeError::Refused(refused)) = client.read("retrieve_customer", &RetrieveCustomer::new("cus_none")).await else {
        panic!("there is no such customer")
    };
    assert!(refused.is_missing() && refused.status == 404, "{refused:?}");
    assert_eq!(sandbox.requests("GET", "/v1/customers"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_up_after_three_tries_stops_asking_after_five_calls_and_begins_again_after_a_while() {
    let (sandbox, client) = stripe().await;
    sandbox.plan_fault(Fault::ServerError, "/v1/customers", 15);
    for _ in 0..5 {
        let answer = client.read("retrieve_customer", &RetrieveCustomer::new("cus_1")).await;
        assert!(matches!(answer, Err(StripeError::Unavailable(_))));
    }
    assert_eq!(sandbox.requests("GET", "/v1/customers"), 15);
    let started = Instant::now();
    assert!(matches!(client.read("retrieve_customer", &RetrieveCustomer::new("cus_1")).await, Err(StripeError::Unavailable(_))));
    assert!(started.elapsed() < Duration::from_millis(100), "the breaker is open");
    assert_eq!(sandbox.requests("GET", "/v1/customers"), 15, "nobody was asked");
    tokio::time::sleep(Duration::from_secs(10)).await;
    for asked in [16, 17] {
        let answer = client.read("retrieve_customer", &RetrieveCustomer::new("cus_1")).await;
        assert!(matches!(answer, Err(StripeError::Refused(_))), "Stripe answers again: {answer:?}");
        assert_eq!(sandbox.requests("GET", "/v1/customers"), asked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_had_no_time_to_wait_does_not_say_that_stripe_is_away() {
    let (sandbox, client) = stripe().await;
    sandbox.plan_fault(Fault::Slow, "/v1/customers", 6);
    let call = async || client.read("retrieve_customer", &RetrieveCustomer::new("cus_1")).await;
    for _ in 0..6 {
        let answer = fixpath::deadline::within(Duration::from_millis(200), call()).await.expect("in time");
        assert!(matches!(answer, Err(StripeError::Unavailable(_))), "{answer:?}");
    }
    assert!(matches!(call().await, Err(StripeError::Refused(_))), "it is asked, and answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_stripe_keeps_is_not_asked_for_again() {
    let (sandbox, client) = stripe().await;
    sandbox.plan_fault(Fault::ServerErrorKept, "/v1/customers", 1);
    for tries in [2, 3] {
        let answer = client.write("create_customer", &CreateCustomer::new(), "key").await;
        assert!(matches!(answer, Err(StripeError::Kept(_))), "{answer:?}");
        assert_eq!(sandbox.requests("POST", "/v1/customers"), tries);
    }
    client.write("create_customer", &CreateCustomer::new(), "another key").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_at_most_twenty_times_a_second() {
    let (_sandbox, client) = stripe().await;
    let started = Instant::now();
    let calls = (0..30).map(|_| async { client.read("retrieve_customer", &RetrieveCustomer::new("cus_1")).await });
    futures_util::future::join_all(calls).await;
    // Twenty at once, ten more at fifty milliseconds each.
    assert!(started.elapsed() >= Duration::from_millis(450), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_deliveries_are_counted_by_name_and_end() {
    let shop = crate::support::shop::Shop::open().await;
    shop.subscribe(serde_json::json!({})).await;
    let text = shop.app.get("/metrics").await.text();
    for line in [
        r#"stripe_requests_total{operation="create_checkout_session",outcome="ok"}"#,
        r#"stripe_request_seconds_count{operation="create_checkout_session"}"#,
        r#"stripe_deliveries_total{outcome="completed"}"#,
    ] {
        assert!(text.contains(line), "{line} is not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_to_their_end() {
    let (sandbox, client) = stripe().await;
    for number in 0..7 {
        client.write("create_customer", &CreateCustomer::new(), &number.to_string()).await.unwrap();
    }
    let page = |after: Option<&str>| {
        let request = ListCustomer::new().limit(3);
        match after {
            Some(after) => request.starting_after(after),
            None => request,
        }
    };
    let all = client.list("list_customers", page).await.unwrap();
    let mut ids: Vec<_> = all.iter().map(|customer| customer["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7);
    assert_eq!(sandbox.requests("GET", "/v1/customers"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_account_answers_in_old_shapes_and_is_understood() {
    let (sandbox, client) = stripe().await;
    sandbox.set_version(Version::parse("2020-08-27").unwrap());
    let answer = client.write("create_customer", &CreateCustomer::new().email("ann@example.com"), "k").await.unwrap();
    assert_eq!(answer.body["email"], "ann@example.com");
    assert_eq!(answer.until.timestamp(), start().timestamp(), "in Stripe's time");
}
