//! Keeps the queue itself in order, and says when it is not.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{queue, registry};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::staff::alerts::{self, Alert, Kind};

/// Dead jobs are kept this long.
const KEPT: TimeDelta = TimeDelta::days(90);
/// Jobs that have been due for longer than this wait too long.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);

pub async fn tend(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            queue::sweep(conn, now - KEPT).await?;
            let dead = queue::dead(conn, i64::MAX).await?.into_iter().filter(|job| !registry::is_schedule(job.key.as_deref()));
            let dead: BTreeSet<String> = dead.map(|job| job.name().to_owned()).collect();
            for name in &dead {
                report_dead(conn, name, now).await?;
            }
            for cleared in Alert::subjects(conn, Kind::DeadJob).await?.iter().filter(|name| !dead.contains(*name)) {
                alerts::close(conn, Kind::DeadJob, cleared, now).await?;
            }
            let waited = TimeDelta::seconds(queue::measure(conn).await?.oldest_seconds);
            if waited > PATIENCE {
                let message = format!(
                    "A job has been due for {} minutes: there are too few workers, or some of them are stuck.",
                    waited.num_minutes()
                );
                alerts::open(conn, Kind::QueueStuck, "queue", &message, now).await?;
            } else {
                alerts::close(conn, Kind::QueueStuck, "queue", now).await?;
            }
            Ok(())
        })
        .await
}

/// Opens the alert about a job that failed for good.
pub async fn report_dead(conn: &mut Conn, name: &str, at: DateTime<Utc>) -> Result<(), Error> {
    let message = format!("The job `{name}` failed for good. `staff.deadJobs` says why; `fixpath jobs retry {name}` has it tried again.");
    alerts::open(conn, Kind::DeadJob, name, &message, at).await?;
    Ok(())
}

/// Opens the alert about a scheduled job that failed, and closes it when one has succeeded.
pub async fn report_schedule(app: &App, name: &str, succeeded: bool) -> Result<(), Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            if succeeded {
                return Ok(alerts::close(conn, Kind::FailingSchedule, name, now).await?);
            }
            let message = format!("The job `{name}`, which is due again and again, failed the last time it ran. The log says why.");
            alerts::open(conn, Kind::FailingSchedule, name, &message, now).await?;
            Ok(())
        })
        .await
}
