//! One run of one job, and what becomes of the job afterwards.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::FutureExt;
use graphile_worker::{IntoTaskHandlerResult, Job as Row, TaskHandler, WorkerContext};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::driver::Wake;
use super::registry::{self, Policy};
use super::{Job, TASK, queue, tend};
use crate::app::App;
use crate::error::Error;
use crate::metrics;

/// How long a job waits that this version does not know, before it is offered again: to a worker of a newer version, it is hoped.
const UNKNOWN: TimeDelta = TimeDelta::seconds(30);

/// The longest that another service may ask us to wait.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What the queue holds: a `Job`, or what a newer version calls one.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Task(Value);

/// What a run needs; the worker hands it to each.
#[derive(Clone)]
pub struct Context {
    pub app: App,
    pub wake: Wake,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

impl TaskHandler for Task {
    const IDENTIFIER: &'static str = TASK;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let Some(Context { app, wake }) = context.get_ext::<Context>() else {
            return Err("the worker was built without the app".to_owned());
        };
        let settled = match serde_json::from_value::<Job>(self.0) {
            Ok(job) => run(app, context.job(), &job).await,
            Err(_) => defer(app, context.job()).await,
        };
        wake.try_send(()).ok();
        // The queue could not be written. It will say so to graphile_worker too, and the job is handed out again in time.
        settled.map_err(|error| format!("{error:?}"))
    }
}

async fn run(app: &App, row: &Row, job: &Job) -> Result<(), Error> {
    let policy = registry::policy(job);
    let started = Instant::now();
    let result = tried(app, job, policy.limit).await;
    if registry::is_schedule(row.key().as_deref()) {
        tend::report_schedule(app, registry::name(job), result.is_ok()).await?;
    }
    let outcome = match result {
        Ok(()) => Outcome::Done,
        Err(error) => failed(app, row, job, policy, &error).await?,
    };
    metrics::job_ran(registry::name(job), outcome.as_str(), started.elapsed());
    Ok(())
}

async fn tried(app: &App, job: &Job, limit: Duration) -> Result<(), Error> {
    let run = AssertUnwindSafe(registry::run(app, job)).catch_unwind();
    match tokio::time::timeout(limit, run).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
            Err(Error::internal(format!("it panicked: {}", message.unwrap_or_default())))
        }
        Err(_) => Err(Error::internal(format!("it took longer than {} seconds", limit.as_secs()))),
    }
}

enum Outcome {
    Done,
    Retried,
    Dead,
    /// A newer job with the same key does its work.
    Replaced,
}

impl Outcome {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Replaced => "replaced",
        }
    }
}

async fn failed(app: &App, row: &Row, job: &Job, policy: Policy, error: &Error) -> Result<Outcome, Error> {
    let (name, attempt) = (registry::name(job), *row.attempts());
    let delay = match error {
        Error::Internal(_) => policy.delay(attempt),
        Error::RateLimited(seconds) => Some(Duration::from_secs(*seconds).min(LONGEST)).and_then(|delay| TimeDelta::from_std(delay).ok()),
        // It will say the same next time.
        Error::Refused(_) | Error::BadInput(_) | Error::Unauthenticated | Error::Forbidden(_) => None,
    };
    let cause = format!("{error:?}");
    let delay = delay.filter(|_| attempt < *row.max_attempts());
    let (kept, outcome) = match delay {
        Some(delay) => {
            tracing::warn!(job = name, attempt, cause, "a job failed and will be tried again");
            (queue::retry(&mut *app.db.conn().await?, row, &cause, app.clock.now() + delay).await?, Outcome::Retried)
        }
        None => {
            tracing::error!(job = name, attempt, cause, "a job failed for good");
            (bury(app, row, name, &cause).await?, Outcome::Dead)
        }
    };
    Ok(if kept { outcome } else { Outcome::Replaced })
}

async fn bury(app: &App, row: &Row, name: &str, cause: &str) -> Result<bool, Error> {
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let kept = queue::bury(conn, row, cause).await?;
            if kept && !registry::is_schedule(row.key().as_deref()) {
                tend::report_dead(conn, name, now).await?;
            }
            Ok(kept)
        })
        .await
}

async fn defer(app: &App, row: &Row) -> Result<(), Error> {
    tracing::warn!(id = row.id(), "a job of a newer version waits for a worker that knows it");
    queue::defer(&mut *app.db.conn().await?, row, "this version does not know the job", app.clock.now() + UNKNOWN).await?;
    Ok(())
}
