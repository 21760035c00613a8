//! Jobs whose worker showed no more signs of life. graphile_worker would hand them out again for ever, also those that killed it.

use graphile_worker::{FailureReason, Job as Row, JobRecoveryContext, JobRecoveryResult};

use super::{queue, registry, tend};
use crate::app::App;
use crate::error::Error;
use crate::metrics;

/// A job that takes its process with it this often is dead.
const CRASHES: i16 = 3;

/// What becomes of a job that was interrupted.
pub async fn decide(app: App, interrupted: JobRecoveryContext) -> JobRecoveryResult {
    match interrupted.reason {
        // The process was stopped in good order, and the job had no time to end: as if it had not begun.
        FailureReason::ShutdownAborted => JobRecoveryResult::Default,
        FailureReason::WorkerCrashed | FailureReason::TaskError | FailureReason::TaskPanic => crashed(&app, &interrupted.job).await,
    }
}

async fn crashed(app: &App, row: &Row) -> JobRecoveryResult {
    let (limit, now) = (*row.max_attempts(), app.clock.now());
    let attempts = row.attempts().saturating_add(cost(limit)).saturating_sub(1).min(limit);
    let name = registry::name_of(row.payload());
    metrics::job_ran(name, if attempts < limit { "crashed" } else { "dead" }, std::time::Duration::ZERO);
    if attempts < limit {
        tracing::warn!(job = name, attempts, "a worker died, and its job is handed out again");
    } else {
        tracing::error!(job = name, "a worker died with a job for the last time");
        if let Err(cause) = tell(app, *row.id(), name).await {
            // The next look at the queue finds the dead job again.
            tracing::warn!(?cause, job = name, "the alert about a dead job could not be opened");
        }
    }
    JobRecoveryResult::Reschedule { run_at: now, attempts: Some(attempts) }
}

/// How many attempts one crash costs.
fn cost(limit: i16) -> i16 {
    limit.saturating_add(CRASHES - 1) / CRASHES
}

async fn tell(app: &App, id: i64, name: &str) -> Result<(), Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| match queue::is_replaced(conn, id).await? {
            true => Ok(()),
            false => tend::report_dead(conn, name, now).await,
        })
        .await
}
