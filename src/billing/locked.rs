//! Changes of one customer's rows, one after the other: within this process by a queue, across processes by a lock of the database. What
//! is decided from rows read here is still true when it is written.

use crate::app::App;
use crate::db::{Attempt, Conn, Lock};
use crate::error::Error;

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

/// Runs `body` in a transaction that alone changes what belongs to one key: a customer's id, or for what has no customer its own.
pub async fn transaction<T, F>(app: &App, key: &str, body: F) -> Result<T, Refused>
where
    F: for<'conn> AsyncFn(&'conn mut Conn) -> Result<T, Error> + for<'conn> Attempt<'conn, T> + Send + Sync,
    T: Send,
{
    // No connection is held while others of this process have their turn.
    let _turn = app.queues.enter(key).await.ok_or(Refused::Busy)?;
    let lock = Lock::named(format!("stripe:{key}"));
    let mut races = 1;
    loop {
        match app.db.transaction_under(&lock, &body).await {
            Err(error) if races < RACES && lost_a_race(&error) => races += 1,
            result => return result.map_err(Refused::by),
        }
    }
}

fn is_busy(error: &Error) -> bool {
    let held = matches!(error, Error::RateLimited(_));
    let no_connection = matches!(
        error.cause(),
        Some(deadpool::managed::PoolError::<diesel_async::pooled_connection::PoolError>::Timeout(deadpool::managed::TimeoutType::Wait))
    );
    held || no_connection
}

/// Somebody with another key wrote the same row first.
fn lost_a_race(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind, Error as DbError};
    matches!(error.database(), Some(DbError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)))
}
