//! Takes jobs from the queue and runs them: in `fixpath serve` and in `fixpath worker` alike.

use std::time::Duration;

use graphile_worker::{Database, JobRecovery, Worker, WorkerOptions, WorkerRecoveryConfig};

use super::driver::Driver;
use super::registry::SCHEDULES;
use super::run::{Context, Task};
use super::{TASK, outbox, recover, registry};
use crate::app::App;
use crate::db::migrate;
use crate::error::Error;

/// How often the queue is looked at without having been told of a job.
const POLL: Duration = Duration::from_secs(1);
/// How long a stop waits for runs; then they are handed out again. Shorter than the process waits for its parts.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 4;
/// What a worker opens beside the app's pool: these, and one that it is woken on.
pub const OPENS: usize = CONNECTIONS + 1;
/// Between one end of a worker and its next life, when the database was away.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs jobs until `app.stop`.
pub async fn run(app: App) {
    tokio::join!(keep_working(&app), outbox::keep_moving(&app));
}

async fn keep_working(app: &App) {
    while !app.stop.is_cancelled() {
        if let Err(cause) = live(app).await {
            tracing::warn!(?cause, "the worker stopped; it begins again");
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn live(app: &App) -> Result<(), Error> {
    if !migrate::is_current(&app.db).await? {
        return Err(Error::internal("the database waits for migrations: run `fixpath migrate`"));
    }
    build(app, app.config.worker.concurrency).await?.run().await?;
    Ok(())
}

/// A worker that has not begun. Tests run it step by step.
pub async fn build(app: &App, concurrency: usize) -> Result<Worker, Error> {
    let dead_after = app.config.worker.dead_after;
    let recovery = WorkerRecoveryConfig::default()
        .heartbeat_interval(dead_after / 6)
        .sweep_interval(dead_after / 3)
        .sweep_threshold(dead_after)
        .recovery_delay(Duration::ZERO);
    let driver = Driver::new(app.db.target(), CONNECTIONS)?;
    let context = Context { app: app.clone(), wake: driver.wake() };
    let for_recovery = app.clone();
    let mut options = WorkerOptions::default()
        .database(Database::new(driver))
        .concurrency(concurrency)
        .poll_interval(POLL)
        .define_job::<Task>()
        .add_extension(context)
        .worker_recovery(recovery)
        .on(JobRecovery, move |interrupted| recover::decide(for_recovery.clone(), interrupted))
        .listen_os_shutdown_signals(false)
        .shutdown_signal(app.stop.clone().cancelled_owned())
        .shutdown_grace_period(PATIENCE)
        .shutdown_interrupted_job_retry_delay(Duration::ZERO);
    for schedule in SCHEDULES {
        let name = registry::name(&schedule.job);
        let attempts = registry::policy(&schedule.job).attempts;
        let payload = serde_json::to_string(&schedule.job)?;
        // By its key a new one takes the place of one that nobody has taken yet.
        let line = format!("{} {TASK} ?id={name}&job_key={name}&fill={}&max={attempts} {payload}", schedule.when, schedule.every);
        options = options.with_cron(line.as_str()).map_err(|error| Error::internal(format!("{line}: {error}")))?;
    }
    Ok(options.init().await?)
}
