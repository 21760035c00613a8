//! `resumeSubscription`: takes a cancellation back before it has happened, or goes on after a trial that had no way to pay.

use stripe_billing::subscription::{ResumeSubscription, ResumeSubscriptionPaymentBehavior};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::alter;
use super::refetch::apply_change;
use super::subscription_change::{RESUME, SubscriptionChange};
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::client::StripeError;

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
        // Charged at once, and active when that is paid. Otherwise Stripe would wait for somebody to pay the invoice, and a payment that
        // fails would leave it past due, which gives access.
        let paid = ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess;
        let request = ResumeSubscription::new(present.id.as_str()).payment_behavior(paid);
        app.stripe.write("resume_subscription", &request, &change.key("resume")).await.map_err(unpaid)?
    } else if present.ends {
        let request = KeepSubscription(&present.id);
        app.stripe.write("update_subscription", &request, &change.key("keep")).await.map_err(alter::refused)?
    } else {
        let message = format!("The subscription is {} and not to end: there is nothing to resume.", present.status);
        return Err(Refusal::new(Code::WrongState, message).into());
    };
    apply_change(app, &present.object, &answer).await?;
    change.finish(app).await
}

/// Stripe goes on only with what it can charge.
fn unpaid(error: StripeError) -> Error {
    match error {
        StripeError::Refused(refused) if refused.status == 400 => {
            let message = format!("Add a way to pay in the billing portal first: {}", refused.message);
            Refusal::new(Code::PaymentRequired, message).into()
        }
        error => alter::refused(error),
    }
}
