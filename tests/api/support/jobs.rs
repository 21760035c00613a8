//! The queue in tests: it runs when a test says so, by the test's clock, and is empty when the test ends.

use diesel::sql_types::{Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::RunQueryDsl;
use fixpath::app::App;
use fixpath::db::tls::Target;
use fixpath::jobs::{self, Job};

use super::TestApp;

/// The queue goes by the database's clock, tests by their own. So whatever has a time (what has none has `now()`) is kept an age away,
/// out of the queue's sight, until `run_jobs` finds that it is due. In the template of all test databases.
pub const HOLD: &str = "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.run_at := NEW.run_at + interval '400000 days'; RETURN NEW; END $$;
    CREATE TRIGGER hold BEFORE INSERT OR UPDATE OF run_at ON graphile_worker._private_jobs FOR EACH ROW
    WHEN (NEW.run_at <> now() AND NEW.run_at < '2900-01-01') EXECUTE FUNCTION hold()";

/// For tests of real processes, which go by the real time.
pub const RELEASE: &str = "DROP FUNCTION hold() CASCADE";

const DUE: &str = "UPDATE graphile_worker._private_jobs SET run_at = now() WHERE is_available AND run_at <= $1 + interval '400000 days'
    AND task_id IN (SELECT id FROM graphile_worker._private_tasks WHERE identifier = 'fixpath')";

impl TestApp {
    /// Runs what is due, and what that makes due, until nothing is.
    pub async fn run_jobs(&self) {
        loop {
            jobs::outbox::move_all(&self.app.db).await.unwrap();
            let conn = &mut self.app.db.conn().await.unwrap();
            if diesel::sql_query(DUE).bind::<Timestamptz, _>(self.app.clock.now()).execute(conn).await.unwrap() == 0 {
                return;
            }
            let worker = self.worker.get_or_init(async || jobs::worker::build(&self.app, 1).await.unwrap()).await;
            worker.run_once().await.unwrap();
        }
    }

    /// Enqueues a job and runs all that are due.
    pub async fn run_job(&self, job: &Job) {
        jobs::enqueue(&mut self.app.db.conn().await.unwrap(), job, None).await.unwrap();
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
    let there = diesel::sql_query(
        "SELECT to_regclass('graphile_worker._private_jobs')::text AS line FROM pg_class WHERE relname = '_private_jobs'",
    );
    if there.get_result::<Line>(&mut conn).await.optional().unwrap().is_none() {
        return Vec::new();
    }
    let lines = diesel::sql_query(
        "SELECT concat(payload, ' ', last_error) AS line FROM graphile_worker._private_jobs
        UNION ALL SELECT job::text FROM outbox",
    );
    lines.load(&mut conn).await.unwrap().into_iter().map(|Line { line }| line).collect()
}
