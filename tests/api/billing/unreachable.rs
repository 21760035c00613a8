//! Rule 13: while Stripe is away, everything that does not need it goes on.

use std::time::Instant;

use fixpath::stripe::client::StripeError;
use serde_json::json;
use stripe_billing::subscription::RetrieveSubscription;

use crate::support::stripe;

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_applied_and_reads_work() {
    let (app, owner, story) = stripe::app().await;
    app.expect(&story.event("customer.subscription.created", 0, story.state("active", 0, &[])), "completed").await;
    app.expect(&story.event("invoice.paid", 0, story.invoice("paid", 0, &[])), "completed").await;
    assert_eq!(owner.ok("{ viewer { account { name } } }", json!({})).await.data("viewer.account.name"), json!("owner's account"));
    app.run_jobs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_fail_soon_and_then_at_once() {
    let (app, _owner, _story) = stripe::app().await;
    let call = async || app.app.stripe.read("retrieve_subscription", &RetrieveSubscription::new("sub_1")).await;
    for _ in 0..5 {
        assert!(matches!(call().await, Err(StripeError::Unavailable(_))));
    }
    let started = Instant::now();
    let Err(StripeError::Unavailable(cause)) = call().await else { panic!("the breaker is open") };
    assert!(started.elapsed().as_millis() < 50 && cause.contains("lately"), "{cause}");
}
