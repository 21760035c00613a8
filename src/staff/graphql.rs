//! What staff see. Each feature adds an object of its own to `Staff`.

use async_graphql::{Context, MergedObject, Object};

use super::alerts;
use crate::billing::graphql::delivery::BillingStaff;
use crate::billing::graphql::staff::AccountStaff;
use crate::error::Error;
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::{app, requester};
use crate::identity::graphql::AuditStaff;
use crate::jobs::queue;

#[derive(Default)]
pub struct StaffQuery;

#[Object]
impl StaffQuery {
    /// Operations for the platform's own staff. Null for everybody else.
    async fn staff(&self, ctx: &Context<'_>) -> Result<Option<Staff>, Error> {
        Ok(requester(ctx)?.actor.filter(|actor| actor.staff).map(|_| Staff::default()))
    }
}

/// What the platform's own people can look up.
#[derive(MergedObject, Default)]
pub struct Staff(QueueStaff, AuditStaff, BillingStaff, AccountStaff);

/// Of lists that are short unless much is wrong.
const LISTED: i64 = 100;

#[derive(Default)]
pub struct QueueStaff;

#[Object]
impl QueueStaff {
    /// Conditions that need somebody now, the newest first; at most 100.
    async fn alerts(&self, ctx: &Context<'_>) -> Result<Vec<Alert>, Error> {
        let open = alerts::Alert::open(&mut *app(ctx)?.db.conn().await?, LISTED).await?;
        Ok(open.into_iter().map(Alert).collect())
    }

    /// Jobs that failed for good, the newest first; at most 100.
    async fn dead_jobs(&self, ctx: &Context<'_>) -> Result<Vec<DeadJob>, Error> {
        let dead = queue::dead(&mut *app(ctx)?.db.conn().await?, LISTED).await?;
        Ok(dead.into_iter().map(DeadJob).collect())
    }
}

pub struct Alert(alerts::Alert);

/// A condition that needs somebody.
#[Object]
impl Alert {
    /// What is wrong, e.g. `dead_job`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// What it is about, e.g. the name of a job.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// One sentence.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Since when.
    async fn opened_at(&self) -> DateTime {
        self.0.opened_at.into()
    }
}

pub struct DeadJob(queue::DeadJob);

/// A job that failed for good.
#[Object]
impl DeadJob {
    /// Its name in metrics and logs.
    async fn name(&self) -> &str {
        self.0.name()
    }

    /// The ids that it is about.
    async fn subject(&self) -> Option<Json> {
        self.0.subject().cloned().map(Json)
    }

    /// How often it was tried.
    async fn attempts(&self) -> i32 {
        self.0.attempts.into()
    }

    /// Why the last try failed.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// When it was put into the queue.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was tried for the last time.
    async fn died_at(&self) -> DateTime {
        self.0.died_at.into()
    }
}
