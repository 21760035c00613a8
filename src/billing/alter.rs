//! What all changes of a subscription share: which one it is, what it contains at Stripe now, and how the answer becomes our rows.

use serde_json::Value;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_billing::subscription_schedule::ReleaseSubscriptionSchedule;

use super::apply::Source;
use super::offer::Offer;
use super::offer_plans::{forget_plan, offered};
use super::refetch::{self, apply_change, apply_subscription};
use super::subscription::{Status, Subscription};
use super::subscription_change::SubscriptionChange;
use super::void_invoice::void_invoice;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;
use crate::stripe::client::{Answer, StripeError};
use crate::stripe::object;
use crate::stripe::object::field::{at, id, number, text};

/// For buyers; staff hear of it by an alert, as soon as Stripe tells what was changed there.
pub const NOT_NOW: &str = "This plan cannot be bought at present: nothing was charged. Try again later.";

/// The subscription as Stripe shows it now.
#[derive(Clone, Debug)]
pub struct Present {
    pub id: String,
    pub status: String,
    /// Of our item: the first one.
    pub item: String,
    pub price: String,
    pub seats: i32,
    pub schedule: Option<String>,
    /// The invoice of a change that waits until it is paid.
    pub unpaid: Option<String>,
    pub ends: bool,
    pub object: Value,
}

impl Present {
    /// There is no way back.
    pub fn is_over(&self) -> bool {
        Status::read(&self.status).is_some_and(Status::is_terminal)
    }
}

/// The row that counts, if it is paid for at Stripe.
pub async fn subscribed(app: &App, account: AccountId) -> Result<Subscription, Error> {
    let rows = Subscription::of_account(&*app.db.conn().await?, account).await?;
    let not = || Refusal::new(Code::NotSubscribed, "The account has no subscription that is paid for: begin one with startCheckout.");
    Ok(rows.into_iter().find(|row| row.is_primary && row.is_live()).ok_or_else(not)?)
}

/// What it is at Stripe now, unless it has ended there.
pub async fn present(app: &App, row: &Subscription) -> Result<Present, Error> {
    let id = row.provider_subscription_id.as_deref().unwrap_or_default();
    let answer = refetch::read(app, id).await?;
    let present = read(&answer)?;
    if present.is_over() {
        // Its event has not come yet.
        apply_subscription(app, &answer, Source::Refetch).await?;
        let message = "The subscription has ended at the payment provider: begin another with startCheckout.";
        return Err(Refusal::new(Code::NotSubscribed, message).into());
    }
    Ok(present)
}

pub fn read(answer: &Answer) -> Result<Present, Error> {
    let body = &answer.body;
    let told = object::Subscription::read(body);
    let missing = |what: &str| Error::internal(format!("Stripe shows a subscription without {what}"));
    let seats = number(body, "items.data.0.quantity").and_then(|seats| i32::try_from(seats).ok());
    Ok(Present {
        id: told.id.ok_or_else(|| missing("an id"))?,
        status: told.status.unwrap_or_default(),
        item: text(body, "items.data.0.id").ok_or_else(|| missing("an item"))?,
        price: id(body, "items.data.0.price").ok_or_else(|| missing("a price"))?,
        seats: seats.unwrap_or(1),
        schedule: id(body, "schedule"),
        unpaid: at(body, "pending_update").and_then(|_| id(body, "latest_invoice")),
        ends: told.cancel_at.is_some(),
        object: body.clone(),
    })
}

/// What a change of ours was answered with becomes our rows. An old answer does not: what is true now is read, and if that is not what was
/// asked for, somebody else has changed it since.
pub async fn settle(app: &App, present: &Present, answer: &Answer, done: impl Fn(&Present) -> bool) -> Result<(), Error> {
    if !answer.replayed {
        return apply_change(app, &present.object, answer).await;
    }
    if done(&again(app, present).await?) { Ok(()) } else { Err(changed_meanwhile()) }
}

/// As it is by now, also in our rows.
pub async fn again(app: &App, present: &Present) -> Result<Present, Error> {
    let answer = refetch::read(app, &present.id).await?;
    apply_change(app, &present.object, &answer).await?;
    read(&answer)
}

/// The latest invoice, if somebody can still pay it.
pub async fn open_invoice(app: &App, present: &Present) -> Result<Option<String>, Error> {
    let Some(invoice) = id(&present.object, "latest_invoice") else { return Ok(None) };
    let told = app.stripe.read("retrieve_invoice", &RetrieveInvoice::new(invoice.as_str())).await?.body;
    Ok(Some(invoice).filter(|_| text(&told, "status").as_deref() == Some("open")))
}

/// What is being paid can neither be taken back nor be asked for again.
pub fn on_its_way() -> Error {
    Refusal::new(Code::WrongState, "Its payment is on the way: wait until the bank has answered.").into()
}

pub fn changed_meanwhile() -> Error {
    Refusal::new(Code::WrongState, "The subscription was changed meanwhile: look at it again.").into()
}

/// What a schedule would change later is not wanted any more. Stripe lets nothing else change while there is one.
pub async fn release(app: &App, change: &SubscriptionChange, present: &Present) -> Result<(), Error> {
    let Some(schedule) = &present.schedule else { return Ok(()) };
    let request = ReleaseSubscriptionSchedule::new(schedule.as_str());
    match app.stripe.write("release_schedule", &request, &change.key(&format!("release:{schedule}"))).await {
        Ok(_) => Ok(()),
        // Over already: nothing holds the subscription any more.
        Err(StripeError::Refused(refused)) if !refused.is_forbidden() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A change that waits for its payment is not wanted any more: Stripe drops it with its invoice. Returns the subscription as it is then;
/// what was paid a moment ago, or is being paid, stays.
pub async fn withdraw(app: &App, change: &SubscriptionChange, present: Present) -> Result<Present, Error> {
    let Some(invoice) = &present.unpaid else { return Ok(present) };
    void_invoice(app, invoice, &change.key(&format!("void:{invoice}"))).await?;
    again(app, &present).await
}

async fn tell_again(app: &App, offer: &Offer) -> Result<(), Error> {
    forget_plan(app, offer.plan).await?;
    offered(app, Offer { provider_price: None, ..offer.clone() }).await.map(|_| ())
}

/// A refusal of Stripe's that the customer can do something about.
pub fn refused(error: StripeError) -> Error {
    match error {
        StripeError::Refused(refused) if refused.kind.as_deref() == Some("card_error") => {
            Refusal::new(Code::PaymentRequired, refused.message).into()
        }
        StripeError::Refused(refused) if refused.is_missing() => {
            Refusal::new(Code::NotSubscribed, "The subscription has ended at the payment provider.").into()
        }
        error => error.into(),
    }
}

/// The same for what asks for an offer: its price or product may be archived at Stripe, or gone.
pub async fn unsold(app: &App, offer: &Offer, error: StripeError) -> Error {
    match error {
        StripeError::Refused(refused) if refused.is_archived() || refused.status == 400 && refused.names("price") => {
            tracing::error!(plan = offer.plan_key, cause = refused.message, "Stripe refuses to sell a plan");
            // What is gone is told again at once: until then, nobody's subscription to this plan could be read.
            if refused.is_missing()
                && refused.names("price")
                && let Err(error) = tell_again(app, offer).await
            {
                return error;
            }
            Refusal::at(Code::PlanUnavailable, "planKey", NOT_NOW).into()
        }
        error => refused(error),
    }
}
