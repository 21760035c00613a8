//! The `alerts` table: conditions that need somebody. One that lasts is one row; staff are told when it opens, and it is closed in
//! code when it has cleared.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::schema::alerts;
use crate::error::Error;
use crate::id::{AlertId, Id};
use crate::jobs::{self, Job};

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A job failed for the last time. Subject: the job's name.
    DeadJob,
    /// A job that is due again and again failed the last time it ran. Subject: the job's name.
    FailingSchedule,
    /// Jobs have been due for long, and nobody takes them. Subject: `queue`.
    QueueStuck,
    /// Deliveries of Stripe's wait for an account, a price or a payment that nobody knows. Subject: `webhooks`.
    ParkedDeliveries,
    /// Deliveries of Stripe's have failed for good. Subject: `webhooks`.
    DeadDeliveries,
    /// An account pays for two subscriptions. Subject: Stripe's id of the second one.
    SecondSubscription,
    /// A tree was paid for twice, and the second payment could not be given back. Subject: the payment's id.
    PaidTwice,
    /// Money came for what nobody can have any more. Subject: the payment's id; or Stripe's id of the customer, if it is
    /// they who were deleted.
    PaidForNothing,
    /// Stripe could not finish an invoice, and charges nobody until somebody looks at it. Subject: the invoice's id.
    UnfinishedInvoice,
    /// A plan's product or price was changed at Stripe. Subject: Stripe's id of it.
    PlanDiffers,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::DeadJob,
        Self::FailingSchedule,
        Self::QueueStuck,
        Self::ParkedDeliveries,
        Self::DeadDeliveries,
        Self::SecondSubscription,
        Self::PaidTwice,
        Self::PaidForNothing,
        Self::UnfinishedInvoice,
        Self::PlanDiffers,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeadJob => "dead_job",
            Self::FailingSchedule => "failing_schedule",
            Self::QueueStuck => "queue_stuck",
            Self::ParkedDeliveries => "parked_deliveries",
            Self::DeadDeliveries => "dead_deliveries",
            Self::SecondSubscription => "second_subscription",
            Self::PaidTwice => "paid_twice",
            Self::PaidForNothing => "paid_for_nothing",
            Self::UnfinishedInvoice => "unfinished_invoice",
            Self::PlanDiffers => "plan_differs",
        }
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = alerts)]
pub struct Alert {
    pub id: AlertId,
    pub kind: String,
    pub subject: String,
    pub message: String,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// Opens an alert and has staff told of it, with the caller's transaction. False if it is open already. `message` is one sentence.
pub async fn open(conn: &mut Conn, kind: Kind, subject: &str, message: &str, at: DateTime<Utc>) -> Result<bool, Error> {
    let opened: Option<AlertId> = diesel::insert_into(alerts::table)
        .values((
            alerts::id.eq(AlertId::at(at)),
            alerts::kind.eq(kind.as_str()),
            alerts::subject.eq(subject),
            alerts::message.eq(message),
            alerts::opened_at.eq(at),
        ))
        .on_conflict((alerts::kind, alerts::subject))
        .filter_target(alerts::closed_at.is_null())
        .do_nothing()
        .returning(alerts::id)
        .get_result(conn)
        .await
        .optional()?;
    let Some(alert) = opened else { return Ok(false) };
    jobs::enqueue(conn, &Job::TellStaff { alert }, None).await?;
    Ok(true)
}

/// Closes an alert, if it is open.
pub async fn close(conn: &mut Conn, kind: Kind, subject: &str, at: DateTime<Utc>) -> QueryResult<()> {
    let open = alerts::table.filter(alerts::kind.eq(kind.as_str())).filter(alerts::subject.eq(subject)).filter(alerts::closed_at.is_null());
    diesel::update(open).set(alerts::closed_at.eq(at)).execute(conn).await?;
    Ok(())
}

impl Alert {
    pub async fn find(conn: &mut Conn, id: AlertId) -> QueryResult<Option<Self>> {
        alerts::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    /// The newest first.
    pub async fn open(conn: &mut Conn, limit: i64) -> QueryResult<Vec<Self>> {
        let open = alerts::table.filter(alerts::closed_at.is_null());
        open.order((alerts::opened_at.desc(), alerts::id.desc())).limit(limit).select(Self::as_select()).load(conn).await
    }

    /// The subjects of open alerts of one kind.
    pub async fn subjects(conn: &mut Conn, kind: Kind) -> QueryResult<Vec<String>> {
        let open = alerts::table.filter(alerts::kind.eq(kind.as_str())).filter(alerts::closed_at.is_null());
        open.select(alerts::subject).load(conn).await
    }

    /// How many are open, for each kind.
    pub async fn count(conn: &mut Conn) -> QueryResult<Vec<(Kind, i64)>> {
        let open = alerts::table.filter(alerts::closed_at.is_null()).group_by(alerts::kind);
        let counts: Vec<(String, i64)> = open.select((alerts::kind, diesel::dsl::count_star())).load(conn).await?;
        let of = |kind: Kind| counts.iter().find(|(name, _)| name == kind.as_str()).map_or(0, |(_, count)| *count);
        Ok(Kind::ALL.into_iter().map(|kind| (kind, of(kind))).collect())
    }
}
