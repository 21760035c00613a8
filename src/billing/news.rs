//! What a mail about billing says, from the rows as they are when it is sent: what has changed meanwhile is told as it is now, or not at
//! all.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::mails::BillingMail;
use super::money;
use super::payment::Payment;
use super::subscription::{Status, Subscription};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{disputes, memberships, payments, plans, refunds, subscriptions, users};
use crate::error::Error;
use crate::id::{AccountId, PaymentId, SubscriptionId};

/// One mail to one or several people.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    pub to: Vec<String>,
    pub subject: String,
    pub sentence: String,
    /// Where to read more, or to act.
    pub link: Option<String>,
}

/// None: there is nothing to tell any more.
pub async fn news(conn: &mut Conn, app: &App, mail: &BillingMail) -> Result<Option<News>, Error> {
    match mail {
        BillingMail::Created { payment } => {
            about_payment(conn, *payment, "Your subscription has begun", "We have received {amount}. Thank you.").await
        }
        BillingMail::Renewed { payment } => {
            about_payment(conn, *payment, "Your subscription was renewed", "We have received {amount} for the new period.").await
        }
        BillingMail::PlanChanged { payment } => {
            about_payment(conn, *payment, "Your plan was changed", "We have received {amount} for the change.").await
        }
        BillingMail::PaymentFailed { payment } => {
            let sentence = "We could not collect {amount}. Check your card, or pay the invoice directly.";
            unpaid(conn, *payment, "A payment failed", sentence).await
        }
        BillingMail::ActionRequired { payment } => {
            unpaid(conn, *payment, "Please confirm a payment", "Your bank asks you to confirm the payment of {amount}.").await
        }
        BillingMail::CancellationScheduled { subscription } => {
            let Some((row, plan)) = subscribed(conn, *subscription).await? else { return Ok(None) };
            let Some(ends) = row.cancel_at.filter(|_| !row.status.is_terminal()) else { return Ok(None) };
            let sentence = format!("Your {plan} plan stays until {}, and then ends.", day(ends));
            to_owners(conn, row.account_id, "Your subscription will end", sentence, app_link(app)).await
        }
        BillingMail::Ended { subscription } => {
            let Some((row, plan)) = subscribed(conn, *subscription).await? else { return Ok(None) };
            let sentence = format!("Your {plan} plan has ended. What you made is still there, within the limits of the free plan.");
            to_owners(conn, row.account_id, "Your subscription has ended", sentence, app_link(app)).await
        }
        BillingMail::TrialEnding { subscription } => {
            let Some((row, plan)) = subscribed(conn, *subscription).await? else { return Ok(None) };
            let Some(ends) = row.trial_end.filter(|_| row.status == Status::Trialing) else { return Ok(None) };
            let sentence = format!("Your trial of the {plan} plan ends on {}.", day(ends));
            to_owners(conn, row.account_id, "Your trial ends soon", sentence, app_link(app)).await
        }
        BillingMail::Refunded { refund } => {
            let query = refunds::table.inner_join(payments::table).filter(refunds::provider_refund_id.eq(refund));
            let found = query.select((payments::account_id, refunds::amount, refunds::currency)).first(conn).await.optional()?;
            let Some((account, amount, currency)): Option<(AccountId, i64, String)> = found else { return Ok(None) };
            let sentence = format!("We have sent {} back to the card that paid it.", money::shown(amount, &currency));
            to_owners(conn, account, "A refund is on its way", sentence, None).await
        }
        BillingMail::Disputed { dispute } => {
            let query = disputes::table.find(dispute).select((disputes::amount, disputes::currency, disputes::reason));
            let found: Option<(i64, String, Option<String>)> = query.first(conn).await.optional()?;
            let Some((amount, currency, reason)) = found else { return Ok(None) };
            let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
            let sentence = format!("{} are disputed ({reason}): {dispute}. Answer at Stripe before its deadline.", money::shown(amount, &currency));
            Ok(Some(News { to: app.config.staff_emails.clone(), subject: "A payment is disputed".to_owned(), sentence, link: None }))
        }
    }
}

async fn about_payment(conn: &mut Conn, payment: PaymentId, subject: &str, sentence: &str) -> Result<Option<News>, Error> {
    let found: Option<Payment> = payments::table.find(payment).select(Payment::as_select()).first(conn).await.optional()?;
    let Some(payment) = found else { return Ok(None) };
    let sentence = sentence.replace("{amount}", &money::shown(payment.amount, &payment.currency));
    to_owners(conn, payment.account_id, subject, sentence, payment.hosted_invoice_url).await
}

/// About money that is still missing.
async fn unpaid(conn: &mut Conn, payment: PaymentId, subject: &str, sentence: &str) -> Result<Option<News>, Error> {
    let paid: Option<bool> = payments::table.find(payment).select(payments::paid_at.is_not_null()).first(conn).await.optional()?;
    if paid != Some(false) {
        return Ok(None);
    }
    about_payment(conn, payment, subject, sentence).await
}

async fn subscribed(conn: &mut Conn, id: SubscriptionId) -> Result<Option<(Subscription, String)>, Error> {
    let query = subscriptions::table.inner_join(plans::table.on(plans::id.eq(subscriptions::plan_id)));
    Ok(query.filter(subscriptions::id.eq(id)).select((Subscription::as_select(), plans::name)).first(conn).await.optional()?)
}

async fn to_owners(
    conn: &mut Conn,
    account: AccountId,
    subject: &str,
    sentence: String,
    link: Option<String>,
) -> Result<Option<News>, Error> {
    let to: Vec<String> = memberships::table
        .inner_join(users::table)
        .filter(memberships::account_id.eq(account))
        .filter(memberships::role.eq("owner"))
        .filter(users::deactivated_at.is_null())
        .order(memberships::created_at)
        .select(users::email)
        .load(conn)
        .await?;
    Ok(Some(News { to, subject: subject.to_owned(), sentence, link }))
}

fn app_link(app: &App) -> Option<String> {
    app.config.http.app_url.join("billing").ok().map(String::from)
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%-d %B %Y").to_string()
}
