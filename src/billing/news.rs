//! What a mail about billing says, from the rows as they are when it is sent: what has changed meanwhile is told as it is now, or not at
//! all.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::select;
use diesel_async::RunQueryDsl;

use super::mails::{self, BillingMail};
use super::money;
use super::payment::{self, Payment};
use super::subscription::{Status, Subscription};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{disputes, payments, plans, refunds, subscriptions};
use crate::error::Error;
use crate::id::{AccountId, PaymentId, SubscriptionId};

/// What a mail says.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Whom it is about, and goes to…
    pub account: AccountId,
    /// …unless it is for the platform's staff.
    pub to_staff: bool,
    pub subject: &'static str,
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
        BillingMail::CancellationScheduled { subscription, told_at } => {
            let Some((row, plan)) = subscribed(conn, *subscription).await? else { return Ok(None) };
            let Some(ends) = row.cancel_at.filter(|_| !row.status.is_terminal()) else { return Ok(None) };
            let about = mails::about_end(row.provider_subscription_id.as_deref().unwrap_or_default(), ends);
            if told_at.is_some() && mails::told_at(conn, &about).await? != *told_at {
                return Ok(None);
            }
            let sentence = format!("Your {plan} plan stays until {}, and then ends.", day(ends));
            Ok(Some(to_owners(row.account_id, "Your subscription will end", sentence, app_link(app))))
        }
        BillingMail::Ended { subscription } => {
            let Some((row, plan)) = subscribed(conn, *subscription).await?.filter(|(row, _)| row.status.is_terminal()) else {
                return Ok(None);
            };
            let sentence = format!("Your {plan} plan has ended. What you made is still there, within the limits of the free plan.");
            Ok(Some(to_owners(row.account_id, "Your subscription has ended", sentence, app_link(app))))
        }
        BillingMail::TrialEnding { subscription } => {
            let Some((row, plan)) = subscribed(conn, *subscription).await? else { return Ok(None) };
            let ends = row.trial_end.filter(|end| row.status == Status::Trialing && *end > app.clock.now());
            let Some(ends) = ends else { return Ok(None) };
            let sentence = format!("Your trial of the {plan} plan ends on {}.", day(ends));
            Ok(Some(to_owners(row.account_id, "Your trial ends soon", sentence, app_link(app))))
        }
        BillingMail::TrialEnded { subscription } => {
            // Whoever buys something meanwhile turns this row into what was bought.
            let Some((row, plan)) = subscribed(conn, *subscription).await?.filter(|(row, _)| row.is_local()) else { return Ok(None) };
            let sentence =
                format!("Your trial of the {plan} plan has ended. What you made is still there, within the limits of the free plan.");
            Ok(Some(to_owners(row.account_id, "Your trial has ended", sentence, app_link(app))))
        }
        BillingMail::Refunded { refund } => {
            let query = refunds::table.inner_join(payments::table).filter(refunds::provider_refund_id.eq(refund));
            // It may have come back.
            let query = query.filter(refunds::status.eq("succeeded"));
            let found = query.select((payments::account_id, refunds::amount, refunds::currency)).first(conn).await.optional()?;
            let Some((account, amount, currency)): Option<(AccountId, i64, String)> = found else { return Ok(None) };
            let sentence = format!("We have sent {} back to where it was paid from.", money::shown(amount, &currency));
            Ok(Some(to_owners(account, "A refund is on its way", sentence, None)))
        }
        BillingMail::Disputed { dispute } => {
            let sentence = "{amount} are disputed ({reason}): {dispute}. Answer at Stripe before its deadline.";
            // Once it is closed there is nothing to answer.
            about_dispute(conn, dispute, "open", "A payment is disputed", sentence).await
        }
        BillingMail::Inquired { dispute } => {
            let sentence = "A bank asks about {amount} ({reason}): {dispute}. Nothing is taken yet. Answer at Stripe before its deadline, or \
                            refund it: else it may be disputed.";
            about_dispute(conn, dispute, "inquiry", "A bank asks about a payment", sentence).await
        }
    }
}

/// While it stands like this.
async fn about_dispute(conn: &mut Conn, id: &str, status: &str, subject: &'static str, sentence: &str) -> Result<Option<News>, Error> {
    let query =
        disputes::table.inner_join(payments::table).filter(disputes::provider_dispute_id.eq(id)).filter(disputes::status.eq(status));
    let columns = (payments::account_id, disputes::amount, disputes::currency, disputes::reason);
    let found: Option<(AccountId, i64, String, Option<String>)> = query.select(columns).first(conn).await.optional()?;
    let Some((account, amount, currency, reason)) = found else { return Ok(None) };
    let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
    let sentence = sentence.replace("{amount}", &money::shown(amount, &currency)).replace("{reason}", &reason).replace("{dispute}", id);
    Ok(Some(News { account, to_staff: true, subject, sentence, link: None }))
}

async fn about_payment(conn: &mut Conn, payment: PaymentId, subject: &'static str, sentence: &str) -> Result<Option<News>, Error> {
    let found: Option<Payment> = payments::table.find(payment).select(Payment::as_select()).first(conn).await.optional()?;
    let Some(payment) = found else { return Ok(None) };
    let sentence = sentence.replace("{amount}", &money::shown(payment.amount, &payment.currency));
    Ok(Some(to_owners(payment.account_id, subject, sentence, payment.hosted_invoice_url)))
}

/// About money that is still missing, and wanted.
async fn unpaid(conn: &mut Conn, payment: PaymentId, subject: &'static str, sentence: &str) -> Result<Option<News>, Error> {
    let owed = payments::table.find(payment).filter(payments::paid_at.is_null());
    let owed = owed.filter(payments::status.ne(payment::Status::Void.as_str()));
    match select(exists(owed)).get_result(conn).await? {
        true => about_payment(conn, payment, subject, sentence).await,
        false => Ok(None),
    }
}

async fn subscribed(conn: &mut Conn, id: SubscriptionId) -> Result<Option<(Subscription, String)>, Error> {
    let query = subscriptions::table.inner_join(plans::table.on(plans::id.eq(subscriptions::plan_id)));
    Ok(query.filter(subscriptions::id.eq(id)).select((Subscription::as_select(), plans::name)).first(conn).await.optional()?)
}

fn to_owners(account: AccountId, subject: &'static str, sentence: String, link: Option<String>) -> News {
    News { account, to_staff: false, subject, sentence, link }
}

fn app_link(app: &App) -> Option<String> {
    app.config.http.app_url.join("billing").ok().map(String::from)
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%-d %B %Y").to_string()
}
