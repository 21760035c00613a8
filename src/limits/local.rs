//! Allowances in this process's memory.

use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::{Charge, LIMITS, Whose};
use crate::clock::Clock;

type Limiter = RateLimiter<Whose, DashMapStateStore<Whose>, LimiterClock, NoOpMiddleware<Nanos>>;

pub struct Local {
    clock: LimiterClock,
    /// One for each of `LIMITS`.
    limiters: Vec<Limiter>,
}

impl Local {
    pub fn new(requests_per_minute: u32, clock: &Clock) -> Self {
        let clock = LimiterClock { clock: clock.clone(), started: Instant::now() };
        let limiter = |quota| RateLimiter::dashmap_with_clock(Quota::per_minute(quota), clock.clone());
        let limiters = LIMITS.iter().map(|limit| limiter(limit.per_minute(requests_per_minute))).collect();
        Self { limiters, clock }
    }

    /// `Err`: how long to wait.
    pub fn take(&self, charges: &[Charge]) -> Result<(), Duration> {
        charges.iter().try_for_each(|charge| {
            let Some(limiter) = self.limiters.get(charge.limit as usize) else { return Ok(()) };
            match limiter.check_key_n(&charge.whose, charge.count) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(not_until)) => Err(not_until.wait_time_from(self.clock.now())),
                // More than the whole allowance, which the guard does not let through.
                Err(_) => Err(Duration::from_secs(60)),
            }
        })
    }

    pub fn forget_quiet(&self) {
        self.limiters.iter().for_each(RateLimiter::retain_recent);
    }
}

/// The app's clock for governor: monotonic, unless a test moves it.
#[derive(Clone)]
struct LimiterClock {
    clock: Clock,
    started: Instant,
}

impl GovernorClock for LimiterClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match &self.clock {
            Clock::System => self.started.elapsed(),
            Clock::Manual(_) => Duration::from_millis(u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default()),
        }
        .into()
    }
}
