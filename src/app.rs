//! What every operation needs, built once. Tests build it differently: that is the only seam.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::billing::queue::Queues;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::db::notices::Notices;
use crate::error::Error;
use crate::identity::password::Hasher;
use crate::identity::provider::Providers;
use crate::identity::requesters::Requesters;
use crate::identity::token;
use crate::limits::RateLimits;
use crate::mail::mailer::Mailer;
use crate::session::libraries::Libraries;
use crate::signing::SigningKey;
use crate::stripe;
use crate::tree::remembered::Trees;
use crate::tree::version::Versions;

/// Cheap to clone: shared by every request.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub clock: Clock,
    pub db: Db,
    pub notices: Notices,
    pub hasher: Hasher,
    pub tokens: token::Keys,
    pub requesters: Requesters,
    pub limits: RateLimits,
    pub mailer: Mailer,
    pub trees: Trees,
    pub versions: Versions,
    pub libraries: Libraries,
    pub stripe: stripe::client::Client,
    /// Deliveries of one customer, one after the other.
    pub queues: Queues,
    pub signing_key: SigningKey,
    pub providers: Providers,
    /// Cancelled when the process begins to shut down: whatever runs for long listens to it.
    pub stop: CancellationToken,
    /// What runs beside the requests, and is waited for when the process stops.
    pub background: TaskTracker,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Needs a running tokio runtime: background tasks start here.
    pub fn new(config: Config, clock: Clock, db: Db) -> Result<Self, Error> {
        let stop = CancellationToken::new();
        let signing_key = SigningKey::load(&config).map_err(|error| Error::internal(error.0))?;
        let notices = Notices::start(db.target().clone(), stop.clone());
        let hasher = Hasher::new(config.hashing)?;
        let tokens = token::Keys::load(&config).map_err(|error| Error::internal(error.0))?;
        let requesters = Requesters::start(&notices, stop.clone());
        let trees = Trees::start(&notices, stop.clone());
        let stripe = stripe::client::Client::new(&config.stripe)?;
        let mailer = Mailer::new(&config.mail, &clock)?;
        let providers = Providers::new(&config)?;
        let limits = RateLimits::new(&config, &clock)?;
        Ok(Self(Arc::new(Parts {
            config,
            clock,
            db,
            notices,
            hasher,
            tokens,
            requesters,
            limits,
            mailer,
            trees,
            versions: Versions::default(),
            libraries: Libraries::default(),
            stripe,
            queues: Queues::default(),
            signing_key,
            providers,
            stop,
            background: TaskTracker::new(),
        })))
    }
}
