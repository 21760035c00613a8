//! Subscriptions that are read again.

use fixpath::billing::jobs::{self, BillingJob};
use fixpath::stripe::sandbox::faults::Fault;
use serde_json::json;

use crate::support::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn two_who_read_one_subscription_at_once_ask_once() {
    let shop = Shop::open().await;
    let id = shop.subscribe(json!({})).await;
    shop.app.db_execute("UPDATE subscriptions SET needs_refetch = true WHERE provider = 'stripe'").await;
    let path = format!("/v1/subscriptions/{id}");
    let reads = shop.sandbox.requests("GET", &path);
    // Both have begun before the first one has its answer.
    shop.sandbox.plan_fault(Fault::Slow, &format!("GET {path}"), 2);
    let job = BillingJob::Refetch { subscription: id };
    let (one, other) = tokio::join!(jobs::run(&shop.app.app, &job), jobs::run(&shop.app.app, &job));
    assert!(one.is_ok() && other.is_ok(), "{one:?}, {other:?}");
    assert_eq!(shop.sandbox.requests("GET", &path), reads + 1);
    assert_eq!(shop.app.db_value("SELECT needs_refetch FROM subscriptions WHERE provider = 'stripe'").await, false);
    shop.settle().await;
}
