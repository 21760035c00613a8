//! The ordering rule against lives of subscriptions that the sandbox's state machine has made: whatever the order of arrival, whatever is
//! lost or fails and comes again, what is stored in the end is the truth, or is known to be in doubt; and once it is read again, it is
//! the truth.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use fixpath::billing::jobs::BillingJob;
use fixpath::billing::ordering::{Order, Trust, Version, decide};
use fixpath::billing::subscription::Status;
use fixpath::clock::Clock;
use fixpath::jobs::Job;
use fixpath::stripe::sandbox::faults::Fault;
use fixpath::stripe::sandbox::history::{self, Told};
use fixpath::stripe::sandbox::versions::Version as Shape;
use fixpath::stripe::sandbox::{Options, Sandbox};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::start;
use crate::support::proxy::Proxy;
use crate::support::stripe::{SECRET, Story};

/// On the pure function.
const LIVES: u32 = 5_000;
/// Over HTTP.
const DELIVERED: u64 = 200;
/// Of these so many at the same time, in one world.
const TOGETHER: u64 = 25;
/// Up to this many events, every order is tried: 24 orders.
const ALL_ORDERS: usize = 4;
/// Of more events, so many random orders.
const SOME_ORDERS: usize = 5;
const PLANS: [&str; 3] = ["starter", "pro", "enterprise"];

fn life(seed: u64) -> Told {
    history::random(&mut StdRng::seed_from_u64(seed)).run()
}

/// A subscription's own events in the order of happening, and what is true in the end.
struct Life {
    events: Vec<Value>,
    truth: Value,
    /// When that is read: some seconds after the last event.
    read_at: DateTime<Utc>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let told = life(seed);
        let events = told.events().into_iter().map(|event| event.render(&told.world, &Shape::default())).collect();
        Self { events, truth: told.truth(), read_at: DateTime::from_timestamp(told.world.now + 5, 0).unwrap() }
    }

    fn versions(&self) -> Vec<Version<'_>> {
        self.events.iter().map(version).collect()
    }

    /// What a refetch finds.
    fn read(&self) -> Version<'_> {
        let status = self.truth["status"].as_str().and_then(Status::read);
        let (from, until) = (self.read_at, self.read_at);
        Version { from, until, event_id: None, first: false, status, previous: None, object: &self.truth }
    }

    /// Which events show what is true in the end.
    fn right(&self) -> BTreeSet<&str> {
        let truth = shown(&self.truth);
        let right = self.events.iter().filter(|event| shown(&event["data"]["object"]) == truth);
        right.map(|event| event["id"].as_str().unwrap()).collect()
    }
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
fn stored<'a>(arrivals: &[Version<'a>]) -> (Version<'a>, bool) {
    let (mut kept, mut trust) = (arrivals[0], Trust::default());
    // The ledger lets each event in once.
    let mut ledger = BTreeSet::from([kept.event_id]);
    for arriving in &arrivals[1..] {
        if arriving.event_id.is_some() && !ledger.insert(arriving.event_id) {
            continue;
        }
        let (order, then) = decide(&kept, trust, arriving);
        trust = then;
        if matches!(order, Order::Later | Order::Undecided { take: true }) {
            kept = *arriving;
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

/// Every order of a few events. Of many, some that chance makes: shuffled, some twice, and some lost at first or failing, which comes to
/// the same here: a transaction that fails leaves no trace, so whoever comes again comes for the first time.
fn orders<'a>(events: &[Version<'a>], rng: &mut StdRng) -> Vec<Vec<Version<'a>>> {
    if events.len() <= ALL_ORDERS {
        return permutations(events);
    }
    let mut orders = Vec::new();
    for _ in 0..SOME_ORDERS {
        let mut order = events.to_vec();
        order.extend(events.iter().filter(|_| rng.random_bool(0.2)));
        order.shuffle(rng);
        let (missed, mut arrived): (Vec<_>, Vec<_>) = order.into_iter().partition(|_| rng.random_bool(0.15));
        arrived.extend(missed);
        orders.push(arrived);
    }
    orders
}

fn permutations<'a>(items: &[Version<'a>]) -> Vec<Vec<Version<'a>>> {
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

/// Returns where the life has ended.
fn check(seed: u64) -> Result<String, TestCaseError> {
    let life = Life::new(seed);
    let (events, right) = (life.versions(), life.right());
    let mut rng = StdRng::seed_from_u64(seed);
    for mut order in orders(&events, &mut rng) {
        let (kept, doubtful) = stored(&order);
        let told = |order: &[Version<'_>]| order.iter().map(|arrival| arrival.event_id.unwrap_or("READ").to_owned()).collect::<Vec<_>>();
        let is_right = kept.event_id.is_some_and(|id| right.contains(id));
        prop_assert!(is_right || doubtful, "seed {seed}, {:?}: {:?} was kept and nobody doubts it", told(&order), kept.event_id);
        // Read again while some are still on their way.
        order.insert(rng.random_range(1..=order.len()), life.read());
        let (kept, doubtful) = stored(&order);
        let is_right = kept.event_id.is_none_or(|id| right.contains(id));
        prop_assert!(is_right && !doubtful, "seed {seed}, {:?}: {:?} was kept, in doubt: {doubtful}", told(&order), kept.event_id);
    }
    Ok(life.truth["status"].as_str().unwrap_or_default().to_owned())
}

/// The words for where a subscription stands.
fn statuses(told: &Told) -> impl Iterator<Item = String> {
    told.events().into_iter().filter_map(|event| event.object["status"].as_str().map(str::to_owned))
}

fn all_statuses() -> BTreeSet<String> {
    Status::ALL.into_iter().map(String::from).collect()
}

#[test]
fn what_is_stored_is_the_truth_or_in_doubt_and_once_read_again_the_truth() {
    let (ends, threads) = (Mutex::new(BTreeSet::new()), threads());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let config = Config { cases: LIVES.div_ceil(threads), failure_persistence: None, ..Config::default() };
                let check = |seed| {
                    let end = check(seed)?;
                    ends.lock().unwrap().insert(end);
                    Ok(())
                };
                TestRunner::new(config).run(&any::<u64>(), check).unwrap_or_else(|error| panic!("{error}"));
            });
        }
    });
    assert_eq!(ends.into_inner().unwrap(), all_statuses(), "some life ends in each status");
}

fn threads() -> u32 {
    std::thread::available_parallelism().map_or(2, |threads| u32::try_from(threads.get()).unwrap())
}

/// Most is decided by the events alone: reading again is the exception.
#[test]
fn without_bursts_nothing_is_in_doubt_and_with_them_little() {
    let (mut all, mut doubted) = (0, 0);
    for seed in 0..500 {
        let life = Life::new(seed);
        let events = life.versions();
        let bursts = events.windows(2).any(|pair| pair[0].from == pair[1].from);
        let mut rng = StdRng::seed_from_u64(seed);
        for order in orders(&events, &mut rng) {
            let (_, doubtful) = stored(&order);
            assert!(bursts || !doubtful, "seed {seed}: no two events share a second");
            all += 1;
            doubted += usize::from(doubtful);
        }
    }
    assert!(doubted * 2 < all, "{doubted} of {all} orders end in doubt");
}

/// A sandbox whose world can be put in place, and an app that reads from it and whose connections can be cut.
async fn connected() -> (TestApp, Sandbox, Proxy) {
    let options = Options { seed: 1, webhook_secrets: vec![SECRET.to_owned()], ..Options::default() };
    let sandbox = Sandbox::start(Clock::manual(start()), options).await.unwrap_or_else(|error| panic!("{error:?}"));
    sandbox.freeze(true);
    let variables = [
        ("STRIPE_SECRET_KEY", sandbox.secret_key().to_owned()),
        ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
        ("STRIPE_API_BASE", sandbox.base_url().to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let proxy = Proxy::start().await;
    (TestApp::on(proxy.database(), &variables).await, sandbox, proxy)
}

/// The events of one life on their way, and how they fare.
struct Way {
    rng: StdRng,
    events: Vec<Value>,
    /// Those whose attempt has failed, left to our own retries until Stripe comes again.
    left: Vec<Value>,
    failed: usize,
}

impl Way {
    fn new(seed: u64, told: &Told) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut events = told.payloads(&Shape::default());
        let doubles: Vec<Value> = events.iter().filter(|_| rng.random_bool(0.2)).cloned().collect();
        events.extend(doubles);
        events.shuffle(&mut rng);
        Self { rng, events, left: Vec::new(), failed: 0 }
    }

    /// Two at a time, as two processes would take them. Some are lost on the way; some meet a connection that ends at any statement, or
    /// after the commit. What was not taken comes again.
    async fn go(&mut self, app: &TestApp, proxy: &Proxy) {
        let mut waiting: VecDeque<Value> = std::mem::take(&mut self.events).into();
        while !waiting.is_empty() {
            let pair: Vec<Value> = (0..2).filter_map(|_| waiting.pop_front()).collect();
            match self.rng.random_range(0..10) {
                0 => proxy.cut_at(self.rng.random_range(1..40)),
                1 => proxy.cut_after_commit(),
                2 => {
                    // Lost.
                    waiting.extend(pair);
                    continue;
                }
                _ => {}
            }
            let answers = futures_util::future::join_all(pair.iter().map(|event| app.deliver(event))).await;
            for (event, answer) in pair.into_iter().zip(answers) {
                match answer.status.as_u16() {
                    200 => {}
                    500 | 503 => {
                        self.failed += 1;
                        if self.rng.random_bool(0.5) { self.left.push(event) } else { waiting.push_back(event) }
                    }
                    status => panic!("{status}: {}", answer.text()),
                }
            }
        }
    }
}

/// The rows by subscription.
async fn rows(app: &TestApp) -> BTreeMap<String, Value> {
    let rows = app
        .db_rows(
            "SELECT provider_subscription_id AS id, s.status, s.seats, p.key AS plan, s.collection_paused, s.needs_refetch, \
             extract(epoch FROM s.cancel_at)::bigint AS cancel_at, extract(epoch FROM s.ended_at)::bigint AS ended_at \
             FROM subscriptions s JOIN plans p ON p.id = s.plan_id",
        )
        .await;
    rows.as_array().unwrap().iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone())).collect()
}

/// The row that the truth makes.
fn expected(told: &Told) -> Value {
    let truth = told.truth();
    let item = &truth["items"]["data"][0];
    let plan = told.prices.iter().position(|price| item["price"]["id"] == json!(price)).map(|index| PLANS[index]);
    let cancel_at = if truth["cancel_at"].is_null() && truth["cancel_at_period_end"] == json!(true) {
        item["current_period_end"].clone()
    } else {
        truth["cancel_at"].clone()
    };
    json!({
        "id": told.subscription, "status": truth["status"], "seats": item["quantity"], "plan": plan,
        "collection_paused": !truth["pause_collection"].is_null(), "needs_refetch": false, "cancel_at": cancel_at, "ended_at": truth["ended_at"],
    })
}

/// Says what Stripe calls the prices of this life, and whose customer it is.
async fn introduce(app: &TestApp, told: &Told) {
    for (price, plan) in told.prices.iter().zip(PLANS) {
        app.db_execute(&format!(
            "INSERT INTO plan_prices (id, plan_id, interval, unit_amount, currency, provider_price_id, retired_at, created_at) \
             SELECT gen_random_uuid(), id, 'month', 100, 'USD', '{price}', now(), now() FROM plans WHERE key = '{plan}'"
        ))
        .await;
    }
    let account = super::permutations::account(app).await;
    Story { customer: told.customer.clone(), subscription: told.subscription.clone(), begin: 0 }.link(app, account).await;
}

/// Whatever Stripe answers while subscriptions are read again.
fn trouble(sandbox: &Sandbox, rng: &mut StdRng) {
    let faults = [Fault::ServerError, Fault::Reset, Fault::RateLimited];
    // As often as a call is repeated, so that the job fails, too.
    sandbox.plan_fault(*faults.choose(rng).unwrap(), "/v1/subscriptions", rng.random_range(1..=3));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_lives_over_http_end_in_the_truth_whatever_is_lost_or_fails() {
    let (app, sandbox, proxy) = connected().await;
    let (mut failed, mut decided, mut stood) = (0, 0, BTreeSet::new());
    for first in (0..DELIVERED).step_by(TOGETHER as usize) {
        let lives: Vec<(u64, Told)> = (first..first + TOGETHER).map(|seed| (seed, life(seed))).collect();
        for (_, told) in &lives {
            introduce(&app, told).await;
            stood.extend(statuses(told));
        }
        let mut ways: Vec<Way> = lives.iter().map(|(seed, told)| Way::new(*seed, told)).collect();
        futures_util::future::join_all(ways.iter_mut().map(|way| way.go(&app, &proxy))).await;
        proxy.was_calm();
        failed += ways.iter().map(|way| way.failed).sum::<usize>();

        // What was decided without reading is right.
        let known = rows(&app).await;
        for ((seed, told), _) in lives.iter().zip(&ways).filter(|(_, way)| way.left.is_empty()) {
            let row = &known[&told.subscription];
            if row["needs_refetch"] == json!(false) {
                decided += 1;
                assert_eq!(*row, expected(told), "seed {seed}, before anything is read");
            }
        }

        let (mut truths, mut rng) = (BTreeMap::new(), StdRng::seed_from_u64(first));
        for (seed, told) in lives {
            truths.insert(told.subscription.clone(), (seed, expected(&told)));
            sandbox.world(|world| {
                world.absorb(told.world);
                // What is read now is later than what was told.
                world.now += 5;
            });
        }
        trouble(&sandbox, &mut rng);
        // Reading again waits until the second is over; what has failed is tried again by us, and then by Stripe.
        app.advance(TimeDelta::seconds(3));
        app.run_jobs().await;
        app.advance(TimeDelta::hours(1));
        app.run_job(&Job::Billing(BillingJob::RetryOverdue)).await;
        for event in ways.iter().flat_map(|way| &way.left) {
            assert_eq!(app.deliver(event).await.status, 200);
        }
        for _ in 0..3 {
            app.advance(TimeDelta::hours(2));
            app.run_jobs().await;
        }
        let known = rows(&app).await;
        for (subscription, (seed, truth)) in truths {
            assert_eq!(known.get(&subscription), Some(&truth), "seed {seed}");
        }
    }
    assert!(failed > 200 && decided > 20, "{failed} attempts failed, {decided} lives were decided by their events alone");
    assert_eq!(stood, all_statuses(), "each status was reached");
    let paid_twice = "SELECT provider_invoice_id FROM payments GROUP BY 1 HAVING count(*) > 1";
    assert_eq!(app.db_rows(paid_twice).await, json!([]), "one payment for each invoice");
    let unwell = "SELECT event_id, type, status, last_error FROM webhook_deliveries WHERE status IN ('failed', 'dead', 'parked')";
    assert_eq!(app.db_rows(unwell).await, json!([]));
    let one_without_the_other = "SELECT event_id FROM webhook_deliveries d FULL JOIN stripe_events e USING (event_id) \
         WHERE d.event_id IS NULL OR e.event_id IS NULL";
    assert_eq!(app.db_rows(one_without_the_other).await, json!([]), "ledger and log name the same events");
}
