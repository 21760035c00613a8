//! One transaction helper for all: commit on Ok, roll back on Err, again on a serialisation failure or a deadlock.

use std::future::Future;
use std::time::Duration;

use diesel::result::DatabaseErrorKind;

use super::lent::Lent;
use super::lock::come_again;
use super::{Conn, Db, Lock};
use crate::error::Error;

/// A transaction that lost a race this often is answered with an error: something else is wrong.
const ATTEMPTS: u32 = 5;

/// One try of a transaction's body. It exists to say that the body's future can move between threads, which `AsyncFn` alone
/// cannot say.
pub trait Attempt<'conn, T>: Fn(&'conn mut Conn) -> Self::Future {
    type Future: Future<Output = Result<T, Error>> + Send;
}

impl<'conn, T, F, Fut> Attempt<'conn, T> for F
where
    F: Fn(&'conn mut Conn) -> Fut,
    Fut: Future<Output = Result<T, Error>> + Send,
{
    type Future = Fut;
}

impl Db {
    /// Runs `body` in a transaction (READ COMMITTED). It may run more than once, so it must not do anything but SQL: mails, notices
    /// and answers come after it has returned.
    pub async fn transaction<T, F>(&self, body: F) -> Result<T, Error>
    where
        F: for<'conn> AsyncFn(&'conn mut Conn) -> Result<T, Error> + for<'conn> Attempt<'conn, T> + Send + Sync,
        T: Send,
    {
        self.run(None, &body).await
    }

    /// The same while it holds a lock: what `body` reads stays true until its end. `RateLimited`: somebody else has held it for too long.
    pub async fn transaction_under<T, F>(&self, lock: &Lock, body: &F) -> Result<T, Error>
    where
        F: for<'conn> AsyncFn(&'conn mut Conn) -> Result<T, Error> + for<'conn> Attempt<'conn, T> + Send + Sync,
        T: Send,
    {
        self.run(Some(lock), body).await.map_err(come_again)
    }

    async fn run<T, F>(&self, lock: Option<&Lock>, body: &F) -> Result<T, Error>
    where
        F: for<'conn> AsyncFn(&'conn mut Conn) -> Result<T, Error> + for<'conn> Attempt<'conn, T> + Send + Sync,
        T: Send,
    {
        let mut attempt = 1;
        loop {
            let mut conn = self.conn().await?;
            match try_once(&mut conn, lock, body).await {
                Err(error) if attempt < ATTEMPTS && lost_a_race(&error) => {
                    drop(conn);
                    let jitter = rand::random_range(0.5..1.5);
                    tokio::time::sleep(Duration::from_millis(10 << attempt).mul_f64(jitter)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

async fn try_once<T, F>(conn: &mut Lent, lock: Option<&Lock>, body: &F) -> Result<T, Error>
where
    F: for<'conn> AsyncFn(&'conn mut Conn) -> Result<T, Error> + for<'conn> Attempt<'conn, T> + Send + Sync,
{
    let result = match conn.begin(lock).await {
        Ok(()) => body(conn).await,
        Err(error) => Err(error.into()),
    };
    let result = match result {
        Ok(value) => conn.commit().await.map(|()| value).map_err(Error::from),
        Err(error) => Err(error),
    };
    if result.is_err() {
        // If the connection is gone there is nothing to roll back, and the error already says so.
        conn.roll_back().await.ok();
    }
    result
}

/// 40001 and 40P01. diesel has no kind for a deadlock: its message is matched, and `lc_messages = C` is set on each connection.
fn lost_a_race(error: &Error) -> bool {
    match error.database() {
        Some(diesel::result::Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        Some(diesel::result::Error::DatabaseError(_, info)) => info.message() == "deadlock detected",
        _ => false,
    }
}
