//! A lock with a name, across processes, that a transaction takes at its beginning and holds to its end.

use diesel::QueryResult;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::Conn;
use super::cached::Cached;
use crate::error::Error;

/// How long the lock, or a row, is waited for.
const LOCK_TIMEOUT: &str = "2s";
/// Seconds after which whoever did not get it may try again.
const RETRY_AFTER: u64 = 2;

/// It is taken by a statement of its own: one that locks and reads sees what was there before it waited. A transaction takes at most one
/// such lock, hence no two can wait for each other.
pub struct Lock(String);

impl Lock {
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub(super) async fn take(&self, mut conn: &Conn) -> QueryResult<()> {
        let query = diesel::sql_query(format!(
            "SELECT set_config('lock_timeout', '{LOCK_TIMEOUT}', true), pg_advisory_xact_lock(hashtextextended($1, 0))"
        ));
        Cached(query.bind::<Text, _>(&self.0)).execute(&mut conn).await.map(|_| ())
    }
}

/// Somebody who holds the lock, or a row, for long is no fault: nothing was done, and whoever waited comes again.
pub(super) fn come_again(error: Error) -> Error {
    match error.database() {
        // diesel has no kind for it; `lc_messages = C` is set on each connection.
        Some(diesel::result::Error::DatabaseError(_, info)) if info.message().contains("due to lock timeout") => {
            Error::RateLimited(RETRY_AFTER)
        }
        _ => error,
    }
}
