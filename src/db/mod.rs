//! The database: pools of connections, reads that may lag, transactions, and who tells whom of a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Datelike, Utc};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;

use crate::error::Error;

pub mod cached;
pub mod embedded;
mod lent;
mod lock;
pub mod migrate;
pub mod notices;
mod pool;
pub mod remembered;
mod replica;
pub mod schema;
pub mod tls;
mod transaction;

use lent::Lent;
pub use lock::Lock;
use pool::Pool;
use replica::Replica;
pub use transaction::Attempt;

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;

/// A connection lent by the pool. Queries take it as `&mut Conn`.
pub type Conn = AsyncPgConnection;

#[derive(Clone)]
pub struct Db {
    pool: Pool,
    replica: Option<Replica>,
    target: tls::Target,
    statements: Arc<AtomicU64>,
}

impl Db {
    /// Opens no connection yet: the first query does.
    pub fn new(target: tls::Target, replica: Option<tls::Target>, pool_size: usize) -> Result<Self, Error> {
        let statements = Arc::new(AtomicU64::new(0));
        let pool = |target: &tls::Target| Pool::new(target, pool_size, &statements);
        let replica = replica.as_ref().map(pool).transpose()?.map(Replica::new);
        Ok(Self { pool: pool(&target)?, replica, target, statements })
    }

    /// For everything that writes, and for reads that must see what was just written.
    pub async fn conn(&self) -> Result<Lent, Error> {
        self.pool.lend().await
    }

    /// For reads that may lag behind: lists, searches, published trees. While the replica does not answer, the primary does.
    pub async fn read(&self) -> Result<Lent, Error> {
        if let Some(replica) = &self.replica
            && let Some(conn) = replica.lend().await
        {
            return Ok(conn);
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

/// Whether PostgreSQL can hold it: chrono knows later years. Cursors bring times that anybody can make up.
pub fn is_storable(time: DateTime<Utc>) -> bool {
    (0..=9999).contains(&time.year())
}
