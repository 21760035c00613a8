//! The queue in tests: it runs when a test says so, by the test's clock, and is empty when the test ends.

use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::RunQueryDsl;
use fixpath::app::App;
use fixpath::db::tls::Target;
use fixpath::jobs::{self, Job};

use super::TestApp;

/// Jobs that are due by the app's clock are due now, for the database; all others wait for another age.
/// (What was enqueued without a time has `run_at = updated_at`, by the database's clock.)
const DUE: &str = "WITH waiting AS (SELECT id, run_at = updated_at OR run_at <= $1 AS due FROM graphile_worker._private_jobs
    WHERE is_available AND run_at < '2900-01-01')
    UPDATE graphile_worker._private_jobs AS job
    SET run_at = CASE WHEN due THEN now() - interval '1 second' ELSE run_at + interval '1000 years' END
    FROM waiting WHERE waiting.id = job.id RETURNING due::int::bigint AS number";
const RESTORE: &str =
    "UPDATE graphile_worker._private_jobs SET run_at = run_at - interval '1000 years' WHERE run_at >= '2900-01-01' RETURNING 1::bigint AS number";

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl TestApp {
    /// Runs what is due, and what that makes due, until nothing is.
    pub async fn run_jobs(&self) {
        let worker = self.worker.get_or_init(async || jobs::worker::build(&self.app, 1).await.unwrap()).await;
        loop {
            let now = self.app.clock.now();
            let jobs: Vec<Number> = diesel::sql_query(DUE).bind::<Timestamptz, _>(now).load(&mut *self.app.db.conn().await.unwrap()).await.unwrap();
            let due: i64 = jobs.iter().map(|job| job.number).sum();
            if due > 0 {
                worker.run_once().await.unwrap();
            }
            if jobs.len() as i64 > due {
                diesel::sql_query(RESTORE).load::<Number>(&mut *self.app.db.conn().await.unwrap()).await.unwrap();
            }
            if due == 0 {
                return;
            }
        }
    }

    /// Enqueues a job and runs all that are due.
    pub async fn run_job(&self, job: &Job) {
        jobs::enqueue(&mut *self.app.db.conn().await.unwrap(), job, None).await.unwrap();
        self.run_jobs().await;
    }

    /// Says that this test leaves jobs in the queue deliberately.
    pub fn leave_jobs(&self) {
        self.leaves_jobs.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// What is in the queue of this app's database, as text. A database that is away or was never migrated has none.
pub fn left(app: &App) -> Vec<String> {
    let target = app.db.target().clone();
    // A test's runtime cannot wait for anything while it is dropped.
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(list(target))
    });
    thread.join().unwrap()
}

async fn list(target: Target) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let Ok(mut conn) = target.connect_diesel().await else { return Vec::new() };
    let there = diesel::sql_query("SELECT 1::bigint AS number WHERE to_regclass('graphile_worker._private_jobs') IS NOT NULL");
    if there.get_result::<Number>(&mut conn).await.optional().unwrap().is_none() {
        return Vec::new();
    }
    let lines = diesel::sql_query("SELECT concat(payload, ' ', last_error) AS line FROM graphile_worker._private_jobs ORDER BY id");
    lines.load(&mut conn).await.unwrap().into_iter().map(|Line { line }| line).collect()
}
