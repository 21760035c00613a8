//! `cancelSubscription`: with the paid period, or at once. Nothing is paid back: that is for people to decide.

use stripe_billing::subscription::{
    CancelSubscription, CancelSubscriptionCancellationDetails, UpdateSubscription, UpdateSubscriptionCancellationDetails,
};

use super::alter::{self, Present};
use super::checkout::ON_ITS_WAY;
use super::refetch::{self, apply_change};
use super::subscription::Subscription;
use super::subscription_change::{Course, SubscriptionChange};
use super::void_invoice::void_invoice;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::client::StripeError;
use crate::stripe::object::field::id;
use crate::text;

const MAX_REASON: usize = 500;

pub async fn cancel_subscription(
    app: &App,
    actor: &Actor,
    from: &Requester,
    immediately: bool,
    reason: Option<&str>,
    key: Option<&str>,
) -> Result<(), Error> {
    actor.require(Role::Owner)?;
    let reason = text::optional("reason", reason, MAX_REASON)?;
    let when = if immediately { "at once" } else { "with the period" };
    let terms = reason.as_deref().map_or_else(|| when.to_owned(), |reason| format!("{when}: {reason}"));
    let change = SubscriptionChange::begin(app, actor, from, "cancelSubscription", &terms, key).await?;
    if change.finished_at.is_some() {
        return Ok(());
    }
    let present = match present(app, actor, &change, immediately).await {
        // A try whose answer was lost has ended it, perhaps.
        Err(_) if change.repeated && has_ended(app, actor, &change).await? => return change.finish(app).await,
        Err(error) => {
            if !change.repeated {
                change.withdraw(app).await?;
            }
            return Err(error);
        }
        Ok(present) => present,
    };
    let present = alter::withdraw(app, &change, present).await?;
    let present = void_first(app, &change, present).await?;
    let course = course(&present, immediately);
    if course == Course::Now && present.unpaid.is_some() {
        return Err(alter::on_its_way());
    }
    change.takes(app, &present.id, Some(course)).await?;
    if course == Course::Now {
        let mut details = CancelSubscriptionCancellationDetails::new();
        details.comment = reason;
        let request = CancelSubscription::new(present.id.as_str()).cancellation_details(details);
        match change.write(app, "cancel_subscription", &request, "cancel").await {
            Ok(answer) => apply_change(app, &present.object, &answer).await?,
            // A try whose answer was lost has done it.
            Err(StripeError::Refused(refused)) if refused.is_missing() => {
                let answer = refetch::read(app, &present.id).await?;
                apply_change(app, &present.object, &answer).await?;
            }
            Err(error) => return Err(error.into()),
        }
        return change.finish(app).await;
    }
    alter::release(app, &change, &present).await?;
    let mut request = UpdateSubscription::new(present.id.as_str()).cancel_at_period_end(true);
    if let Some(reason) = reason {
        let mut details = UpdateSubscriptionCancellationDetails::new();
        details.comment = Some(reason);
        request = request.cancellation_details(details);
    }
    let answer = change.write(app, "update_subscription", &request, "end").await.map_err(alter::refused)?;
    alter::settle(app, &present, &answer, |now| now.ends || now.is_over()).await?;
    change.finish(app).await
}

async fn present(app: &App, actor: &Actor, change: &SubscriptionChange, immediately: bool) -> Result<Present, Error> {
    let row = alter::subscribed(app, actor.account).await?;
    let present = alter::present(app, &row).await?;
    // At first it is clear when nobody can pay any more; a try that came so far is repeated, or nothing is voided.
    let course = change.course.map(|_| course(&present, immediately));
    change.takes(app, &present.id, course).await?;
    Ok(present)
}

fn course(present: &Present, immediately: bool) -> Course {
    match present.status.as_str() {
        // What has not begun, is paused or over has no paid period that could run to its end.
        "incomplete" | "paused" => Course::Now,
        _ if immediately || present.is_over() => Course::Now,
        _ => Course::AtPeriodEnd,
    }
}

/// Of what has not begun, the bank may pay the first invoice days later, and of what is paused the one for going on: then there must be
/// something that it has paid for.
async fn void_first(app: &App, change: &SubscriptionChange, present: Present) -> Result<Present, Error> {
    let invoice = match present.status.as_str() {
        "incomplete" => id(&present.object, "latest_invoice"),
        // Nobody may have asked to go on: then the latest is the trial's, which is paid.
        "paused" => alter::open_invoice(app, &present).await?,
        _ => None,
    };
    let Some(invoice) = invoice else { return Ok(present) };
    if void_invoice(app, &invoice, &change.key(&format!("void:{invoice}"))).await? {
        return Ok(present);
    }
    let now = alter::again(app, &present).await?;
    match now.status.as_str() {
        "incomplete" => Err(Refusal::new(Code::CheckoutOpen, ON_ITS_WAY).into()),
        "paused" => Err(alter::on_its_way()),
        _ => Ok(now),
    }
}

/// The account has paid for something at Stripe, and that is over: what an earlier try has taken, if one came so far.
async fn has_ended(app: &App, actor: &Actor, change: &SubscriptionChange) -> Result<bool, Error> {
    let rows = Subscription::of_account(&*app.db.conn().await?, actor.account).await?;
    let taken = |row: &&Subscription| match change.subscription.as_deref() {
        Some(id) => row.provider_subscription_id.as_deref() == Some(id),
        None => !row.is_local(),
    };
    Ok(rows.iter().rfind(taken).is_some_and(|row| row.status.is_terminal()))
}
