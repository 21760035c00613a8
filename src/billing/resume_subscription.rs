//! `resumeSubscription`: takes a cancellation back before it has happened, or goes on after a pause.

use serde_json::Value;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_billing::subscription::{ResumeSubscription, ResumeSubscriptionPaymentBehavior};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::alter::{self, Present};
use super::refetch;
use super::subscription_change::{Course, RESUME, SubscriptionChange};
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::client::{Answer, StripeError};
use crate::stripe::object::field::{items, text};

/// Flexible billing knows only `cancel_at`, and an empty text clears it: the generated request has no words for that.
struct KeepSubscription<'a>(&'a str);

#[derive(serde::Serialize)]
struct Form {
    cancel_at: &'static str,
}

impl StripeRequest for KeepSubscription<'_> {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Post, format!("/subscriptions/{}", self.0)).form(&Form { cancel_at: "" })
    }
}

pub async fn resume_subscription(app: &App, actor: &Actor, from: &Requester, key: Option<&str>) -> Result<(), Error> {
    actor.require(Role::Owner)?;
    let change = SubscriptionChange::begin(app, actor, from, RESUME, "", key).await?;
    if change.finished_at.is_some() {
        return Ok(());
    }
    let row = alter::subscribed(app, actor.account).await?;
    let present = alter::present(app, &row).await?;
    let answer = if present.status == "paused" {
        go_on(app, &change, &present).await?
    } else if present.ends {
        change.takes(app, &present.id, Some(Course::TakenBack)).await?;
        alter::release(app, &change, &present).await?;
        let request = KeepSubscription(&present.id);
        change.write(app, "update_subscription", &request, "keep").await.map_err(alter::refused)?
    } else if change.repeated {
        // It was done, and the answer to that was lost.
        refetch::read(app, &present.id).await?
    } else {
        change.withdraw(app).await?;
        let message = format!("The subscription is {} and not to end: there is nothing to resume.", present.status);
        return Err(Refusal::new(Code::WrongState, message).into());
    };
    // Of what was paused, whatever is true now is what came of it.
    alter::settle(app, &present, &answer, |now| present.status == "paused" || !now.ends).await?;
    // Somebody may have ended it meanwhile.
    alter::subscribed(app, actor.account).await?;
    change.finish(app).await
}

/// What is charged at once is active when that is paid. Otherwise Stripe would wait for somebody to pay the invoice, and a payment that
/// fails would leave it past due, which gives access. Classic billing knows only the latter.
async fn go_on(app: &App, change: &SubscriptionChange, present: &Present) -> Result<Answer, Error> {
    // Stripe would make another invoice in the place of this one, and nobody can call a debit back.
    if is_being_paid(app, present).await? {
        return match change.taken(&present.id) {
            // A try whose answer was lost has asked for it.
            Some(Course::Now) => Ok(refetch::read(app, &present.id).await?),
            _ => Err(alter::on_its_way()),
        };
    }
    change.takes(app, &present.id, Some(Course::Now)).await?;
    let request = ResumeSubscription::new(present.id.as_str());
    let (request, step) = match text(&present.object, "billing_mode.type").as_deref() {
        Some("flexible") => (request.payment_behavior(ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess), "resume:paid"),
        _ => (request, "resume"),
    };
    match change.write(app, "resume_subscription", &request, step).await {
        Ok(answer) => Ok(answer),
        // It goes on only with what it can charge.
        Err(StripeError::Refused(refused)) if refused.status == 402 || refused.status == 400 && refused.is_missing() => {
            let message = format!("Add a way to pay in the billing portal first: {}", refused.message);
            Err(Refusal::new(Code::PaymentRequired, message).into())
        }
        // Somebody else was faster, perhaps.
        Err(StripeError::Refused(refused)) if !refused.is_missing() => {
            let now = refetch::read(app, &present.id).await?;
            match text(&now.body, "status").as_deref() {
                Some("paused") => Err(alter::refused(StripeError::Refused(refused))),
                _ => Ok(now),
            }
        }
        Err(error) => Err(alter::refused(error)),
    }
}

/// Whether the bank was asked for the latest invoice, and has not answered.
async fn is_being_paid(app: &App, present: &Present) -> Result<bool, Error> {
    let Some(invoice) = alter::open_invoice(app, present).await? else { return Ok(false) };
    let request = RetrieveInvoice::new(invoice).expand(["payments.data.payment.payment_intent".to_owned()]);
    let told = match app.stripe.read("retrieve_invoice", &request).await {
        // A restricted key that has no right to look at payments: it is as if nobody had asked.
        Err(StripeError::Refused(refused)) if refused.is_forbidden() => {
            tracing::warn!(cause = refused.message, "whether a bank was asked already cannot be read at Stripe");
            return Ok(false);
        }
        told => told?.body,
    };
    let processing = |payment: &Value| text(payment, "payment.payment_intent.status").as_deref() == Some("processing");
    Ok(items(&told, "payments").iter().any(processing))
}
