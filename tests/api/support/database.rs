//! A real database for each test: one private PostgreSQL a process, one migrated template, and a clone of it for each test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fixpath::db::migrate::{Direction, migrate};
use fixpath::db::tls::Target;
use fixpath::db::{Db, embedded};
use tokio::sync::{mpsc, oneshot};

use super::jobs::HOLD;

/// As `main` does. All tests are one process, so one of them is the first.
pub fn install_cryptography() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// One test's database. Dropping it drops the database.
pub struct Database {
    name: String,
    pub url: String,
}

impl Database {
    pub async fn new() -> Self {
        install_cryptography();
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let keeper = keeper();
        keeper.run(format!("CREATE DATABASE {name} TEMPLATE template {}", keeper.strategy)).await;
        Self { url: keeper.url.replace("/postgres?", &format!("/{name}?")), name }
    }

    /// An empty one, without migrations.
    pub async fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("empty_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let keeper = keeper();
        keeper.run(format!("CREATE DATABASE {name}")).await;
        Self { url: keeper.url.replace("/postgres?", &format!("/{name}?")), name }
    }

    /// The same one by another way.
    pub fn reached_by(mut self, url: String) -> Self {
        self.url = url;
        self
    }

    /// Another one with the same content. Nobody may be connected to this one meanwhile.
    pub async fn copy(&self) -> Self {
        self.disconnect_all().await;
        let name = format!("{}_copy", self.name);
        keeper().run(format!("CREATE DATABASE {name} TEMPLATE {}", self.name)).await;
        Self { url: keeper().url.replace("/postgres?", &format!("/{name}?")), name }
    }

    /// Whether anybody may connect to it. Who is connected already stays so.
    pub async fn admit(&self, admit: bool) {
        keeper().run(format!("ALTER DATABASE {} ALLOW_CONNECTIONS {admit}", self.name)).await;
    }

    /// Ends all its connections, as a restart of the server would.
    pub async fn disconnect_all(&self) {
        keeper().run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", self.name)).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Not waited for: the server is there for as long as the process is.
        let (done, _) = oneshot::channel();
        let _ = keeper().statements.send((format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name), done));
    }
}

/// The thread that runs PostgreSQL, and its connection that creates and drops databases. PostgreSQL dies with the thread that started
/// it, so that thread lives as long as the process.
struct Keeper {
    url: String,
    strategy: &'static str,
    statements: mpsc::UnboundedSender<(String, oneshot::Sender<()>)>,
}

impl Keeper {
    async fn run(&self, statement: String) {
        let (done, waiting) = oneshot::channel();
        self.statements.send((statement, done)).expect("the database's thread runs");
        waiting.await.expect("the statement succeeds");
    }
}

fn keeper() -> &'static Keeper {
    static KEEPER: OnceLock<Keeper> = OnceLock::new();
    KEEPER.get_or_init(|| {
        let (ready, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(keep(ready));
        });
        started.recv().expect("PostgreSQL starts")
    })
}

async fn keep(ready: std::sync::mpsc::Sender<Keeper>) {
    let folder = folder();
    let pg_bin = std::env::var_os("PG_BIN").map(PathBuf::from);
    let postgres =
        embedded::start(&embedded::Options { data_dir: folder, pg_bin, durable: false }).unwrap_or_else(|error| panic!("{error}"));
    let url = postgres.url("postgres");
    let (client, connection) = Target::parse(&url).unwrap().connect().await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE DATABASE template").await.unwrap();
    let template = Db::new(Target::parse(&postgres.url("template")).unwrap(), None, 1).unwrap();
    migrate(&template, Direction::Up).await.unwrap_or_else(|error| panic!("{error:?}"));
    diesel_async::SimpleAsyncConnection::batch_execute(&mut *template.conn().await.unwrap(), HOLD).await.unwrap();
    template.close();

    let version: i32 = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await.unwrap().get(0);
    // Copying files is several times faster than writing each page to the log, which is what newer versions do by default.
    let strategy = if version >= 150_000 { "STRATEGY file_copy" } else { "" };
    let (statements, mut queue) = mpsc::unbounded_channel::<(String, oneshot::Sender<()>)>();
    let keeper = Keeper { url, strategy, statements };
    ready.send(keeper).ok();
    while let Some((statement, done)) = queue.recv().await {
        match client.batch_execute(&statement).await {
            Ok(()) => drop(done.send(())),
            Err(error) => eprintln!("{statement}: {error:?}"),
        }
    }
}

/// In memory, where there is room: making a database of some hundred files then takes 16 ms instead of 200.
const IN_MEMORY: &str = "/dev/shm";
const ROOM: u64 = 4 << 30;

/// Below a folder that PostgreSQL's user can enter. What killed processes left is removed.
fn folder() -> PathBuf {
    let room = rustix::fs::statvfs(IN_MEMORY).map_or(0, |memory| memory.f_bavail * memory.f_frsize);
    let home = if room >= ROOM { PathBuf::from(IN_MEMORY) } else { std::env::temp_dir() };
    for entry in std::fs::read_dir(&home).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix("fixpath-tests-").and_then(|process| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    let folder = home.join(format!("fixpath-tests-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
