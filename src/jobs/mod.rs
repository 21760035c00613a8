//! Work that happens after its request was answered, or with no request at all.
//!
//! - A *job* says what to do, by ids only. It is enqueued in the transaction that makes it necessary: a rolled-back operation leaves
//!   none.
//! - A *run* is one try. It may end in the middle, so a job may run again after it has done its work: every job asks the database
//!   what is still to be done.
//! - The *policy* of a job says how often it is tried, and how long apart. A job that was tried for the last time is *dead*: it stays
//!   in the queue, staff see it, and an alert is open.
//! - A *schedule* enqueues a job again and again.
//!
//! The queue is graphile_worker's, in PostgreSQL: a worker takes a row by locking it, so that no two run it at once. What dies with
//! its process is handed out again by whoever notices that the process stopped showing signs of life.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Integer, Json, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use crate::billing::jobs::BillingJob;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::error::Error;
use crate::id::{AccountId, AlertId, EmailChangeId, InvitationId, PendingEmailId, UserId};

mod driver; // graphile_worker on our connections
pub mod outbox; // jobs of hot paths, on their way into the queue
pub mod queue; // the queue's tables
mod recover; // jobs whose worker died
pub mod registry; // every job: what it does, how often it is tried, when it is due
mod run; // one run of one job
mod tend; // the queue itself, kept in order
pub mod worker; // takes jobs and runs them

/// Everything that can be put into the queue. A name that was once in use keeps its meaning: jobs survive a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", content = "with", rename_all = "snake_case")]
pub enum Job {
    /// Deletes tokens, codes, invitations and sign-ins that nobody can use any more.
    ForgetSignIns,
    /// What billing does by itself.
    Billing(BillingJob),
    /// Ends sessions that nobody touched for a month.
    AbandonSessions,
    /// Tidies up the queue, and opens and closes the alerts about it.
    TendQueue,
    /// Has staff told that an alert has opened.
    TellStaff { alert: AlertId },
    /// Sends an invitation to whoever was invited.
    MailInvitation { invitation: InvitationId },
    /// Asks for proof of a person's address.
    MailVerification { user: UserId },
    /// Lets a person choose a new password. Nobody: the address is unknown, and only the cost is the same.
    MailPasswordReset { user: Option<UserId> },
    /// Sends a code to sign in with. Nobody: as above.
    MailSignInCode { user: Option<UserId> },
    /// Tells a person that their password was changed.
    MailPasswordChanged { user: UserId },
    /// Asks for proof of an address that somebody wants to have.
    MailPendingEmail { pending: PendingEmailId },
    /// Tells a person, at their old address, that they have another one.
    MailEmailChanged { change: EmailChangeId },
    /// Tells an owner that their account is about to be deleted.
    MailAccountDeletion { account: AccountId, user: UserId },
    /// Tells an owner that their account stays after all.
    MailAccountRestored { account: AccountId, user: UserId },
    /// Tells one of the staff that an alert has opened.
    MailAlert { alert: AlertId, user: UserId },
    /// Ends an account whose week has passed.
    EraseAccount { account: AccountId },
    /// Has every account ended whose week has passed.
    EraseAccounts,
}

/// graphile_worker's name for the one kind of task that carries all jobs.
const TASK: &str = "fixpath";

/// Puts a job into the queue, in the caller's transaction: at once, or not before `run_at`.
pub async fn enqueue(conn: &mut Conn, job: &Job, run_at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let query = diesel::sql_query("SELECT id FROM graphile_worker.add_job($1, $2, run_at => $3, max_attempts => $4)")
        .bind::<Text, _>(TASK)
        .bind::<Json, _>(serde_json::to_value(job)?)
        .bind::<Nullable<Timestamptz>, _>(run_at)
        .bind::<Integer, _>(i32::from(registry::policy(job).attempts));
    Cached(query).execute(conn).await?;
    Ok(())
}

/// The same, at once, unless a job with this key is in the queue already: waiting, at work, or dead, which somebody has to look at.
pub async fn enqueue_once(conn: &mut Conn, job: &Job, key: &str) -> Result<(), Error> {
    let query = "SELECT id FROM graphile_worker.add_job($1, $2, max_attempts => $3, job_key => $4, job_key_mode => 'unsafe_dedupe')";
    diesel::sql_query(query)
        .bind::<Text, _>(TASK)
        .bind::<Json, _>(serde_json::to_value(job)?)
        .bind::<Integer, _>(i32::from(registry::policy(job).attempts))
        .bind::<Text, _>(key)
        .execute(conn)
        .await?;
    Ok(())
}
