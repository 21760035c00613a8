//! How much one sender may ask for in a minute: requests, points of cost, and attempts at what hashes a password. Signed-in people
//! count by themselves, all others by address. The limits are this process's own: behind a balancer each process grants its share.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

use crate::clock::Clock;
use crate::error::{Code, Detail, Refusal};
use crate::graphql::guard::MAX_COST;
use crate::id::UserId;

/// Anonymous senders get this part of what signed-in people get.
const ANONYMOUS_SHARE: u32 = 5;
/// The guard's points that come with each request of the limit.
const POINTS_PER_REQUEST: u32 = 100;
/// For operations that hash or mail.
const LOGINS_PER_MINUTE: u32 = 5;

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, LimiterClock, NoOpMiddleware<Nanos>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    User(UserId),
    Address(IpAddr),
}

impl Sender {
    /// One household has a /64 of IPv6 addresses: they count as one. An unknown address counts as one, too.
    pub fn address(address: Option<IpAddr>) -> Self {
        Self::Address(match address {
            Some(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            Some(address) => address,
            None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        })
    }
}

pub struct RateLimits {
    clock: LimiterClock,
    signed_in: Allowance,
    anonymous: Allowance,
    login_addresses: Limiter<Sender>,
    /// By a hash of the login, so that long ones take no memory.
    logins: Limiter<u64>,
    hasher: RandomState,
}

struct Allowance {
    requests: Limiter<Sender>,
    points: Limiter<Sender>,
}

impl RateLimits {
    pub fn new(requests_per_minute: u32, clock: &Clock) -> Self {
        let clock = LimiterClock { clock: clock.clone(), started: Instant::now() };
        let allowance = |requests: u32| Allowance {
            requests: per_minute(requests, &clock),
            // At least one operation of the highest cost.
            points: per_minute(requests.saturating_mul(POINTS_PER_REQUEST).max(u32::try_from(MAX_COST).unwrap_or(u32::MAX)), &clock),
        };
        Self {
            signed_in: allowance(requests_per_minute),
            anonymous: allowance(requests_per_minute / ANONYMOUS_SHARE),
            login_addresses: per_minute(LOGINS_PER_MINUTE, &clock),
            logins: per_minute(LOGINS_PER_MINUTE, &clock),
            hasher: RandomState::new(),
            clock,
        }
    }

    /// Counts a request. `Err`: the seconds to wait.
    pub fn check_request(&self, sender: Sender) -> Result<(), u64> {
        self.allowance(sender).requests.check_key(&sender).map_err(|not_until| self.seconds(&not_until))
    }

    /// Counts an operation's cost. `Err`: the seconds to wait.
    pub fn check_points(&self, sender: Sender, cost: u64) -> Result<(), u64> {
        let Some(cost) = u32::try_from(cost).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        match self.allowance(sender).points.check_key_n(&sender, cost) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(self.seconds(&not_until)),
            // More than the whole allowance, which the guard does not let through.
            Err(_) => Err(60),
        }
    }

    /// Counts an attempt at an operation that hashes or mails, against the address and against the login that it names.
    pub fn check_login(&self, address: Option<IpAddr>, login: &str) -> Result<(), Refusal> {
        let by_address = self.login_addresses.check_key(&Sender::address(address));
        let login = self.hasher.hash_one(login.trim().to_lowercase());
        by_address.and_then(|()| self.logins.check_key(&login)).map_err(|not_until| {
            let seconds = self.seconds(&not_until);
            let sentence = format!("Too many attempts: {LOGINS_PER_MINUTE} a minute are allowed; try again in {seconds} s.");
            Refusal { detail: Detail::RetryAfter(seconds), ..Refusal::new(Code::RateLimited, sentence) }
        })
    }

    /// Forgets senders whose allowance is full again. To be called now and then.
    pub fn forget_quiet(&self) {
        for allowance in [&self.signed_in, &self.anonymous] {
            allowance.requests.retain_recent();
            allowance.points.retain_recent();
        }
        self.login_addresses.retain_recent();
        self.logins.retain_recent();
    }

    fn allowance(&self, sender: Sender) -> &Allowance {
        match sender {
            Sender::User(_) => &self.signed_in,
            Sender::Address(_) => &self.anonymous,
        }
    }

    /// Whole seconds, rounded up: who waits so long is let in.
    fn seconds(&self, not_until: &NotUntil<Nanos>) -> u64 {
        not_until.wait_time_from(self.clock.now()).as_millis().div_ceil(1000).try_into().unwrap_or(60).max(1)
    }
}

fn per_minute<K: std::hash::Hash + Eq + Clone>(count: u32, clock: &LimiterClock) -> Limiter<K> {
    RateLimiter::dashmap_with_clock(Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)), clock.clone())
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
