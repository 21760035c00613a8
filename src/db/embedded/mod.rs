//! A private PostgreSQL, run by the server itself when no `DATABASE_URL` is set.
//!
//! **Home**: the folder that holds everything of it: the *cluster* (PostgreSQL's own data), its log, its socket and a lock.
//! It is the data folder, except where the user who runs PostgreSQL cannot enter it (`system_user.rs`).
//! **Postmaster**: PostgreSQL's first process, the parent of all its others.
//!
//! Rules: one Fixpath per home (a lock held for life says so); the postmaster is reachable through the socket alone, which other
//! users cannot reach; it dies with us, however we die; it is started again if something else ends it; and whatever a killed server left
//! behind is put right at the next start.

mod binaries;
mod cluster;
mod death;
mod postmaster;
mod socket;
mod system_user;

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use postmaster::{Paths, Postmaster};
use system_user::SystemUser;

/// The database's superuser. There is no password: whoever reaches the socket is let in, and only we reach it.
const USER: &str = "fixpath";
/// Names the socket file; nothing listens on TCP.
const PORT: u16 = 5432;
/// The cluster's folder in its home.
const CLUSTER: &str = "postgres";

pub struct Options {
    pub data_dir: PathBuf,
    /// A folder with `initdb` and `postgres`; looked for in the usual places when absent.
    pub pg_bin: Option<PathBuf>,
    /// False for tests: nothing is flushed to disk, and it is killed rather than shut down.
    pub durable: bool,
}

/// Why there is no database, as one sentence for the person who started the server.
#[derive(Debug)]
pub struct EmbeddedError(String);

impl fmt::Display for EmbeddedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EmbeddedError {}

/// A running private PostgreSQL. Dropping it stops it.
pub struct Embedded {
    postmaster: Kept,
    socket_dir: PathBuf,
    /// Released last, when the postmaster is gone.
    _lock: File,
}

/// None once it was stopped.
type Kept = Arc<Mutex<Option<Postmaster>>>;

/// Between two looks at whether it still runs.
const LOOK: Duration = Duration::from_millis(500);

/// Starts PostgreSQL and returns when it answers. Blocks: to be called outside the async runtime.
pub fn start(options: &Options) -> Result<Embedded, EmbeddedError> {
    let data_dir = create_home(&options.data_dir)?;
    let user = SystemUser::for_cluster(&data_dir.join(CLUSTER))?;
    let home = create_home(&user.home_for(&data_dir))?;
    if home != data_dir {
        tracing::info!(home = %home.display(), "PostgreSQL's user cannot enter the data folder, so the database is kept elsewhere");
    }
    let lock = lock(&home)?;
    let cluster = home.join(CLUSTER);
    let version = cluster::version(&cluster)?;
    let bin = binaries::find(options.pg_bin.as_deref(), version.as_deref())?;
    if version.is_none() {
        cluster::create(&bin, &cluster, &user, options.durable)?;
    }
    let socket_dir = socket::create_dir(&home, &user)?;
    let paths = Paths { bin, cluster, socket_dir: socket_dir.clone(), log: home.join("postgres.log") };
    let durable = options.durable;
    let start = move || {
        postmaster::clear_leftover(&paths.cluster)?;
        Postmaster::start(&paths, &user, durable)
    };
    let postmaster = Arc::new(Mutex::new(Some(start()?)));
    let kept = Arc::downgrade(&postmaster);
    let keeper = thread::Builder::new().name("postgres-keeper".into()).spawn(move || keep(&kept, &start));
    keeper.map_err(|error| EmbeddedError(format!("cannot start the thread that looks after PostgreSQL: {error}")))?;
    Ok(Embedded { postmaster, socket_dir, _lock: lock })
}

/// Starts it again when something else has ended it: a system short of memory, or a person. Returns when we have.
fn keep(postmaster: &Weak<Mutex<Option<Postmaster>>>, start: &dyn Fn() -> Result<Postmaster, EmbeddedError>) {
    loop {
        thread::sleep(LOOK);
        let Some(postmaster) = postmaster.upgrade() else { return };
        let mut postmaster = postmaster.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(postmaster) = postmaster.as_mut() else { return };
        if postmaster.is_running() {
            continue;
        }
        tracing::error!("the private PostgreSQL has ended, and not by our doing: starting it again");
        match start() {
            Ok(started) => *postmaster = started,
            Err(error) => tracing::error!(%error, "the private PostgreSQL could not be started again; trying once more"),
        }
    }
}

impl Embedded {
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub fn port(&self) -> u16 {
        PORT
    }

    pub fn user(&self) -> &str {
        USER
    }

    /// Where a client finds `database` (a plain name). The folder needs no escaping: `socket.rs` sees to that.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@/{database}?host={}&port={PORT}", self.socket_dir.display())
    }

    /// Ends all connections, shuts PostgreSQL down and waits until it is gone.
    pub fn stop(self) {}
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(mut postmaster) = self.postmaster.lock().unwrap_or_else(PoisonError::into_inner).take() {
            postmaster.stop();
        }
    }
}

fn create_home(dir: &Path) -> Result<PathBuf, EmbeddedError> {
    let home = std::fs::create_dir_all(dir).and_then(|()| dir.canonicalize());
    home.map_err(|error| EmbeddedError(format!("DATA_DIR: {} cannot be used: {error}", dir.display())))
}

/// Not at once: a program that is being started shares all locks for a moment, and one that ends keeps its own until it has.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if tries < 10 => std::thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
        tries += 1;
    }
}

/// The system releases the lock when we end, however we end. The file itself stays: removing it would race with the next start.
fn lock(home: &Path) -> Result<File, EmbeddedError> {
    let path = home.join("postgres.lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| failed("open the lock file", &path, &error))?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The number is a courtesy: without it the sentence still holds.
            let _ = file.read_to_string(&mut holder);
            return Err(EmbeddedError(format!(
                "another Fixpath (process {}) uses the data folder {}: stop it, or set DATA_DIR to another folder",
                holder.trim(),
                home.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path, &error)),
    }
    file.set_len(0)
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
        .map_err(|error| failed("write the lock file", &path, &error))?;
    Ok(file)
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> EmbeddedError {
    EmbeddedError(format!("cannot {what} {}: {error}", path.display()))
}
