//! The ordering rule against lives of subscriptions that the sandbox's state machine has made: whatever the order of arrival, what is
//! stored in the end is the truth, or is known to be in doubt; and once it is read again, it is the truth.

use chrono::{DateTime, TimeDelta};
use std::collections::BTreeSet;

use fixpath::billing::ordering::{Order, Trust, Version, decide};
use fixpath::billing::subscription::Status;
use fixpath::clock::Clock;
use fixpath::stripe::sandbox::history::{self, Told};
use fixpath::stripe::sandbox::versions::Version as Shape;
use fixpath::stripe::sandbox::{Options, Sandbox};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::start;
use crate::support::stripe::{SECRET, Story};

/// Up to this many events, every order is tried: 24 orders.
const ALL_ORDERS: usize = 4;
/// Of more events, so many random orders.
const SOME_ORDERS: usize = 5;

fn life(seed: u64) -> Told {
    history::random(&mut StdRng::seed_from_u64(seed)).run()
}

/// The subscription's own events as they are delivered, in the order of happening.
fn own_events(told: &Told) -> Vec<Value> {
    let about = |event: &Value| event["data"]["object"]["id"] == json!(told.subscription);
    told.payloads(&Shape::default()).into_iter().filter(about).collect()
}

fn version(event: &Value) -> Version<'_> {
    let at = DateTime::from_timestamp(event["created"].as_i64().unwrap(), 0).unwrap();
    let object = &event["data"]["object"];
    Version {
        from: at,
        until: at,
        event_id: event["id"].as_str(),
        first: event["type"] == "customer.subscription.created",
        status: object["status"].as_str().and_then(Status::read),
        previous: event["data"].get("previous_attributes").filter(|previous| !previous.is_null()),
        object,
    }
}

/// What is stored after these arrivals, and whether it is in doubt.
fn stored<'a>(arrivals: &[&'a Value]) -> (&'a Value, bool) {
    let (mut kept, mut trust) = (arrivals[0], Trust::default());
    // The ledger lets each event in once.
    let mut ledger = BTreeSet::from([kept["id"].as_str()]);
    for arriving in &arrivals[1..] {
        if !ledger.insert(arriving["id"].as_str()) {
            continue;
        }
        let (order, then) = decide(&version(kept), trust, &version(arriving));
        trust = then;
        if matches!(order, Order::Later | Order::Undecided { take: true }) {
            kept = arriving;
        }
    }
    (kept, trust.doubtful)
}

/// What counts of a state. An invoice that changes nothing else is told by no event of the subscription.
fn shown(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().shift_remove("latest_invoice");
    object
}

fn orders<'a>(events: &'a [Value], rng: &mut StdRng) -> Vec<Vec<&'a Value>> {
    let all: Vec<&Value> = events.iter().collect();
    if all.len() <= ALL_ORDERS {
        return permutations(&all);
    }
    let mut orders = Vec::new();
    for _ in 0..SOME_ORDERS {
        let mut order = all.clone();
        // Some come twice.
        order.extend(events.iter().filter(|_| rng.random_bool(0.2)));
        order.shuffle(rng);
        orders.push(order);
    }
    orders
}

fn permutations<'a>(items: &[&'a Value]) -> Vec<Vec<&'a Value>> {
    if items.len() <= 1 {
        return vec![items.to_vec()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(index);
        for mut tail in permutations(&rest) {
            tail.insert(0, first);
            all.push(tail);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_stored_is_the_truth_or_in_doubt(seed: u64) {
        let told = life(seed);
        let events = own_events(&told);
        let truth = shown(&events.last().unwrap()["data"]["object"]);
        let mut rng = StdRng::seed_from_u64(seed);
        for order in orders(&events, &mut rng) {
            let (kept, doubtful) = stored(&order);
            let right = shown(&kept["data"]["object"]) == truth;
            let names: Vec<_> = order.iter().map(|event| events.iter().position(|known| known == *event).unwrap()).collect();
            prop_assert!(right || doubtful, "seed {seed}, order {names:?}: {} was kept and nobody doubts it", kept["id"]);
        }
    }
}

/// Most is decided by the events alone: reading again is the exception.
#[test]
fn without_bursts_nothing_is_in_doubt_and_with_them_little() {
    let (mut all, mut doubted) = (0, 0);
    for seed in 0..500 {
        let told = life(seed);
        let events = own_events(&told);
        let bursts = events.windows(2).any(|pair| pair[0]["created"] == pair[1]["created"]);
        let mut rng = StdRng::seed_from_u64(seed);
        for order in orders(&events, &mut rng).into_iter() {
            let (_, doubtful) = stored(&order);
            assert!(bursts || !doubtful, "seed {seed}: no two events share a second");
            all += 1;
            doubted += usize::from(doubtful);
        }
    }
    assert!(doubted * 2 < all, "{doubted} of {all} orders end in doubt");
}

/// A sandbox whose world can be put in place, and an app that reads from it.
async fn connected() -> (TestApp, Sandbox) {
    let options = Options { seed: 1, webhook_secrets: vec![SECRET.to_owned()], ..Options::default() };
    let sandbox = Sandbox::start(Clock::manual(start()), options).await.unwrap_or_else(|error| panic!("{error:?}"));
    sandbox.freeze(true);
    let variables = [
        ("STRIPE_SECRET_KEY", sandbox.secret_key().to_owned()),
        ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
        ("STRIPE_API_BASE", sandbox.base_url().to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    (TestApp::with(&variables).await, sandbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_lives_over_http_end_in_the_truth() {
    let (app, sandbox) = connected().await;
    for seed in 0..200 {
        let told = life(seed);
        let mut rng = StdRng::seed_from_u64(seed);
        for (price, plan) in told.prices.iter().zip(["starter", "pro", "enterprise"]) {
            app.db_execute(&format!(
                "UPDATE plan_prices SET provider_price_id = '{price}' FROM plans \
                 WHERE plans.id = plan_id AND plans.key = '{plan}' AND interval = 'month'"
            ))
            .await;
        }
        let account = super::permutations::account(&app).await;
        let story = Story { customer: told.customer.clone(), subscription: told.subscription.clone(), begin: 0 };
        story.link(&app, account).await;

        let events = told.payloads(&Shape::default());
        let mut arrivals: Vec<&Value> = events.iter().chain(events.iter().filter(|_| rng.random_bool(0.2))).collect();
        arrivals.shuffle(&mut rng);
        let truth = told.truth();
        let (prices, subscription) = (told.prices.clone(), told.subscription.clone());
        sandbox.world(|world| {
            *world = told.world;
            // What is read now is later than what was told.
            world.now += 5;
        });
        // Two at a time, as two processes would take them.
        for pair in arrivals.chunks(2) {
            let answers = futures_util::future::join_all(pair.iter().map(|event| app.deliver(event))).await;
            for answer in answers {
                assert_eq!(answer.status, 200, "seed {seed}: {}", answer.text());
            }
        }
        // Reading again waits until the second is over.
        app.advance(TimeDelta::seconds(3));
        app.run_jobs().await;

        let row = app
            .db_rows(&format!(
                "SELECT s.status, s.seats, p.key AS plan, s.collection_paused, s.needs_refetch, \
                 extract(epoch FROM s.cancel_at)::bigint AS cancel_at, extract(epoch FROM s.ended_at)::bigint AS ended_at \
                 FROM subscriptions s JOIN plans p ON p.id = s.plan_id WHERE s.provider_subscription_id = '{subscription}'"
            ))
            .await;
        let item = &truth["items"]["data"][0];
        let plan = prices.iter().position(|price| item["price"]["id"] == json!(price)).map(|index| ["starter", "pro", "enterprise"][index]);
        let cancel_at = if truth["cancel_at"].is_null() && truth["cancel_at_period_end"] == json!(true) {
            item["current_period_end"].clone()
        } else {
            truth["cancel_at"].clone()
        };
        let expected = json!([{
            "status": truth["status"], "seats": item["quantity"], "plan": plan, "collection_paused": !truth["pause_collection"].is_null(),
            "needs_refetch": false, "cancel_at": cancel_at, "ended_at": truth["ended_at"],
        }]);
        assert_eq!(row, expected, "seed {seed}");
    }
    let paid_twice = "SELECT provider_invoice_id FROM payments GROUP BY 1 HAVING count(*) > 1";
    assert_eq!(app.db_rows(paid_twice).await, json!([]), "one payment for each invoice");
    let unwell = "SELECT event_id, type, status, last_error FROM webhook_deliveries WHERE status IN ('failed', 'dead', 'parked')";
    assert_eq!(app.db_rows(unwell).await, json!([]));
}
