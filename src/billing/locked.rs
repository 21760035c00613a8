//! Changes of one customer's rows, one after the other: within this process by a queue, across processes by a lock of the database. What
//! is decided from rows read here is still true when it is written.
//!
//! The lock is the transaction's first statement, alone: a statement that locks and reads sees what was there before it waited. A
//! transaction takes exactly one such lock, hence no two can wait for each other.

use std::future::Future;

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use crate::app::App;
use crate::db::cached::Cached;
use crate::db::{Attempt, Conn};
use crate::error::Error;

/// How long the database's lock, or a row, is waited for.
const LOCK_TIMEOUT: &str = "2s";
/// A race that was lost to another key's transaction is run again; it then sees what the other has written.
const RACES: u32 = 3;

/// Why nothing was done.
#[derive(Debug)]
pub enum Refused {
    /// Too many wait for the same, or somebody holds it for long. Nothing is wrong: come again.
    Busy,
    Failed(Error),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Busy => Self::RateLimited(2),
            Refused::Failed(error) => error,
        }
    }
}

/// Runs `body` in a transaction under the lock of `key`: a customer's id, or for what has no customer its own. Like every transaction's,
/// the body may run more than once.
pub async fn locked<T, F>(app: &App, key: &str, body: F) -> Result<T, Refused>
where
    F: for<'conn> AsyncFn(&'conn mut Conn) -> Result<T, Error> + for<'conn> Attempt<'conn, T> + Send + Sync,
    T: Send,
{
    let Some(_turn) = app.queues.enter(key).await else { return Err(Refused::Busy) };
    let lock = format!("stripe:{key}");
    let mut race = 1;
    loop {
        let (lock, body) = (&lock, &body);
        let result = app
            .db
            .transaction(async |conn| {
                take(conn, lock).await?;
                body(conn).await
            })
            .await;
        match result {
            Ok(value) => return Ok(value),
            Err(error) if is_busy(&error) => return Err(Refused::Busy),
            Err(error) if lost_a_race(&error) && race < RACES => race += 1,
            Err(error) => return Err(Refused::Failed(error)),
        }
    }
}

async fn take(conn: &mut Conn, lock: &str) -> Result<(), Error> {
    let query = diesel::sql_query(format!(
        "SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true), pg_advisory_xact_lock(hashtextextended($1, 0))"
    ));
    Cached(query.bind::<Text, _>(lock)).execute(conn).await?;
    Ok(())
}

fn is_busy(error: &Error) -> bool {
    let lock_timeout = match error.database() {
        // diesel has no kind for it; `lc_messages = C` is set on each connection.
        Some(diesel::result::Error::DatabaseError(_, info)) => info.message().contains("due to lock timeout"),
        _ => false,
    };
    let no_connection = matches!(
        error.cause(),
        Some(deadpool::managed::PoolError::<diesel_async::pooled_connection::PoolError>::Timeout(deadpool::managed::TimeoutType::Wait))
    );
    lock_timeout || no_connection
}

/// Somebody with another key wrote the same row first.
fn lost_a_race(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind, Error as DbError};
    matches!(error.database(), Some(DbError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
}
