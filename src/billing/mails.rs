//! Mails about billing: enqueued in the transaction that makes them true, once each, whichever event tells of it first.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::news::news;
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{accounts, billing_mails, users};
use crate::error::Error;
use crate::id::{PaymentId, SubscriptionId, UserId};
use crate::identity::membership::Membership;
use crate::identity::user::{Secret, lower};
use crate::jobs::{self, Job};
use crate::mail;

/// What a mail tells of. To the account's owner, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingMail {
    /// The first payment of a subscription.
    Created {
        payment: PaymentId,
    },
    Renewed {
        payment: PaymentId,
    },
    PlanChanged {
        payment: PaymentId,
    },
    CancellationScheduled {
        subscription: SubscriptionId,
        /// When it was told here: what was taken back and scheduled again is told by the later mail alone.
        #[serde(default)]
        told_at: Option<DateTime<Utc>>,
    },
    Ended {
        subscription: SubscriptionId,
    },
    PaymentFailed {
        payment: PaymentId,
    },
    /// The payer's bank wants a confirmation.
    ActionRequired {
        payment: PaymentId,
    },
    TrialEnding {
        subscription: SubscriptionId,
    },
    /// One of ours, and nothing was bought.
    TrialEnded {
        subscription: SubscriptionId,
    },
    /// By the provider's id.
    Refunded {
        refund: String,
    },
    /// To the platform's staff; by the provider's id.
    Disputed {
        dispute: String,
    },
    /// The same for a bank that only asks.
    Inquired {
        dispute: String,
    },
}

/// `about` names what the mail is about; the second mail about it is never sent.
pub async fn send_once(conn: &mut Conn, app: &App, about: &str, mail: BillingMail) -> Result<(), Error> {
    send_once_at(conn, about, mail, app.clock.now()).await
}

/// `now` for those whose mail names it, too.
pub async fn send_once_at(conn: &mut Conn, about: &str, mail: BillingMail, now: DateTime<Utc>) -> Result<(), Error> {
    let first = diesel::insert_into(billing_mails::table)
        .values((billing_mails::about.eq(about), billing_mails::created_at.eq(now)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if first > 0 {
        jobs::outbox::put(conn, &Job::Billing(super::jobs::BillingJob::Mail(mail)), None).await?;
    }
    Ok(())
}

/// What the mail about a scheduled end is about.
pub fn about_end(subscription: &str, at: DateTime<Utc>) -> String {
    format!("cancellation_scheduled:{subscription}:{}", at.timestamp())
}

/// When the mail about this was enqueued last.
pub async fn told_at(conn: &mut Conn, about: &str) -> QueryResult<Option<DateTime<Utc>>> {
    billing_mails::table.find(about).select(billing_mails::created_at).first(conn).await.optional()
}

/// What a mail told has been taken back: should it happen again, it is told again.
pub async fn forget(conn: &mut Conn, about: &str) -> QueryResult<()> {
    diesel::delete(billing_mails::table.find(about)).execute(conn).await.map(|_| ())
}

/// For the queue: a job for each reader, so that one mailbox that does not answer brings no second mail to the others.
pub async fn address(app: &App, mail: &BillingMail) -> Result<(), Error> {
    app.db
        .transaction(async |conn| {
            let Some(news) = news(conn, app, mail).await? else { return Ok(()) };
            let readers = if news.to_staff { staff(conn, app).await? } else { Membership::owners(conn, news.account).await? };
            for user in readers {
                let mail = mail.clone();
                jobs::enqueue(conn, &Job::Billing(super::jobs::BillingJob::MailTo { mail, user }), None).await?;
            }
            Ok(())
        })
        .await
}

/// For the queue: to one reader.
pub async fn deliver(app: &App, mail: &BillingMail, user: UserId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let Some(news) = news(&mut conn, app, mail).await? else { return Ok(()) };
    let Some(reader) = Secret::find(&mut conn, user).await?.filter(|reader| reader.deactivated_at.is_none()) else { return Ok(()) };
    let account: String = accounts::table.find(news.account).select(accounts::name).first(&mut conn).await?;
    drop(conn);
    let (subject, staff) = (news.subject.to_owned(), news.to_staff);
    mail::deliver(app, &mail::billing::News { subject, account, sentence: news.sentence, link: news.link, staff }, &reader.email).await
}

async fn staff(conn: &mut Conn, app: &App) -> QueryResult<Vec<UserId>> {
    let listed = lower(users::email).eq_any(&app.config.staff_emails);
    let people = users::table.filter(users::staff.or(listed)).order(users::id).select(Secret::as_select());
    let people: Vec<Secret> = people.load(conn).await?;
    Ok(people.iter().filter(|person| person.standing(&app.config).staff).map(|person| person.id).collect())
}
