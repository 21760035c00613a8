//! Password hashes: Argon2id. A hash takes 20 ms of a core and 19 MiB, so hashes are made off the async threads and a few at a time:
//! whoever signs in waits in line, everybody else is served meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::config::Hashing;
use crate::error::Error;

const LANES: u32 = 1;

pub struct Hasher {
    argon2: Argon2<'static>,
    nobodys_hash: String,
    permits: Arc<Semaphore>,
    verifications: AtomicU64,
}

impl Hasher {
    /// As many hashes at once as there are cores, less one for everybody else.
    pub fn new(cost: Hashing) -> Result<Self, Error> {
        let Hashing { memory_kib, passes } = cost;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let params = Params::new(memory_kib, passes, LANES, None).map_err(|error| Error::internal(format!("argon2: {error}")))?;
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            nobodys_hash: nobodys_hash(cost),
            permits: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            verifications: AtomicU64::new(0),
        })
    }

    pub async fn hash(&self, password: &SecretString) -> Result<String, Error> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let hash = self.take_turn(move || argon2.hash_password(password.expose_secret().as_bytes())).await?;
        Ok(hash.map_err(|error| Error::internal(format!("argon2: {error}")))?.to_string())
    }

    /// Without a stored hash (nobody has this login, or no password) it takes as long and says no.
    pub async fn verify(&self, password: &SecretString, stored: Option<&str>) -> Result<bool, Error> {
        self.verifications.fetch_add(1, Ordering::Relaxed);
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.nobodys_hash).to_owned();
        let fits = self
            .take_turn(move || {
                let hash = PasswordHash::new(&stored)?;
                Ok(argon2.verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
            })
            .await?
            .map_err(|error: argon2::password_hash::phc::Error| Error::internal(format!("a stored password hash: {error}")))?;
        Ok(fits && known)
    }

    /// How many passwords were verified so far: known and unknown logins must cost the same.
    pub fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    async fn take_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let permit = self.permits.clone().acquire_owned().await?;
        // The permit goes with the work: a request that gives up does not let the next one in early.
        let work = move || {
            let result = work();
            drop(permit);
            result
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}

/// In PHC form, and as costly as all others. Its salt and its output are chosen, not computed: no password fits.
fn nobodys_hash(Hashing { memory_kib, passes }: Hashing) -> String {
    let output = "A".repeat(43);
    format!("$argon2id$v=19$m={memory_kib},t={passes},p={LANES}$bm9ib2R5bm9ib2R5bm9ibw${output}")
}
