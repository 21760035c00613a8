//! How much one sender may ask for in a minute: requests, points of cost, and attempts at what hashes a password or sends a mail.
//! Signed-in people count by themselves and with their account, all others by address; attempts count by address and by login.
//!
//! An allowance is full after a quiet minute, and fills evenly (GCRA). It is kept where all processes see it when `REDIS_URL` is set
//! (`shared.rs`), else in this process (`local.rs`): then each process behind a balancer grants its own. What is charged is decided
//! here, and is the same for both. Stripe's deliveries are charged to nobody: a refused one would only come again.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use sha2::{Digest, Sha256};

use self::local::Local;
use self::shared::Shared;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Code, Detail, Error, Refusal};
use crate::graphql::guard::MAX_COST;
use crate::id::{AccountId, UserId};
use crate::identity::actor::Actor;

mod local;
mod shared;

/// Anonymous senders get this part of what signed-in people get.
const ANONYMOUS_SHARE: u32 = 5;
/// All people of an account together get so many times what one of them gets.
const ACCOUNT_SHARE: u32 = 10;
/// The guard's points that come with each request of the limit.
const POINTS_PER_REQUEST: u32 = 100;
/// For operations that hash or mail.
const ATTEMPTS_PER_MINUTE: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Person(UserId, AccountId),
    Address(IpAddr),
}

impl Sender {
    /// One household has a /64 of IPv6 addresses: they count as one. An unknown address counts as one, too.
    pub fn address(address: Option<IpAddr>) -> Self {
        Self::Address(household(address))
    }

    pub fn of(actor: Option<&Actor>, address: Option<IpAddr>) -> Self {
        actor.map_or_else(|| Self::address(address), |actor| Self::Person(actor.user, actor.account))
    }
}

fn household(address: Option<IpAddr>) -> IpAddr {
    match address {
        Some(IpAddr::V6(address)) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        Some(address) => address,
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// What is limited, each by itself. The order is that of `Rates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    PersonRequests,
    PersonPoints,
    AccountRequests,
    AccountPoints,
    AddressRequests,
    AddressPoints,
    AddressAttempts,
    LoginAttempts,
}

const LIMITS: [Limit; 8] = [
    Limit::PersonRequests,
    Limit::PersonPoints,
    Limit::AccountRequests,
    Limit::AccountPoints,
    Limit::AddressRequests,
    Limit::AddressPoints,
    Limit::AddressAttempts,
    Limit::LoginAttempts,
];

impl Limit {
    /// How much of it there is in a minute.
    fn per_minute(self, requests: u32) -> NonZeroU32 {
        // At least one operation of the highest cost.
        let points = |requests: u32| requests.saturating_mul(POINTS_PER_REQUEST).max(u32::try_from(MAX_COST).unwrap_or(u32::MAX));
        let (account, anonymous) = (requests.saturating_mul(ACCOUNT_SHARE), requests / ANONYMOUS_SHARE);
        let count = match self {
            Self::PersonRequests => requests,
            Self::PersonPoints => points(requests),
            Self::AccountRequests => account,
            Self::AccountPoints => points(account),
            Self::AddressRequests => anonymous,
            Self::AddressPoints => points(anonymous),
            Self::AddressAttempts | Self::LoginAttempts => ATTEMPTS_PER_MINUTE,
        };
        NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::PersonRequests => "person-requests",
            Self::PersonPoints => "person-points",
            Self::AccountRequests => "account-requests",
            Self::AccountPoints => "account-points",
            Self::AddressRequests => "address-requests",
            Self::AddressPoints => "address-points",
            Self::AddressAttempts => "address-attempts",
            Self::LoginAttempts => "login-attempts",
        }
    }
}

/// Whose allowance it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Person(UserId),
    Account(AccountId),
    Address(IpAddr),
    /// A hash of the login: long ones take no memory, and none can be read where it is kept.
    Login([u8; 16]),
}

impl Whose {
    fn login(login: &str) -> Self {
        let digest = Sha256::digest(login.trim().to_lowercase());
        let mut hash = [0; 16];
        hash.iter_mut().zip(digest).for_each(|(byte, hashed)| *byte = hashed);
        Self::Login(hash)
    }
}

/// So much of somebody's allowance.
#[derive(Clone, Copy, Debug)]
struct Charge {
    limit: Limit,
    whose: Whose,
    count: NonZeroU32,
}

impl Charge {
    fn one(limit: Limit, whose: Whose) -> Self {
        Self { limit, whose, count: NonZeroU32::MIN }
    }
}

pub struct RateLimits {
    store: Store,
}

/// Where allowances are kept.
enum Store {
    Local(Local),
    Shared(Box<Shared>),
}

impl RateLimits {
    pub fn new(config: &Config, clock: &Clock) -> Result<Self, Error> {
        let requests = config.http.rate_limit_per_minute;
        let store = match &config.http.redis_url {
            Some(url) => Store::Shared(Box::new(Shared::new(url, requests)?)),
            None => Store::Local(Local::new(requests, clock)),
        };
        Ok(Self { store })
    }

    /// Counts a request that is no operation. `Err`: the seconds to wait.
    pub async fn check_request(&self, sender: Sender) -> Result<(), u64> {
        self.check_operation(sender, 0).await
    }

    /// Counts a request and its cost. `Err`: the seconds to wait.
    pub async fn check_operation(&self, sender: Sender, cost: u64) -> Result<(), u64> {
        let cost = NonZeroU32::new(u32::try_from(cost).unwrap_or(u32::MAX));
        let points = |limit, whose| cost.map(|count| Charge { limit, whose, count });
        // The narrower allowance first: whoever has used it up takes nothing from the others' any more.
        let charges: Vec<Charge> = match sender {
            Sender::Person(user, account) => {
                let (person, account) = (Whose::Person(user), Whose::Account(account));
                let requests = [Charge::one(Limit::PersonRequests, person), Charge::one(Limit::AccountRequests, account)];
                let points = [points(Limit::PersonPoints, person), points(Limit::AccountPoints, account)];
                requests.into_iter().chain(points.into_iter().flatten()).collect()
            }
            Sender::Address(address) => {
                let whose = Whose::Address(address);
                let points = points(Limit::AddressPoints, whose);
                std::iter::once(Charge::one(Limit::AddressRequests, whose)).chain(points).collect()
            }
        };
        self.take(&charges).await
    }

    /// Counts an attempt at an operation that hashes or mails, against the address and against the login that it names.
    pub async fn check_login(&self, address: Option<IpAddr>, login: &str) -> Result<(), Refusal> {
        self.check_logins(address, &[login]).await
    }

    /// The same for an operation that concerns more than one login.
    pub async fn check_logins(&self, address: Option<IpAddr>, logins: &[&str]) -> Result<(), Refusal> {
        let address = Charge::one(Limit::AddressAttempts, Whose::Address(household(address)));
        let logins = logins.iter().map(|login| Charge::one(Limit::LoginAttempts, Whose::login(login)));
        let charges: Vec<Charge> = std::iter::once(address).chain(logins).collect();
        self.take(&charges).await.map_err(|seconds| {
            let sentence = format!("Too many attempts: {ATTEMPTS_PER_MINUTE} a minute are allowed; try again in {seconds} s.");
            Refusal { detail: Detail::RetryAfter(seconds), ..Refusal::new(Code::RateLimited, sentence) }
        })
    }

    /// Forgets senders whose allowance is full again. To be called now and then. (Redis forgets by itself.)
    pub fn forget_quiet(&self) {
        match &self.store {
            Store::Local(local) => local.forget_quiet(),
            Store::Shared(_) => {}
        }
    }

    /// How many requests were let in without being counted.
    pub fn not_counted(&self) -> u64 {
        match &self.store {
            Store::Local(_) => 0,
            Store::Shared(shared) => shared.let_in(),
        }
    }

    /// One charge after another; the first that is too much ends it, and what was charged before stays charged. `Err`: whole seconds,
    /// rounded up, so that who waits so long is let in.
    async fn take(&self, charges: &[Charge]) -> Result<(), u64> {
        let taken = match &self.store {
            Store::Local(local) => local.take(charges),
            Store::Shared(shared) => shared.take(charges).await,
        };
        taken.map_err(|wait: Duration| u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(60).max(1))
    }
}
