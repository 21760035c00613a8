//! `resumeSubscription`: takes a cancellation back before it has happened, or goes on after a trial that had no way to pay.

use stripe_billing::subscription::ResumeSubscription;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};

use super::alter;
use super::refetch::apply_change;
use super::subscription_change::{RESUME, SubscriptionChange};
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};

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
        app.stripe.write("resume_subscription", &ResumeSubscription::new(present.id.as_str()), &change.key("resume")).await
    } else if present.ends {
        app.stripe.write("update_subscription", &KeepSubscription(&present.id), &change.key("keep")).await
    } else {
        let message = format!("The subscription is {} and not to end: there is nothing to resume.", present.status);
        return Err(Refusal::new(Code::WrongState, message).into());
    };
    apply_change(app, &present.object, &answer.map_err(alter::refused)?).await?;
    change.finish(app).await
}
