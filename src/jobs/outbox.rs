//! The `outbox` table: jobs of hot paths, on their way into the queue. What billing makes of Stripe's deliveries goes this way.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use super::{Job, TASK, registry};
use crate::app::App;
use crate::db::schema::outbox;
use crate::db::{Conn, Db};
use crate::error::Error;

/// Rows of one statement.
const BATCH: usize = 500;
/// How long a job may wait here before it is on its way.
const PERIOD: Duration = Duration::from_millis(250);
/// After the database was away.
const PAUSE: Duration = Duration::from_secs(2);

/// Like `enqueue`, for paths that run hundreds of times a second: the job is in the queue a moment later.
pub async fn put(conn: &mut Conn, job: &Job, run_at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let attempts = i32::from(registry::policy(job).attempts);
    diesel::insert_into(outbox::table)
        .values((outbox::job.eq(serde_json::to_value(job)?), outbox::max_attempts.eq(attempts), outbox::run_at.eq(run_at)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Moves what is there until `app.stop`.
pub async fn keep_moving(app: &App) {
    while !app.stop.is_cancelled() {
        let pause = match move_all(&app.db).await {
            Ok(_) => PERIOD,
            Err(cause) => {
                tracing::warn!(?cause, "jobs wait in the outbox");
                PAUSE
            }
        };
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// How many jobs went into the queue. Each goes once: it leaves one table and enters the other in one statement, and who comes second
/// skips what the first one holds.
pub async fn move_all(db: &Db) -> Result<usize, Error> {
    #[derive(QueryableByName)]
    struct Moved {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let mut conn = db.conn().await?;
    let mut total = 0;
    loop {
        // Moving nothing would announce it all the same.
        let anything: bool = diesel::select(diesel::dsl::exists(outbox::table.select(outbox::id))).get_result(&mut conn).await?;
        if !anything {
            return Ok(total);
        }
        let query = diesel::sql_query(
            "WITH moved AS (DELETE FROM outbox WHERE id = ANY (ARRAY (SELECT id FROM outbox ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)) \
             RETURNING *), \
             specs AS (SELECT array_agg((ROW ($1, job, NULL, run_at, max_attempts, NULL, NULL, NULL))::graphile_worker.job_spec ORDER BY id) \
             AS specs FROM moved HAVING count(*) > 0) \
             SELECT count(*) AS number FROM specs, graphile_worker.add_jobs(specs.specs)",
        );
        let moved: Moved = query.bind::<Text, _>(TASK).bind::<BigInt, _>(BATCH as i64).get_result(&mut conn).await?;
        let moved = usize::try_from(moved.number).unwrap_or_default();
        total += moved;
        if moved < BATCH {
            return Ok(total);
        }
    }
}
