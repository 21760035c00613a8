//! Mails about billing: enqueued in the transaction that makes them true, once each, whichever event tells of it first.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::Conn;
use crate::db::schema::billing_mails;
use crate::error::Error;
use crate::id::{PaymentId, SubscriptionId};
use crate::jobs::{self, Job};

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
    /// By the provider's id.
    Refunded {
        refund: String,
    },
    /// To the platform's staff; by the provider's id.
    Disputed {
        dispute: String,
    },
}

/// `about` names what the mail is about; the second mail about it is never sent.
pub async fn send_once(conn: &mut Conn, app: &App, about: &str, mail: BillingMail) -> Result<(), Error> {
    let first = diesel::insert_into(billing_mails::table)
        .values((billing_mails::about.eq(about), billing_mails::created_at.eq(app.clock.now())))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if first > 0 {
        jobs::enqueue(conn, &Job::Billing(super::jobs::BillingJob::Mail(mail)), None).await?;
    }
    Ok(())
}

/// For the queue.
pub async fn deliver(_app: &App, mail: &BillingMail) -> Result<(), Error> {
    tracing::info!(?mail, "a mail about billing");
    Ok(())
}
