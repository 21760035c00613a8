//! The database: a pool of connections, reads that may lag, transactions, and who tells whom of a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use deadpool::managed::{Object, Timeouts};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use futures_util::FutureExt;

use crate::error::Error;

pub mod cached;
pub mod embedded;
pub mod migrate;
pub mod notices;
pub mod schema;
pub mod tls;
mod transaction;

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;
type Pool = deadpool::managed::Pool<Manager>;

/// A connection lent by the pool. Queries take it as `&mut Conn`.
pub type Conn = AsyncPgConnection;

#[derive(Clone)]
pub struct Db {
    pool: Pool,
    replica: Option<Pool>,
    target: tls::Target,
    statements: Arc<AtomicU64>,
}

/// How long a request waits for a connection before it is refused: longer than a burst, shorter than its own time limit.
const WAIT: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);

impl Db {
    /// Opens no connection yet: the first query does.
    pub fn new(target: tls::Target, replica: Option<tls::Target>, pool_size: usize) -> Result<Self, Error> {
        let statements = Arc::new(AtomicU64::new(0));
        let replica = replica.map(|target| pool(&target, pool_size, &statements)).transpose()?;
        Ok(Self { pool: pool(&target, pool_size, &statements)?, replica, target, statements })
    }

    /// For everything that writes, and for reads that must see what was just written.
    pub async fn conn(&self) -> Result<Object<Manager>, Error> {
        Ok(self.pool.get().await?)
    }

    /// For reads that may lag behind: lists, searches, published trees. While the replica does not answer, the primary does.
    pub async fn read(&self) -> Result<Object<Manager>, Error> {
        if let Some(replica) = &self.replica {
            match replica.get().await {
                Ok(conn) => return Ok(conn),
                Err(cause) => tracing::warn!(%cause, "the replica does not answer: reading from the primary"),
            }
        }
        self.conn().await
    }

    /// Where this database is, for connections that live outside the pool.
    pub fn target(&self) -> &tls::Target {
        &self.target
    }

    /// How many statements were sent so far: tests assert what a query costs.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    pub fn status(&self) -> deadpool::Status {
        self.pool.status()
    }

    /// Connections that are out finish their work; nobody gets a new one.
    pub fn close(&self) {
        self.pool.close();
        if let Some(replica) = &self.replica {
            replica.close();
        }
    }
}

fn pool(target: &tls::Target, size: usize, statements: &Arc<AtomicU64>) -> Result<Pool, Error> {
    let mut config = ManagerConfig::default();
    // No query to test a connection: one that the server has closed is known as such, and thrown away.
    config.recycling_method = RecyclingMethod::Fast;
    let (connect_to, statements) = (target.with_limits(), statements.clone());
    config.custom_setup = Box::new(move |_| {
        let (target, statements) = (connect_to.clone(), statements.clone());
        async move {
            let mut conn = target.connect_diesel().await?;
            diesel_async::AsyncConnection::set_instrumentation(&mut conn, StatementLog { statements });
            Ok(conn)
        }
        .boxed()
    });
    let manager = AsyncDieselConnectionManager::new_with_config("", config);
    let timeouts = Timeouts { wait: Some(WAIT), create: Some(CONNECT), recycle: Some(CONNECT) };
    Ok(Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(deadpool::Runtime::Tokio1).build()?)
}

/// Whether PostgreSQL can hold it: chrono knows later years. Cursors bring times that anybody can make up.
pub fn is_storable(time: DateTime<Utc>) -> bool {
    (0..=9999).contains(&time.year())
}

/// Counts statements, and shows them under `RUST_LOG=fixpath::sql=debug` (their text, never their values).
struct StatementLog {
    statements: Arc<AtomicU64>,
}

impl diesel::connection::Instrumentation for StatementLog {
    fn on_connection_event(&mut self, event: diesel::connection::InstrumentationEvent<'_>) {
        if let diesel::connection::InstrumentationEvent::StartQuery { query, .. } = event {
            self.statements.fetch_add(1, Ordering::Relaxed);
            if tracing::enabled!(target: "fixpath::sql", tracing::Level::DEBUG) {
                let text = query.to_string();
                let sql = text.split("-- binds:").next().unwrap_or_default().trim();
                tracing::debug!(target: "fixpath::sql", "{sql}");
            }
        }
    }
}
