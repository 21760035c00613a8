//! A simulation of the part of Stripe that is used here, over HTTP on loopback. It runs where no secret key is set, and
//! in tests; never in production. Its truth is its own: nothing here imports `billing`.
//!
//! ```text
//! request → server → api (faults, key, idempotency) → routes → resources → state (objects, events, timers)
//! browser → server → pages, control → actions ───────────────────────────┘      │
//! your webhook endpoint ← deliveries (signed, retried) ← events ←───────────────┘
//! ```
//!
//! *World*: all objects and what has happened to them; pure. *Action*: what people and banks do, not the API. *Fault*: misbehaviour on
//! purpose. *Version*: the shape in which an answer or a delivery is shown. Time is the app's clock, moved forward by as much as
//! anybody has asked: what falls due on the way happens at its time.

pub mod actions; // what people and banks do
mod api; // a request's way: faults, key, idempotency, answer
mod calendar; // billing periods
mod control; // the same for programs: /sandbox/…
mod dashboard; // what there is, what has happened, buttons
pub mod deliveries; // signed webhooks
pub mod error; // Stripe's error shape
pub mod events; // what has happened
mod expand; // ids become objects
pub mod faults; // misbehaviour on purpose
pub mod history; // random lives of a subscription
pub mod json; // reading and writing by paths
mod kept; // what survives a restart
mod keys; // idempotency
mod list; // pages of lists
mod pages; // the payment page, and what all pages share
mod params; // forms, checked
mod portal_page; // what customers do by themselves
mod resources; // one file each
mod routes; // everything that the API answers
mod server; // the socket
mod shared; // the world behind a lock, with clock and deliveries
pub mod state; // the world
mod timers; // what falls due
pub mod versions; // the shapes of other API versions

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Environment;
use crate::error::Error;

use self::actions::Action;
use self::deliveries::{Signed, Target};
use self::error::Answer;
use self::faults::{Deliver, Fault, Planned};
use self::shared::Shared;
use self::state::{Dunning, World};
use self::versions::Version;

/// What clients of a sandbox sign in with, unless told otherwise.
pub const SECRET_KEY: &str = "sk_test_sandbox";
/// What its webhooks are signed with, unless told otherwise.
pub const WEBHOOK_SECRET: &str = "whsec_sandbox";

#[derive(Clone, Debug)]
pub struct Options {
    pub environment: Environment,
    pub secret_key: String,
    /// Several while they are rotated: each signs.
    pub webhook_secrets: Vec<String>,
    /// The same seed makes the same ids.
    pub seed: u64,
    pub dunning: Dunning,
    /// Days from one failed attempt at a renewal to the next.
    pub retry_days: Vec<i64>,
    /// How long after a failed delivery the next ones follow.
    pub redelivery: Vec<Duration>,
    /// Where its world is kept from one start to the next. None: in memory only.
    pub folder: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            environment: Environment::Development,
            secret_key: SECRET_KEY.to_owned(),
            webhook_secrets: vec![WEBHOOK_SECRET.to_owned()],
            seed: rand::random(),
            dunning: Dunning::Unpaid,
            retry_days: vec![3, 5, 7],
            redelivery: [1, 5, 30, 120, 600].map(Duration::from_secs).to_vec(),
            folder: None,
        }
    }
}

/// Where the sandbox of this folder listened last.
pub fn last_port(folder: &Path) -> Option<u16> {
    kept::find(folder).map(|kept| kept.port)
}

/// A running sandbox. It stops when this is dropped.
pub struct Sandbox {
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl Sandbox {
    /// Listens on a port of 127.0.0.1 that the system chooses.
    pub async fn start(clock: Clock, options: Options) -> Result<Self, Error> {
        if options.environment == Environment::Production {
            return Err(Error::internal("the Stripe sandbox never runs in production: set STRIPE_SECRET_KEY"));
        }
        let stop = CancellationToken::new();
        let shared = server::start(clock, options, stop.clone()).await?;
        Ok(Self { shared, stop })
    }

    /// What `STRIPE_API_BASE` would be.
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    pub fn dashboard_url(&self) -> String {
        format!("{}/sandbox", self.shared.base_url)
    }

    pub fn secret_key(&self) -> &str {
        &self.shared.options.secret_key
    }

    /// From now on events are delivered there; so are those that nobody has taken yet.
    pub fn deliver_to(&self, url: &str) {
        self.shared.enter(|inner| inner.deliveries.target = Some(Target { url: url.to_owned() }));
        self.shared.wake.notify_one();
    }

    /// Back to keeping events until they are taken.
    pub fn capture(&self) {
        self.shared.enter(|inner| inner.deliveries.target = None);
    }

    /// What was not delivered, signed, in the order of happening. With a URL to deliver to this is only what is still waiting.
    pub fn take_deliveries(&self) -> Vec<Signed> {
        self.shared.take_deliveries()
    }

    /// Waits until nothing waits to be delivered for the first time. False: some did not arrive within that time.
    pub async fn delivered(&self, patience: Duration) -> bool {
        self.shared.all_delivered(patience).await
    }

    /// Something that people or banks do.
    pub fn act(&self, action: Action) -> Answer {
        self.shared.enter(|inner| inner.act(&action))
    }

    /// Lets this many seconds pass, and everything happen that falls due on the way.
    pub fn advance(&self, seconds: i64) {
        self.shared.enter(|inner| inner.advance(seconds));
    }

    /// The sandbox's time, in seconds.
    pub fn now(&self) -> i64 {
        self.shared.enter(|inner| inner.world.now)
    }

    /// The object as it is, in the newest shape; null when there is none.
    pub fn object(&self, id: &str) -> Value {
        self.world(|world| versions::bare(world.object(id).clone()))
    }

    /// Looks at the world, or changes it behind the API's back.
    pub fn world<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        self.shared.enter(|inner| look(&mut inner.world))
    }

    /// Of a path, or of one method and a path: `POST /v1/prices`.
    pub fn plan_fault(&self, fault: Fault, path: &str, times: u32) {
        let (method, path) = path.split_once(' ').unwrap_or(("", path));
        self.shared.enter(|inner| inner.faults.plan(Planned { fault, method: method.to_owned(), path: path.to_owned(), times }));
    }

    pub fn set_deliveries(&self, deliver: Deliver) {
        self.shared.enter(|inner| inner.faults.deliver = deliver);
        self.shared.wake.notify_one();
    }

    pub fn set_version(&self, version: Version) {
        self.shared.enter(|inner| inner.faults.version = version);
    }

    /// While frozen, time does not pass by itself: bursts happen within one second.
    pub fn freeze(&self, frozen: bool) {
        self.shared.enter(|inner| inner.faults.frozen = frozen);
    }

    /// How often that method and beginning of a path were requested.
    pub fn requests(&self, method: &str, path: &str) -> usize {
        self.shared.enter(|inner| inner.requests.iter().filter(|row| row.method == method && row.path.starts_with(path)).count())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
