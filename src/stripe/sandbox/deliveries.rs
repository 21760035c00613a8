//! Webhooks: each event is sent to the configured URL, signed, in the order of happening, and again later when it was not taken.
//! Without a URL events wait until they are taken out by hand: tests deliver them in any order they like.

use std::collections::VecDeque;
use std::time::Duration;

use hmac::{Hmac, Mac};
use rand::seq::IteratorRandom;
use sha2::Sha256;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::faults::Deliver;
use super::shared::Shared;
use super::state::World;

/// How long an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct Target {
    pub url: String,
}

/// An event as it would be sent.
#[derive(Clone, Debug)]
pub struct Signed {
    pub id: String,
    pub kind: String,
    pub body: String,
    /// The `Stripe-Signature` header.
    pub signature: String,
}

/// One attempt, for the dashboard.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub event: String,
    pub number: usize,
    /// The answer's status, or why there was none.
    pub outcome: Result<u16, String>,
}

struct Waiting {
    event: String,
    attempts: usize,
    due: Instant,
}

pub struct Deliveries {
    pub target: Option<Target>,
    pub attempts: Vec<Attempt>,
    /// How many of the world's events were seen.
    seen: usize,
    waiting: VecDeque<Waiting>,
    /// Being sent right now.
    flying: usize,
    sending: Vec<String>,
    redelivery: Vec<Duration>,
}

/// `t=…,v1=…`, one signature for each secret.
pub fn sign(body: &str, time: i64, secrets: &[String]) -> String {
    let mut header = format!("t={time}");
    for secret in secrets {
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
            mac.update(format!("{time}.{body}").as_bytes());
            header.push_str(",v1=");
            header.push_str(&hex::encode(mac.finalize().into_bytes()));
        }
    }
    header
}

impl Deliveries {
    pub fn new(redelivery: Vec<Duration>) -> Self {
        Self { target: None, attempts: Vec::new(), seen: 0, waiting: VecDeque::new(), flying: 0, sending: Vec::new(), redelivery }
    }

    /// Queues what has happened since; true if there is anything to send.
    pub fn collect(&mut self, world: &World, deliver: &mut Deliver) -> bool {
        for event in world.events.iter().skip(self.seen) {
            if deliver.lose > 0 {
                deliver.lose -= 1;
                self.attempts.push(Attempt { event: event.id.clone(), number: 0, outcome: Err("lost on purpose".to_owned()) });
                continue;
            }
            for _ in 0..=deliver.extra_copies {
                self.queue(&event.id, Duration::ZERO, 0);
            }
        }
        let new = world.events.len() > self.seen;
        self.seen = world.events.len();
        new && self.target.is_some()
    }

    fn queue(&mut self, event: &str, after: Duration, attempts: usize) {
        self.waiting.push_back(Waiting { event: event.to_owned(), attempts, due: Instant::now() + after });
    }

    /// Sends an event again.
    pub fn again(&mut self, event: &str) {
        self.queue(event, Duration::ZERO, 0);
    }

    /// After a restart: what was not taken before is sent again.
    pub fn restore(&mut self, world: &World, waiting: &[String]) {
        self.seen = world.events.len();
        waiting.iter().for_each(|event| self.queue(event, Duration::ZERO, 0));
    }

    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|waiting| waiting.event.as_str()).chain(self.sending.iter().map(String::as_str))
    }

    /// The ids of everything that waits, which waits no longer.
    pub fn take(&mut self) -> Vec<String> {
        self.waiting.drain(..).map(|waiting| waiting.event).collect()
    }

    /// Nothing waits for its first attempt, and nothing is under way.
    pub fn idle(&self) -> bool {
        self.flying == 0 && self.waiting.iter().all(|waiting| waiting.attempts > 0)
    }

    pub fn waits_for(&self, event: &str) -> bool {
        self.waiting.iter().any(|waiting| waiting.event == event)
    }

    /// What to send now.
    fn next(&mut self, deliver: &Deliver) -> Next {
        if self.target.is_none() || deliver.hold || (self.flying > 0 && !deliver.at_once) {
            return Next::Sleep(None);
        }
        let now = Instant::now();
        let ripe = self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.due <= now).map(|(place, _)| place);
        let place = if deliver.reorder { ripe.choose(&mut rand::rng()) } else { { ripe }.next() };
        match place.and_then(|place| self.waiting.remove(place)) {
            Some(waiting) => {
                self.flying += 1;
                self.sending.push(waiting.event.clone());
                Next::Send(waiting)
            }
            None => Next::Sleep(self.waiting.iter().map(|waiting| waiting.due).min()),
        }
    }

    fn answered(&mut self, waiting: &Waiting, outcome: Result<u16, String>) {
        self.flying = self.flying.saturating_sub(1);
        if let Some(place) = self.sending.iter().position(|event| *event == waiting.event) {
            self.sending.swap_remove(place);
        }
        let number = waiting.attempts + 1;
        let taken = outcome.as_ref().is_ok_and(|status| (200..300).contains(status));
        self.attempts.push(Attempt { event: waiting.event.clone(), number, outcome });
        if let Some(pause) = self.redelivery.get(waiting.attempts).copied().filter(|_| !taken) {
            self.queue(&waiting.event, pause, number);
        }
    }
}

enum Next {
    Send(Waiting),
    /// Until then, or until woken.
    Sleep(Option<Instant>),
}

/// Sends what is to be sent until the sandbox stops.
pub async fn run(shared: std::sync::Arc<Shared>, client: reqwest::Client, stop: CancellationToken) {
    loop {
        let next = shared.enter(|inner| {
            let next = inner.deliveries.next(&inner.faults.deliver);
            let target = inner.deliveries.target.clone();
            match next {
                Next::Send(waiting) => {
                    let body = inner.body(&waiting.event).map(|(_, _, body)| body);
                    Ok((waiting, target, body, inner.faults.deliver.at_once))
                }
                Next::Sleep(until) => Err(until),
            }
        });
        match next {
            Ok((waiting, Some(target), Some(body), at_once)) => {
                let sending = send(shared.clone(), client.clone(), waiting, target, body);
                if at_once {
                    tokio::spawn(sending);
                } else {
                    tokio::select! { () = sending => {}, () = stop.cancelled() => return }
                }
            }
            Ok((waiting, ..)) => shared.enter(|inner| inner.deliveries.answered(&waiting, Err("nowhere to send it".to_owned()))),
            Err(until) => {
                let far = Instant::now() + Duration::from_secs(3600);
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = tokio::time::sleep_until(until.unwrap_or(far)) => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }
}

async fn send(shared: std::sync::Arc<Shared>, client: reqwest::Client, waiting: Waiting, target: Target, body: String) {
    let signature = shared.sign(&body);
    let request = client
        .post(&target.url)
        .timeout(PATIENCE)
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Stripe/1.0 (sandbox)")
        .header("stripe-signature", signature)
        .body(body);
    let outcome = match request.send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) => Err(error.without_url().to_string()),
    };
    shared.enter(|inner| inner.deliveries.answered(&waiting, outcome));
    shared.sent.notify_waiters();
    shared.wake.notify_one();
}
