//! Every job: what it does, how often it is tried, and when it is due by itself.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;

use super::{Job, tend};
use crate::app::App;
use crate::billing::jobs::BillingJob;
use crate::error::Error;
use crate::{billing, identity, session, staff};

/// How a job is tried.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// After this many runs the job is dead. A run that takes its process with it counts as a third of them (at least one): three
    /// such runs are enough.
    pub attempts: i16,
    /// How long to wait after the first failed run, the second, …; the last one counts for all that follow. Each is varied by a fifth
    /// up or down, so that jobs that failed together do not come back together.
    pub delays: &'static [TimeDelta],
    /// A run that takes longer has failed.
    pub limit: Duration,
}

/// Sweeps: the next one does what this one did not.
const SWEEP: Policy =
    Policy { attempts: 5, delays: &[TimeDelta::minutes(1), TimeDelta::minutes(10), TimeDelta::hours(1)], limit: Duration::from_secs(600) };

impl Policy {
    /// How long to wait after the run with this number failed. None when it was the last one.
    pub fn delay(&self, attempt: i16) -> Option<TimeDelta> {
        let place = usize::try_from(attempt.saturating_sub(1)).unwrap_or_default();
        let delay = self.delays.get(place).or(self.delays.last()).copied().unwrap_or(TimeDelta::minutes(1));
        let jitter: i64 = rand::random_range(800..=1200);
        (attempt < self.attempts).then(|| TimeDelta::milliseconds(delay.num_milliseconds() / 1000 * jitter))
    }
}

/// What somebody waits for: soon again at first, and for two days in all.
const MESSAGE: Policy = Policy {
    attempts: 12,
    delays: &[TimeDelta::seconds(10), TimeDelta::minutes(1), TimeDelta::minutes(10), TimeDelta::hours(1), TimeDelta::hours(6)],
    limit: Duration::from_secs(60),
};

/// What somebody waits for now, and asks for again if it does not come.
const QUICK: Policy =
    Policy { attempts: 5, delays: &[TimeDelta::seconds(5), TimeDelta::seconds(30), TimeDelta::minutes(2)], limit: Duration::from_secs(60) };

pub fn policy(job: &Job) -> Policy {
    match job {
        Job::ForgetSignIns | Job::AbandonSessions | Job::TendQueue | Job::EraseAccount { .. } | Job::EraseAccounts => SWEEP,
        Job::TellStaff { .. }
        | Job::MailInvitation { .. }
        | Job::MailVerification { .. }
        | Job::MailPendingEmail { .. }
        | Job::MailPasswordChanged { .. }
        | Job::MailEmailChanged { .. }
        | Job::MailAccountDeletion { .. }
        | Job::MailAccountRestored { .. }
        | Job::MailAlert { .. } => MESSAGE,
        Job::MailPasswordReset { .. } | Job::MailSignInCode { .. } => QUICK,
        Job::Billing(job) => match job {
            BillingJob::RetryOverdue | BillingJob::EndLapsed | BillingJob::TellTrials | BillingJob::OfferPlans => SWEEP,
            // A failed attempt at a delivery is no failed run: it writes the next attempt itself.
            BillingJob::Retry { .. }
            | BillingJob::Refetch { .. }
            | BillingJob::PayBack { .. }
            | BillingJob::Mail(_)
            | BillingJob::MailTo { .. } => MESSAGE,
        },
    }
}

/// The name in metrics, logs and alerts.
pub fn name(job: &Job) -> &'static str {
    match job {
        Job::ForgetSignIns => "forget_sign_ins",
        Job::Billing(BillingJob::Retry { .. }) => "retry_delivery",
        Job::Billing(BillingJob::RetryOverdue) => "retry_overdue_deliveries",
        Job::Billing(BillingJob::Refetch { .. }) => "refetch_subscription",
        Job::Billing(BillingJob::PayBack { .. }) => "pay_back",
        Job::Billing(BillingJob::OfferPlans) => "offer_plans",
        Job::Billing(BillingJob::EndLapsed) => "end_lapsed_subscriptions",
        Job::Billing(BillingJob::TellTrials) => "tell_trials",
        Job::Billing(BillingJob::Mail(_)) => "address_billing_mail",
        Job::Billing(BillingJob::MailTo { .. }) => "billing_mail",
        Job::AbandonSessions => "abandon_sessions",
        Job::TendQueue => "tend_queue",
        Job::TellStaff { .. } => "tell_staff",
        Job::MailInvitation { .. } => "mail_invitation",
        Job::MailVerification { .. } => "mail_verification",
        Job::MailPasswordReset { .. } => "mail_password_reset",
        Job::MailSignInCode { .. } => "mail_sign_in_code",
        Job::MailPasswordChanged { .. } => "mail_password_changed",
        Job::MailPendingEmail { .. } => "mail_pending_email",
        Job::MailEmailChanged { .. } => "mail_email_changed",
        Job::MailAccountDeletion { .. } => "mail_account_deletion",
        Job::MailAccountRestored { .. } => "mail_account_restored",
        Job::MailAlert { .. } => "mail_alert",
        Job::EraseAccount { .. } => "erase_account",
        Job::EraseAccounts => "erase_accounts",
    }
}

/// The same of what the queue holds. What this version does not know is called as it is written there.
pub fn name_of(payload: &Value) -> &str {
    match Job::deserialize(payload) {
        Ok(job) => name(&job),
        Err(_) => payload.get("job").and_then(Value::as_str).unwrap_or("unknown"),
    }
}

pub async fn run(app: &App, job: &Job) -> Result<(), Error> {
    match job {
        Job::ForgetSignIns => identity::jobs::forget_sign_ins(app).await,
        Job::Billing(job) => billing::jobs::run(app, job).await,
        Job::AbandonSessions => session::jobs::abandon_idle(app).await,
        Job::TendQueue => tend::tend(app).await,
        Job::TellStaff { alert } => staff::jobs::tell_staff(app, *alert).await,
        Job::MailInvitation { invitation } => identity::jobs::mail_invitation(app, *invitation).await,
        Job::MailVerification { user } => identity::jobs::mail_verification(app, *user).await,
        Job::MailPasswordReset { user } => identity::jobs::mail_password_reset(app, *user).await,
        Job::MailSignInCode { user } => identity::jobs::mail_sign_in_code(app, *user).await,
        Job::MailPasswordChanged { user } => identity::jobs::mail_password_changed(app, *user).await,
        Job::MailPendingEmail { pending } => identity::jobs::mail_pending_email(app, *pending).await,
        Job::MailEmailChanged { change } => identity::jobs::mail_email_changed(app, *change).await,
        Job::MailAccountDeletion { account, user } => identity::jobs::mail_account_deletion(app, *account, *user).await,
        Job::MailAccountRestored { account, user } => identity::jobs::mail_account_restored(app, *account, *user).await,
        Job::MailAlert { alert, user } => staff::jobs::mail_alert(app, *alert, *user).await,
        Job::EraseAccount { account } => identity::erase_account::erase_account(app, *account).await,
        Job::EraseAccounts => identity::jobs::erase_due_accounts(app).await,
    }
}

/// A job that is enqueued again and again.
pub struct Schedule {
    /// Minute, hour, day of month, month, day of week: crontab fields, in UTC.
    pub when: &'static str,
    /// The time from one to the next: so far back a worker looks when it starts, and makes up for the one that was missed.
    pub every: &'static str,
    pub job: Job,
}

pub const SCHEDULES: &[Schedule] = &[
    Schedule { when: "* * * * *", every: "1m", job: Job::Billing(BillingJob::RetryOverdue) },
    Schedule { when: "*/5 * * * *", every: "5m", job: Job::Billing(BillingJob::OfferPlans) },
    Schedule { when: "23 * * * *", every: "1h", job: Job::Billing(BillingJob::EndLapsed) },
    Schedule { when: "37 * * * *", every: "1h", job: Job::Billing(BillingJob::TellTrials) },
    Schedule { when: "*/10 * * * *", every: "10m", job: Job::TendQueue },
    Schedule { when: "7 * * * *", every: "1h", job: Job::AbandonSessions },
    Schedule { when: "37 * * * *", every: "1h", job: Job::EraseAccounts },
    Schedule { when: "17 3 * * *", every: "1d", job: Job::ForgetSignIns },
];

/// Whether a job with this key was enqueued by its schedule. However often it fails it is never dead: the next one takes its place before.
pub fn is_schedule(key: Option<&str>) -> bool {
    key.is_some_and(|key| SCHEDULES.iter().any(|schedule| name(&schedule.job) == key))
}
