//! The queue's tables, which belong to graphile_worker: what it has no function for, in one place.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Json, Nullable, SmallInt, Text, Timestamptz};
use diesel::{QueryResult, QueryableByName};
use diesel_async::RunQueryDsl;
use graphile_worker::{Job as Row, WorkerOptions};
use serde_json::Value;

use super::driver::Driver;
use super::registry;
use super::run::Task;
use crate::db::tls::Target;
use crate::db::{Conn, Db};
use crate::error::Error;

/// graphile_worker's newest migration.
pub const VERSION: i32 = 22;
/// Of an error's text: enough to find the cause in the log.
const ERROR_MAX: usize = 500;

/// Brings the queue's tables to this binary's version, and registers the name of our tasks. Part of `fixpath migrate`.
pub async fn migrate(target: &Target) -> Result<(), Error> {
    let worker = WorkerOptions::default().database(graphile_worker::Database::new(Driver::new(target, 1)?)).define_job::<Task>();
    worker.init().await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    there: bool,
}

pub async fn is_current(db: &Db) -> Result<bool, Error> {
    let mut conn = db.conn().await?;
    let table: Exists =
        diesel::sql_query("SELECT to_regclass('graphile_worker.migrations') IS NOT NULL AS there").get_result(&mut conn).await?;
    if !table.there {
        return Ok(false);
    }
    let newest = diesel::sql_query("SELECT coalesce(max(id), 0) >= $1 AS there FROM graphile_worker.migrations");
    let newest: Exists = newest.bind::<Integer, _>(VERSION).get_result(&mut conn).await?;
    Ok(newest.there)
}

/// Gives a job that failed back to the queue. It gets a new id: whatever the worker still does to the old one does nothing. False when
/// the job was replaced while it ran: then the newer one does its work.
pub async fn retry(conn: &mut Conn, row: &Row, error: &str, at: DateTime<Utc>) -> Result<bool, Error> {
    give_back(conn, row, error, at, 0).await
}

/// The same for a job that was not tried at all, however often that happens: taking it has counted as an attempt.
pub async fn defer(conn: &mut Conn, row: &Row, reason: &str, at: DateTime<Utc>) -> Result<bool, Error> {
    give_back(conn, row, reason, at, 1).await
}

async fn give_back(conn: &mut Conn, row: &Row, reason: &str, at: DateTime<Utc>, untried: i32) -> Result<bool, Error> {
    let query = diesel::sql_query(
        "UPDATE graphile_worker._private_jobs SET id = DEFAULT, run_at = $3, last_error = $4, locked_at = NULL, locked_by = NULL, \
         attempts = attempts - $6, updated_at = now() WHERE id = $1 AND locked_by = $2 AND key IS NOT DISTINCT FROM $5",
    );
    let updated = query
        .bind::<BigInt, _>(*row.id())
        .bind::<Text, _>(holder(row))
        .bind::<Timestamptz, _>(at)
        .bind::<Text, _>(shortened(reason))
        .bind::<Nullable<Text>, _>(row.key().as_deref())
        .bind::<Integer, _>(untried)
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
        .bind::<Nullable<Text>, _>(row.key().as_deref())
        .execute(conn)
        .await?;
    Ok(updated == 1)
}

/// What is in the queue now.
#[derive(Debug, QueryableByName)]
pub struct Measures {
    #[diesel(sql_type = BigInt)]
    pub due: i64,
    #[diesel(sql_type = BigInt)]
    pub later: i64,
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    #[diesel(sql_type = BigInt)]
    pub dead: i64,
    #[diesel(sql_type = BigInt)]
    pub outbox: i64,
    /// For how long the longest waiting job has been due, or on its way into the queue.
    #[diesel(sql_type = BigInt)]
    pub oldest_seconds: i64,
}

pub async fn measure(conn: &mut Conn) -> QueryResult<Measures> {
    let query = format!(
        "SELECT count(*) FILTER (WHERE is_available AND run_at <= now()) AS due,
                count(*) FILTER (WHERE is_available AND run_at > now()) AS later,
                count(*) FILTER (WHERE locked_at IS NOT NULL) AS running,
                count(*) FILTER (WHERE {DEAD}) AS dead,
                (SELECT count(*) FROM outbox) AS outbox,
                coalesce(extract(epoch FROM now() - least(min(run_at) FILTER (WHERE is_available AND run_at <= now()),
                    (SELECT min(put_at) FROM outbox))), 0)::bigint AS oldest_seconds
         FROM graphile_worker._private_jobs AS job"
    );
    diesel::sql_query(query).get_result(conn).await
}

/// Not to be handed out any more, and not replaced by a newer one.
const DEAD: &str = "job.locked_at IS NULL AND job.attempts >= job.max_attempts
    AND NOT EXISTS (SELECT FROM graphile_worker._private_job_retirements AS retired WHERE retired.id = job.id)";

/// A job that failed for good.
#[derive(Clone, Debug, QueryableByName)]
pub struct DeadJob {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Json)]
    payload: Value,
    #[diesel(sql_type = Nullable<Text>)]
    pub key: Option<String>,
    #[diesel(sql_type = SmallInt)]
    pub attempts: i16,
    #[diesel(sql_type = Nullable<Text>)]
    pub last_error: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    pub died_at: DateTime<Utc>,
}

impl DeadJob {
    /// As in the registry.
    pub fn name(&self) -> &str {
        registry::name_of(&self.payload)
    }

    /// The ids that it is about.
    pub fn subject(&self) -> Option<&Value> {
        self.payload.get("with")
    }
}

/// The newest first.
pub async fn dead(conn: &mut Conn, limit: i64) -> QueryResult<Vec<DeadJob>> {
    let query = format!(
        "SELECT id, payload, key, attempts, last_error, created_at, updated_at AS died_at \
         FROM graphile_worker._private_jobs AS job WHERE {DEAD} ORDER BY updated_at DESC, id DESC LIMIT $1"
    );
    diesel::sql_query(query).bind::<BigInt, _>(limit).load(conn).await
}

/// What a job is called is known by reading it: of one of billing's, the queue knows only whose it is.
async fn dead_named(conn: &mut Conn, name: &str) -> QueryResult<Vec<i64>> {
    Ok(dead(conn, i64::MAX).await?.iter().filter(|job| job.name() == name).map(|job| job.id).collect())
}

/// Gives dead jobs of one name another set of attempts. How many there were.
pub async fn revive(conn: &mut Conn, name: &str) -> QueryResult<usize> {
    let ids = dead_named(conn, name).await?;
    let query = format!(
        "SELECT id FROM graphile_worker.reschedule_jobs(ARRAY (SELECT id FROM graphile_worker._private_jobs AS job \
         WHERE id = ANY ($1) AND {DEAD}), now(), attempts => 0)"
    );
    diesel::sql_query(query).bind::<Array<BigInt>, _>(ids).execute(conn).await
}

/// Deletes dead jobs of one name. How many there were.
pub async fn drop_dead(conn: &mut Conn, name: &str) -> QueryResult<usize> {
    let ids = dead_named(conn, name).await?;
    let query = format!("DELETE FROM graphile_worker._private_jobs AS job WHERE id = ANY ($1) AND {DEAD}");
    diesel::sql_query(query).bind::<Array<BigInt>, _>(ids).execute(conn).await
}

/// Whether a newer job with the same key has taken this one's place.
pub async fn is_replaced(conn: &mut Conn, id: i64) -> QueryResult<bool> {
    let query = diesel::sql_query("SELECT EXISTS (SELECT FROM graphile_worker._private_job_retirements WHERE id = $1) AS there");
    Ok(query.bind::<BigInt, _>(id).get_result::<Exists>(conn).await?.there)
}

/// Deletes what nobody will run: jobs that were replaced by newer ones, and those that died before `before`.
pub async fn sweep(conn: &mut Conn, before: DateTime<Utc>) -> QueryResult<()> {
    let query = "DELETE FROM graphile_worker._private_jobs WHERE locked_at IS NULL AND attempts >= max_attempts \
                 AND (updated_at < $1 OR id IN (SELECT id FROM graphile_worker._private_job_retirements))";
    diesel::sql_query(query).bind::<Timestamptz, _>(before).execute(conn).await?;
    Ok(())
}

fn holder(row: &Row) -> &str {
    row.locked_by().as_deref().unwrap_or_default()
}

fn shortened(error: &str) -> String {
    error.chars().filter(|letter| *letter != '\0').take(ERROR_MAX).collect()
}
