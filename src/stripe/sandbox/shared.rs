//! The world behind a lock, with the clock that drives it and the deliveries that tell of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;

use super::Options;
use super::actions::{self, Action};
use super::deliveries::{Deliveries, Signed};
use super::error::Answer;
use super::faults::Faults;
use super::json::Json;
use super::kept::{Keeper, Kept};
use super::keys::Keys;
use super::state::World;

/// How many requests the dashboard remembers.
const REQUESTS: usize = 2_000;

pub struct Shared {
    pub clock: Clock,
    pub options: Options,
    pub base_url: String,
    /// There is something to deliver.
    pub wake: Notify,
    /// Something was delivered.
    pub sent: Notify,
    inner: Mutex<Inner>,
    keeper: Option<Arc<Keeper>>,
}

pub struct Inner {
    pub world: World,
    pub deliveries: Deliveries,
    pub faults: Faults,
    pub keys: Keys,
    pub requests: VecDeque<Request>,
}

/// One API request, for the dashboard.
pub struct Request {
    pub time: i64,
    pub id: String,
    pub method: String,
    pub path: String,
    pub body: String,
    /// 0: there was no answer.
    pub status: u16,
    pub idempotency_key: Option<String>,
}

impl Inner {
    pub fn act(&mut self, action: &Action) -> Answer {
        match action {
            Action::Advance { seconds } => {
                self.advance(*seconds);
                Ok(serde_json::json!({ "now": self.world.now }))
            }
            Action::NextDue => {
                let wait = self.world.next_due().map_or(0, |due| (due - self.world.now).max(0));
                self.advance(wait);
                Ok(serde_json::json!({ "now": self.world.now }))
            }
            Action::NextPeriod { subscription } => {
                let until = actions::end_of_period(&self.world, subscription)?;
                self.advance((until - self.world.now).max(0));
                Ok(self.world.object(subscription).clone())
            }
            Action::FailRenewal { subscription } => {
                let customer = self.world.find("subscription", subscription)?.text("customer").to_owned();
                actions::act(&mut self.world, &Action::CardsBehave { customer, card: "declined".to_owned() })?;
                self.act(&Action::NextPeriod { subscription: subscription.clone() })
            }
            other => actions::act(&mut self.world, other),
        }
    }

    pub fn advance(&mut self, seconds: i64) {
        self.world.ahead += seconds.max(0);
        let until = self.world.now + seconds.max(0);
        self.world.run_until(until);
    }

    /// An event's id, type and body in the version of the webhooks.
    pub fn body(&self, id: &str) -> Option<(String, String, String)> {
        let event = super::events::find(&self.world, id)?;
        let shown = event.render(&self.world, &self.faults.version);
        Some((id.to_owned(), event.kind.clone(), shown.to_string()))
    }

    pub fn log(&mut self, request: Request) {
        if self.requests.len() >= REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }
}

impl Shared {
    /// As it was left, and to be kept there again.
    pub fn new(clock: Clock, options: Options, base_url: String, kept: Kept, keeper: Option<Keeper>) -> Arc<Self> {
        let mut deliveries = Deliveries::new(options.redelivery.clone());
        let Kept { mut world, ahead, keys, waiting, .. } = kept;
        world.ahead = ahead;
        deliveries.restore(&world, &waiting);
        let inner = Inner { world, deliveries, faults: Faults::default(), keys, requests: VecDeque::new() };
        let keeper = keeper.map(Arc::new);
        Arc::new(Self { clock, options, base_url, wake: Notify::new(), sent: Notify::new(), inner: Mutex::new(inner), keeper })
    }

    /// Writes down what there is, if it is kept at all.
    pub async fn keep(self: &Arc<Self>) {
        let Some(keeper) = self.keeper.clone() else { return };
        let shared = self.clone();
        let kept = tokio::task::spawn_blocking(move || keeper.keep(|show| shared.enter(|inner| show(inner))));
        kept.await.ok();
    }

    /// The only way in: time catches up first, and what happened inside is queued for delivery.
    pub fn enter<R>(&self, body: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.faults.frozen {
            // The pause is made up for: afterwards time goes on from here.
            inner.world.ahead = inner.world.now - self.clock.now().timestamp();
        } else {
            let now = self.clock.now().timestamp() + inner.world.ahead;
            inner.world.cause = Default::default();
            inner.world.run_until(now);
        }
        let result = body(&mut inner);
        let inner = &mut *inner;
        if inner.deliveries.collect(&inner.world, &mut inner.faults.deliver) {
            self.wake.notify_one();
        }
        result
    }

    pub fn sign(&self, body: &str) -> String {
        super::deliveries::sign(body, self.clock.now().timestamp(), &self.options.webhook_secrets)
    }

    pub fn take_deliveries(&self) -> Vec<Signed> {
        let bodies = self.enter(|inner| {
            let ids = inner.deliveries.take();
            ids.iter().filter_map(|id| inner.body(id)).collect::<Vec<_>>()
        });
        bodies.into_iter().map(|(id, kind, body)| Signed { id, kind, signature: self.sign(&body), body }).collect()
    }

    pub async fn all_delivered(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            let sent = self.sent.notified();
            if self.enter(|inner| inner.deliveries.idle()) {
                return true;
            }
            if timeout_at(end, sent).await.is_err() {
                return self.enter(|inner| inner.deliveries.idle());
            }
        }
    }
}
