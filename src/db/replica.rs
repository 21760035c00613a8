//! A copy of the database that lags behind a little. It is a help, not a need: while it does not answer, the primary does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lent::Lent;
use super::pool::Pool;

/// One that did not answer is left alone for so long: not every request has to find out by waiting.
const REST: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct Replica {
    pool: Pool,
    rests_until: Arc<Mutex<Option<Instant>>>,
}

impl Replica {
    pub fn new(pool: Pool) -> Self {
        Self { pool, rests_until: Arc::default() }
    }

    /// None: ask the primary.
    pub async fn lend(&self) -> Option<Lent> {
        let rests_until = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match self.pool.lend().await {
            Ok(conn) => Some(conn),
            Err(cause) => {
                tracing::warn!(?cause, "the replica does not answer: reading from the primary");
                *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
                None
            }
        }
    }

    pub fn close(&self) {
        self.pool.close();
    }
}
