//! The queue's tables, which belong to graphile_worker: what it has no function for, in one place.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use graphile_worker::{Job as Row, WorkerOptions};

use super::driver::Driver;
use super::run::Task;
use crate::db::tls::Target;
use crate::db::{Conn, Db};
use crate::error::Error;

/// graphile_worker's newest migration.
const VERSION: i32 = 22;
/// Of an error's text: enough to find the cause in the log.
const ERROR_MAX: usize = 500;

/// Brings the queue's tables to this binary's version, and registers the name of our tasks. Part of `fixpath migrate`.
pub async fn migrate(target: &Target) -> Result<(), Error> {
    let worker = WorkerOptions::default().database(graphile_worker::Database::new(Driver::new(target, 1)?)).define_job::<Task>();
    worker.init().await?;
    Ok(())
}

pub async fn is_current(db: &Db) -> Result<bool, Error> {
    #[derive(diesel::QueryableByName)]
    struct Exists {
        #[diesel(sql_type = Bool)]
        there: bool,
    }
    let mut conn = db.conn().await?;
    let table: Exists =
        diesel::sql_query("SELECT to_regclass('graphile_worker.migrations') IS NOT NULL AS there").get_result(&mut conn).await?;
    if !table.there {
        return Ok(false);
    }
    let newest = diesel::sql_query("SELECT coalesce(max(id), 0) >= $1 AS there FROM graphile_worker.migrations");
    let newest: Exists = newest.bind::<diesel::sql_types::Integer, _>(VERSION).get_result(&mut conn).await?;
    Ok(newest.there)
}

/// Gives a job that failed back to the queue. It gets a new id: whatever the worker still does to the old one does nothing. False when
/// the job was replaced while it ran: then the newer one does its work.
pub async fn retry(conn: &mut Conn, row: &Row, error: &str, at: DateTime<Utc>) -> Result<bool, Error> {
    let query = diesel::sql_query(
        "UPDATE graphile_worker._private_jobs SET id = DEFAULT, run_at = $3, last_error = $4, locked_at = NULL, locked_by = NULL, \
         updated_at = now() WHERE id = $1 AND locked_by = $2 AND key IS NOT DISTINCT FROM $5",
    );
    let updated = query
        .bind::<BigInt, _>(*row.id())
        .bind::<Text, _>(holder(row))
        .bind::<Timestamptz, _>(at)
        .bind::<Text, _>(shortened(error))
        .bind::<diesel::sql_types::Nullable<Text>, _>(row.key().as_deref())
        .execute(conn)
        .await?;
    Ok(updated == 1)
}

/// Keeps a job that failed for good: nobody is given it any more.
pub async fn bury(conn: &mut Conn, row: &Row, error: &str) -> Result<bool, Error> {
    let query = diesel::sql_query(
        "UPDATE graphile_worker._private_jobs SET id = DEFAULT, attempts = max_attempts, last_error = $3, locked_at = NULL, \
         locked_by = NULL, updated_at = now() WHERE id = $1 AND locked_by = $2 AND key IS NOT DISTINCT FROM $4",
    );
    let updated = query
        .bind::<BigInt, _>(*row.id())
        .bind::<Text, _>(holder(row))
        .bind::<Text, _>(shortened(error))
        .bind::<diesel::sql_types::Nullable<Text>, _>(row.key().as_deref())
        .execute(conn)
        .await?;
    Ok(updated == 1)
}

fn holder(row: &Row) -> &str {
    row.locked_by().as_deref().unwrap_or_default()
}

fn shortened(error: &str) -> String {
    error.chars().filter(|letter| *letter != '\0').take(ERROR_MAX).collect()
}
