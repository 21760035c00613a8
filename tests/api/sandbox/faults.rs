//! Misbehaviour on purpose.

use fixpath::config::Environment;
use fixpath::stripe::sandbox::faults::Fault;
use fixpath::stripe::sandbox::{Options, Sandbox};
use reqwest::Method;

use super::shop::{Shop, start};

#[tokio::test]
async fn faults_happen_before_or_after_the_effect() {
    let shop = Shop::open().await;
    let count = |shop: &Shop| shop.sandbox.world(|world| world.all("customer").count());
    for (fault, status, made) in [
        (Fault::RateLimited, Some(429), 0),
        (Fault::ServerError, Some(500), 0),
        (Fault::ServerErrorAfter, Some(500), 1),
        (Fault::Reset, None, 0),
        (Fault::ResetAfter, None, 1),
    ] {
        let before = count(&shop);
        shop.sandbox.plan_fault(fault, "/v1/customers", 1);
        let write = || shop.request(Method::POST, "customers").header("idempotency-key", format!("{fault:?}")).form(&[("name", "x")]);
        let answer = write().send().await;
        assert_eq!(answer.ok().map(|answer| answer.status().as_u16()), status, "{fault:?}");
        assert_eq!(count(&shop) - before, made, "{fault:?}");
        // The client tries again with the same key.
        assert_eq!(shop.send(write()).await.status, 200);
        assert_eq!(count(&shop) - before, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn two_requests_with_one_key_at_the_same_time_conflict() {
    let shop = Shop::open().await;
    shop.sandbox.plan_fault(Fault::Slow, "/v1/customers", 1);
    let write = || shop.request(Method::POST, "customers").header("idempotency-key", "same").form(&[("name", "x")]);
    let (one, other) = tokio::join!(shop.send(write()), shop.send(write()));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn it_refuses_to_run_in_production() {
    let options = Options { environment: Environment::Production, ..Options::default() };
    assert!(Sandbox::start(fixpath::clock::Clock::manual(start()), options).await.is_err());
}
