//! Numbers for Prometheus, at `/metrics`. Labels take few values: names that clients choose are counted by name only while they are
//! few.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::db::Db;
use crate::error::Error;
use crate::jobs::queue;
use crate::staff::alerts::Alert;

/// Distinct operation names that get a line of their own; all others are counted as `other`.
const MAX_NAMES: usize = 200;
/// Seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The process's recorder, installed at the first call.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Fails only if somebody else installed one, whose numbers then go there.
        metrics::set_global_recorder(recorder).ok();
        describe_counter!("graphql_operations_total", "GraphQL operations by name, type and outcome");
        describe_histogram!("graphql_operation_seconds", Unit::Seconds, "How long GraphQL operations took");
        describe_counter!("graphql_refusals_total", "Operations that the guard refused, by code");
        describe_counter!("http_requests_total", "Requests that were no GraphQL operation, by path and status");
        describe_counter!("jobs_runs_total", "Runs of jobs by job and outcome: done, retried, dead, crashed, replaced");
        describe_histogram!("jobs_run_seconds", Unit::Seconds, "How long runs of jobs took");
        describe_gauge!("jobs_queue", "Jobs by state: due, later, running, dead, outbox");
        describe_gauge!("jobs_oldest_seconds", Unit::Seconds, "For how long the longest waiting job has been due");
        describe_gauge!("alerts_open", "Open alerts by kind");
        describe_counter!("mails_total", "Mails by name and outcome: sent, refused for good, failed and to be tried again");
        describe_counter!("sign_ins_elsewhere_total", "Attempts to sign in at a provider, by provider and outcome");
        describe_counter!("rate_limits_not_checked_total", "Requests that were let in because Redis did not answer");
        describe_gauge!("live_connections", "Open WebSocket connections and event streams");
        describe_gauge!("database_connections", "Connections of the pool: open, idle, and requests that wait for one");
        handle
    })
}

/// Everything, in Prometheus' text format. What only the database knows is left as it was when that does not answer.
pub async fn render(db: &Db) -> String {
    let handle = recorder();
    if let Err(cause) = measure(db).await {
        tracing::warn!(?cause, "the queue cannot be measured");
    }
    let status = db.status();
    gauge!("database_connections", "state" => "open").set(status.size as f64);
    gauge!("database_connections", "state" => "idle").set(status.available as f64);
    gauge!("database_connections", "state" => "waiting").set(status.waiting as f64);
    gauge!("database_connections", "state" => "limit").set(status.max_size as f64);
    counter!("database_statements_total").absolute(db.statements());
    handle.run_upkeep();
    handle.render()
}

async fn measure(db: &Db) -> Result<(), Error> {
    let mut conn = db.conn().await?;
    let queue = queue::measure(&mut conn).await?;
    let states = [("due", queue.due), ("later", queue.later), ("running", queue.running), ("dead", queue.dead), ("outbox", queue.outbox)];
    for (state, number) in states {
        gauge!("jobs_queue", "state" => state).set(number as f64);
    }
    gauge!("jobs_oldest_seconds").set(queue.oldest_seconds as f64);
    for (kind, number) in Alert::count(&mut conn).await? {
        gauge!("alerts_open", "kind" => kind.as_str()).set(number as f64);
    }
    Ok(())
}

pub fn operation(name: &str, kind: &'static str, outcome: &str, took: Duration) {
    static NAMES: OnceLock<Names> = OnceLock::new();
    let name = NAMES.get_or_init(|| Names::new(MAX_NAMES)).label(name);
    counter!("graphql_operations_total", "operation" => name.clone(), "type" => kind, "outcome" => outcome.to_owned()).increment(1);
    histogram!("graphql_operation_seconds", "operation" => name, "type" => kind).record(took.as_secs_f64());
}

/// A request that was let in because Redis did not answer.
pub fn limits_not_checked() {
    counter!("rate_limits_not_checked_total").increment(1);
}

pub fn mailed(mail: &'static str, outcome: &'static str) {
    counter!("mails_total", "mail" => mail, "outcome" => outcome).increment(1);
}

/// An attempt to sign in at a provider, and how it ended.
pub fn signed_in_elsewhere(provider: &'static str, outcome: &'static str) {
    counter!("sign_ins_elsewhere_total", "provider" => provider, "outcome" => outcome).increment(1);
}

pub fn guard_refused(code: &str) {
    counter!("graphql_refusals_total", "code" => code.to_owned()).increment(1);
}

/// A request that led to no operation. `path` counts by name only if we serve it.
pub fn refused_or_plain(path: &str, status: u16, code: Option<&str>) {
    const PATHS: [&str; 8] =
        ["/graphql", "/graphql/ws", "/graphiql", "/healthz", "/readyz", "/metrics", "/schema.graphql", "/.well-known/jwks.json"];
    let path = PATHS.into_iter().find(|known| *known == path).unwrap_or("other");
    counter!("http_requests_total", "path" => path, "status" => status.to_string(), "outcome" => code.unwrap_or("ok").to_owned())
        .increment(1);
}

pub fn job_ran(job: &str, outcome: &'static str, took: Duration) {
    counter!("jobs_runs_total", "job" => job.to_owned(), "outcome" => outcome).increment(1);
    histogram!("jobs_run_seconds", "job" => job.to_owned()).record(took.as_secs_f64());
}

/// Counts one live connection for as long as it is kept.
pub struct Live(&'static str);

impl Live {
    pub fn new(kind: &'static str) -> Self {
        gauge!("live_connections", "kind" => kind).increment(1.0);
        Self(kind)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        gauge!("live_connections", "kind" => self.0).decrement(1.0);
    }
}

/// A set that stops growing.
pub struct Names {
    limit: usize,
    seen: Mutex<HashSet<String>>,
}

impl Names {
    pub fn new(limit: usize) -> Self {
        Self { limit, seen: Mutex::new(HashSet::new()) }
    }

    /// The name itself while there are few, else `other`.
    pub fn label(&self, name: &str) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(name) {
            return name.to_owned();
        }
        if seen.len() >= self.limit || name.len() > 60 {
            return "other".to_owned();
        }
        seen.insert(name.to_owned());
        name.to_owned()
    }
}
