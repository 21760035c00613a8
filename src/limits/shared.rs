//! Allowances in Redis, which all processes share. Redis is there to slow senders down, and must not slow us down, nor stop us: while it
//! does not answer, everybody is let in. That is counted, and logged once in a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use secrecy::{ExposeSecret, SecretString};

use super::{Charge, Whose};
use crate::error::Error;
use crate::metrics;

/// The longest that a request waits for Redis.
const PATIENCE: Duration = Duration::from_millis(50);
/// After a failure Redis is left alone for so long: not every request shall wait for what will not come.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection is made in the background, and may take longer than a request waits.
const CONNECT: Duration = Duration::from_secs(2);
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);
const MINUTE_IN_MICROSECONDS: f64 = 60_000_000.0;

pub struct Shared {
    client: Client,
    requests_per_minute: u32,
    script: Script,
    state: Mutex<State>,
}

struct State {
    connection: ConnectionManager,
    /// Not asked before this.
    resume_at: Option<Instant>,
    warned_at: Option<Instant>,
    let_in: u64,
    told: u64,
}

impl Shared {
    /// Connects when the first request asks. Needs a running tokio runtime.
    pub fn new(url: &SecretString, requests_per_minute: u32) -> Result<Self, Error> {
        let client = Client::open(url.expose_secret())?;
        let state = State { connection: connect(&client)?, resume_at: None, warned_at: None, let_in: 0, told: 0 };
        Ok(Self { client, requests_per_minute, script: Script::new(include_str!("take.lua")), state: Mutex::new(state) })
    }

    /// `Err`: how long to wait.
    pub async fn take(&self, charges: &[Charge]) -> Result<(), Duration> {
        let Some(mut connection) = self.connection() else { return Ok(()) };
        let mut call = self.script.prepare_invoke();
        for Charge { limit, whose, count } in charges {
            let each = MINUTE_IN_MICROSECONDS / f64::from(limit.per_minute(self.requests_per_minute).get());
            call.key(format!("fixpath:limit:{}:{}", limit.as_str(), whose.key())).arg((each * f64::from(count.get())).to_string());
        }
        match tokio::time::timeout(PATIENCE, call.invoke_async::<u64>(&mut connection)).await {
            Ok(Ok(0)) => Ok(()),
            Ok(Ok(milliseconds)) => Err(Duration::from_millis(milliseconds)),
            Ok(Err(cause)) => {
                self.failed(&cause.to_string());
                Ok(())
            }
            Err(_) => {
                self.failed("no answer in time");
                Ok(())
            }
        }
    }

    /// How many requests were let in because Redis did not answer.
    pub fn let_in(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).let_in
    }

    /// None while Redis is left alone.
    fn connection(&self) -> Option<ConnectionManager> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.resume_at.is_some_and(|time| Instant::now() < time) {
            metrics::limits_not_checked();
            state.let_in += 1;
            return None;
        }
        Some(state.connection.clone())
    }

    fn failed(&self, cause: &str) {
        metrics::limits_not_checked();
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.let_in += 1;
        // Of several requests that failed together, the first does what is to be done.
        if state.resume_at.is_some_and(|time| now < time) {
            return;
        }
        state.resume_at = Some(now + PAUSE);
        // A new connection: the old one may wait for a machine that is gone, and would do so for a quarter of an hour.
        if let Ok(connection) = connect(&self.client) {
            state.connection = connection;
        }
        if state.warned_at.is_none_or(|time| now - time >= BETWEEN_WARNINGS) {
            state.warned_at = Some(now);
            tracing::warn!(cause, let_in = state.let_in - state.told, "REDIS_URL does not answer: requests are let in without a limit");
            state.told = state.let_in;
        }
    }
}

/// Tries once; a failure is what `failed` waits for.
fn connect(client: &Client) -> Result<ConnectionManager, Error> {
    let config = ConnectionManagerConfig::new().set_number_of_retries(0);
    let config = config.set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CONNECT));
    Ok(ConnectionManager::new_lazy_with_config(client.clone(), config)?)
}

impl Whose {
    fn key(&self) -> String {
        match self {
            Self::Person(user) => format!("{user:?}"),
            Self::Account(account) => format!("{account:?}"),
            Self::Address(address) => address.to_string(),
            Self::Login(hash) => hex::encode(hash),
        }
    }
}
