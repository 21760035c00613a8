//! Changes of one customer's rows, one after the other: within this process by a queue, across processes by a lock of the database. What
//! is decided from rows read here is still true when it is written.
//!
//! The lock is the transaction's first statement, alone: a statement that locks and reads sees what was there before it waited. A
//! transaction takes exactly one such lock, hence no two can wait for each other.

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::queue::Turn;
use crate::app::App;
use crate::db::Conn;
use crate::db::cached::Cached;
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

impl Refused {
    /// What kept somebody from doing it.
    pub fn by(error: Error) -> Self {
        if is_busy(&error) { Self::Busy } else { Self::Failed(error) }
    }
}

/// The right to change what belongs to one key: a customer's id, or for what has no customer its own. Others wait until it is dropped.
pub struct Locked {
    _turn: Turn,
    lock: String,
    races: u32,
}

/// Waits for the key's turn within this process. No connection is held meanwhile.
pub async fn turn(app: &App, key: &str) -> Result<Locked, Refused> {
    let turn = app.queues.enter(key).await.ok_or(Refused::Busy)?;
    Ok(Locked { _turn: turn, lock: format!("stripe:{key}"), races: 0 })
}

impl Locked {
    /// To be the first statement of the transaction.
    pub async fn lock(&self, conn: &mut Conn) -> Result<(), Error> {
        let query = diesel::sql_query(format!(
            "SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true), pg_advisory_xact_lock(hashtextextended($1, 0))"
        ));
        Cached(query.bind::<Text, _>(&self.lock)).execute(conn).await?;
        Ok(())
    }

    /// After the transaction has failed. Ok: it lost a race, and is to be run once more.
    pub fn again(&mut self, error: Error) -> Result<(), Refused> {
        self.races += 1;
        if lost_a_race(&error) && self.races < RACES { Ok(()) } else { Err(Refused::by(error)) }
    }
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
