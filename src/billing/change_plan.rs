//! `changePlan` and `changeSeats`. More of anything is had at once, and the difference is charged at once: until it is paid, nothing
//! changes. Less of it begins with the next period: what is paid for is kept. While a trial runs nothing is charged, so everything is at
//! once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use sha2::{Digest, Sha256};
use stripe_billing::subscription::{
    RetrieveSubscription, UpdateSubscription, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
    UpdateSubscriptionProrationBehavior,
};
use stripe_billing::subscription_schedule::{
    CreateSubscriptionSchedule, RetrieveSubscriptionSchedule, UpdateSubscriptionSchedule, UpdateSubscriptionSchedulePhases,
    UpdateSubscriptionSchedulePhasesDiscounts, UpdateSubscriptionSchedulePhasesEndDate, UpdateSubscriptionSchedulePhasesItems,
    UpdateSubscriptionSchedulePhasesItemsDiscounts, UpdateSubscriptionSchedulePhasesProrationBehavior,
    UpdateSubscriptionSchedulePhasesStartDate,
};

use stripe_shared::SubscriptionScheduleEndBehavior;

use super::alter::{self, Present};
use super::derive::Bought;
use super::note_scheduled::{forget_scheduled, note_scheduled};
use super::offer::Offer;
use super::offer_plans::offered;
use super::refetch::{self, apply_change};
use super::seats;
use super::start_checkout::on_sale;
use super::subscription::Subscription;
use super::subscription_change::{Course, SubscriptionChange};
use crate::app::App;
use crate::db::schema::plans;
use crate::error::{Code, Error, Refusal};
use crate::id::PlanId;
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::client::{Answer, StripeError};
use crate::stripe::object;
use crate::stripe::object::field::{id, ids, items, number, text};

#[derive(Clone, Debug)]
pub struct ChangePlan {
    pub plan_key: String,
    pub interval: &'static str,
    /// None: as many as there are.
    pub seats: Option<i32>,
    pub idempotency_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Now,
    AtPeriodEnd,
}

/// What it is to be.
#[derive(Clone, Debug)]
pub struct Target {
    pub offer: Offer,
    pub seats: i32,
    pub when: When,
}

impl Target {
    /// It is so already.
    pub fn is_had(&self, present: &Present) -> bool {
        self.offer.provider_price.as_deref() == Some(&present.price) && self.seats == present.seats
    }

    /// It will be so when that is paid.
    fn waits(&self, present: &Present) -> bool {
        let pending = object::Subscription::read(&present.object).pending;
        pending.is_some_and(|item| item.price == self.offer.provider_price && item.quantity == Some(self.seats.into()))
    }
}

pub async fn change_plan(app: &App, actor: &Actor, from: &Requester, wish: ChangePlan) -> Result<(), Error> {
    actor.require(Role::Owner)?;
    actor.require_verified()?;
    let seats = wish.seats.map_or_else(|| "as many seats".to_owned(), |seats| format!("{seats} seats"));
    let terms = format!("{} by the {}, {seats}", crate::text::shortened(&wish.plan_key), wish.interval);
    let change = SubscriptionChange::begin(app, actor, from, "changePlan", &terms, wish.idempotency_key.as_deref()).await?;
    if change.finished_at.is_some() {
        return Ok(());
    }
    let row = alter::subscribed(app, actor.account).await?;
    let present = alter::present(app, &row).await?;
    let target = target(app, actor, &present, &wish.plan_key, wish.interval, wish.seats).await?;
    carry_out(app, &change, &row, present, &target).await
}

pub async fn change_seats(app: &App, actor: &Actor, from: &Requester, wanted: i32, key: Option<&str>) -> Result<(), Error> {
    actor.require(Role::Owner)?;
    actor.require_verified()?;
    let change = SubscriptionChange::begin(app, actor, from, "changeSeats", &format!("{wanted} seats"), key).await?;
    if change.finished_at.is_some() {
        return Ok(());
    }
    let row = alter::subscribed(app, actor.account).await?;
    refuse_while_plan_waits(app, &row).await?;
    let present = alter::present(app, &row).await?;
    let mut conn = app.db.conn().await?;
    let offer = bought(&mut conn, &present).await?;
    seats::check(&mut conn, &offer, actor.account, wanted, app.clock.now()).await?;
    drop(conn);
    let when = when(&present, &offer, &offer, wanted);
    carry_out(app, &change, &row, present, &Target { offer, seats: wanted, when }).await
}

/// What waits holds a plan and its seats together: other seats for the present plan would undo it, and nobody has asked for that.
async fn refuse_while_plan_waits(app: &App, row: &Subscription) -> Result<(), Error> {
    let other = |plan: &PlanId| *plan != row.plan_id || row.pending_interval != row.interval;
    let Some(pending) = row.pending_plan_id.filter(other) else { return Ok(()) };
    let name: String = plans::table.find(pending).select(plans::name).first(&mut *app.db.conn().await?).await?;
    let interval = row.pending_interval.as_deref().unwrap_or("month");
    let message =
        format!("The plan is to become {name} by the {interval}: give its seats with changePlan, or take it back with that first.");
    Err(Refusal::new(Code::WrongState, message).into())
}

/// What is asked for, checked against our catalogue and what there is.
pub async fn target(
    app: &App,
    actor: &Actor,
    present: &Present,
    plan_key: &str,
    interval: &str,
    wanted: Option<i32>,
) -> Result<Target, Error> {
    let mut conn = app.db.conn().await?;
    let before = bought(&mut conn, present).await?;
    // Who has the plan keeps it, at its old price and although it may be sold no more.
    let kept = before.plan_key == plan_key && before.interval == interval;
    let offer = if kept { before.clone() } else { on_sale(&mut conn, plan_key, interval).await? };
    let seats = wanted.unwrap_or(present.seats);
    seats::check(&mut conn, &offer, actor.account, seats, app.clock.now()).await?;
    drop(conn);
    let offer = offered(app, offer).await?;
    let when = when(present, &before, &offer, seats);
    Ok(Target { when, offer, seats })
}

/// The offer that the subscription was made from.
async fn bought(conn: &mut crate::db::Conn, present: &Present) -> Result<Offer, Error> {
    let unknown = || Refusal::new(Code::WrongState, "The subscription was made elsewhere, for something that is no plan of ours.");
    Ok(Offer::of_provider_price(conn, &present.price).await?.ok_or_else(unknown)?)
}

fn when(present: &Present, before: &Offer, after: &Offer, seats: i32) -> When {
    let value = |offer: &Offer, seats: i32| (offer.rank(), offer.interval == "year", offer.yearly(), seats);
    let less = value(after, seats) < value(before, present.seats) || (before.plan == after.plan && seats < present.seats);
    if less && present.status != "trialing" { When::AtPeriodEnd } else { When::Now }
}

/// What would have to be done first, whatever it is to be.
pub fn refuse_now(present: &Present) -> Result<(), Error> {
    if present.ends {
        return Err(Refusal::new(Code::WrongState, "The subscription is to end: take that back with resumeSubscription first.").into());
    }
    if present.status == "paused" {
        return Err(Refusal::new(Code::PaymentRequired, "The subscription is paused: go on with resumeSubscription first.").into());
    }
    if !matches!(present.status.as_str(), "active" | "trialing") {
        let message = format!("The subscription is {}: pay the open invoice first, in the billing portal.", present.status);
        return Err(Refusal::new(Code::PaymentRequired, message).into());
    }
    Ok(())
}

async fn carry_out(app: &App, change: &SubscriptionChange, row: &Subscription, present: Present, target: &Target) -> Result<(), Error> {
    if was_done(change, &present, target) {
        apply_now(app, &present).await?;
        return change.finish(app).await;
    }
    refuse_now(&present)?;
    let course = match target.when {
        _ if target.is_had(&present) => Course::TakenBack,
        When::Now => Course::Now,
        When::AtPeriodEnd => Course::AtPeriodEnd,
    };
    change.takes(app, &present.id, Some(course)).await?;
    if course == Course::Now {
        refuse_debit(app, &present).await?;
    }
    let present = withdraw(app, change, present).await?;
    match course {
        Course::TakenBack => {
            alter::release(app, change, &present).await?;
            apply_now(app, &present).await?;
        }
        Course::Now => {
            alter::release(app, change, &present).await?;
            at_once(app, change, &present, target).await?;
        }
        Course::AtPeriodEnd => at_period_end(app, change, row, &present, target).await?,
    }
    change.finish(app).await
}

/// By a try whose answer was lost: what others have asked for since is left alone.
fn was_done(change: &SubscriptionChange, present: &Present, target: &Target) -> bool {
    match change.taken(&present.id) {
        Some(Course::Now) => target.is_had(present) || target.waits(present),
        Some(Course::AtPeriodEnd) => target.is_had(present),
        Some(Course::TakenBack) => false,
        // A try of the release before has noted nothing.
        None => change.repeated && change.subscription.is_none() && target.waits(present),
    }
}

/// What is asked for was asked of what the subscription was: where that is another one now, somebody has to look again.
async fn withdraw(app: &App, change: &SubscriptionChange, present: Present) -> Result<Present, Error> {
    let before = (present.price.clone(), present.seats);
    let present = alter::withdraw(app, change, present).await?;
    if present.unpaid.is_some() || before != (present.price.clone(), present.seats) {
        let message = "The change that waited was paid a moment ago, or is being paid: look at the subscription again.";
        return Err(Refusal::new(Code::WrongState, message).into());
    }
    Ok(present)
}

async fn apply_now(app: &App, present: &Present) -> Result<(), Error> {
    let answer = refetch::read(app, &present.id).await?;
    apply_change(app, &present.object, &answer).await
}

/// Stripe lets no change wait for a bank debit, and says so when what is to come, or waits, has been let go of already: that is not given
/// up for nothing.
async fn refuse_debit(app: &App, present: &Present) -> Result<(), Error> {
    if present.schedule.is_none() && present.unpaid.is_none() || present.status == "trialing" {
        return Ok(());
    }
    let of_customer = "customer.invoice_settings.default_payment_method";
    let paths = ["default_payment_method", of_customer].map(str::to_owned);
    let request = RetrieveSubscription::new(present.id.as_str()).expand(paths);
    let told = app.stripe.read("retrieve_subscription", &request).await.map_err(alter::refused)?.body;
    let kind = text(&told, "default_payment_method.type").or_else(|| text(&told, &format!("{of_customer}.type")));
    match kind.is_some_and(|kind| kind.ends_with("_debit") || kind.ends_with("_bank_account")) {
        true => Err(by_debit().into()),
        false => Ok(()),
    }
}

fn by_debit() -> Refusal {
    let message = "More is paid for at once, and a bank debit takes days: add a card in the billing portal first, then ask again.";
    Refusal::new(Code::PaymentRequired, message)
}

/// Where the payment fails or must be confirmed, the change waits at Stripe as a pending update, for a day.
async fn at_once(app: &App, change: &SubscriptionChange, present: &Present, target: &Target) -> Result<(), Error> {
    let mut item = UpdateSubscriptionItems::new();
    item.id = Some(present.item.clone());
    // A price that is retired may be kept, but not be asked for.
    item.price = target.offer.provider_price.clone().filter(|price| *price != present.price);
    item.quantity = u64::try_from(target.seats).ok();
    let behavior = match present.status.as_str() {
        // Nothing is charged, so nothing need wait, whatever it will be paid with.
        "trialing" => UpdateSubscriptionPaymentBehavior::ErrorIfIncomplete,
        _ => UpdateSubscriptionPaymentBehavior::PendingIfIncomplete,
    };
    let request = UpdateSubscription::new(present.id.as_str())
        .items(vec![item])
        .payment_behavior(behavior)
        .proration_behavior(UpdateSubscriptionProrationBehavior::AlwaysInvoice);
    // Of a plan that staff has given another price since the last try, this is no repetition.
    let step = format!("update:{}", target.offer.provider_price.as_deref().unwrap_or_default());
    match change.write(app, "update_subscription", &request, &step).await {
        Ok(answer) => alter::settle(app, present, &answer, |now| target.is_had(now) || target.waits(now)).await,
        Err(StripeError::Refused(refused)) if refused.status == 400 && refused.names("payment_behavior") => Err(by_debit().into()),
        Err(error) => Err(alter::unsold(app, &target.offer, error).await),
    }
}

async fn at_period_end(
    app: &App,
    change: &SubscriptionChange,
    row: &Subscription,
    present: &Present,
    target: &Target,
) -> Result<(), Error> {
    let told = match present.schedule.as_deref() {
        // Perhaps a try of this very change has made it, and was not heard of: it is used on, whatever it holds.
        Some(known) => schedule(app, known).await,
        None => {
            let request = CreateSubscriptionSchedule::new().from_subscription(present.id.as_str());
            match change.write(app, "create_schedule", &request, "schedule").await {
                Ok(answer) if answer.replayed => schedule(app, &text(&answer.body, "id").unwrap_or_default()).await,
                made => made,
            }
        }
    };
    let told = told.map_err(alter::refused)?.body;
    let schedule = text(&told, "id").ok_or_else(|| Error::internal("Stripe shows a schedule without an id"))?;
    let (start, end) = (number(&told, "current_phase.start_date"), number(&told, "current_phase.end_date"));
    // Without a phase that runs, it is over: somebody has taken it back.
    let (start, end) = start.zip(end).ok_or_else(alter::changed_meanwhile)?;
    refuse_what_has_changed(app, change, present, &schedule).await?;
    let mut running = phase(present, Some(present.price.clone()), present.seats);
    running.start_date = Some(UpdateSubscriptionSchedulePhasesStartDate::Timestamp(start));
    running.end_date = Some(UpdateSubscriptionSchedulePhasesEndDate::Timestamp(end));
    let mut next = phase(present, target.offer.provider_price.clone(), target.seats);
    next.proration_behavior = Some(UpdateSubscriptionSchedulePhasesProrationBehavior::None);
    next.start_date = Some(UpdateSubscriptionSchedulePhasesStartDate::Timestamp(end));
    let phases = vec![running, next];
    // What it replaces, and by what, is part of the key: where another change has come in between, this one is no repetition.
    let before = told.get("phases").map(Value::to_string).unwrap_or_default();
    let content = hex::encode(Sha256::digest(before + &serde_json::to_string(&phases)?));
    let step = format!("phases:{schedule}:{content}");
    let request = UpdateSubscriptionSchedule::new(schedule.as_str()).end_behavior(SubscriptionScheduleEndBehavior::Release).phases(phases);
    if let Err(error) = change.write(app, "update_schedule", &request, &step).await {
        if !matches!(error, StripeError::Refused(_)) {
            forget_scheduled(app, row).await?;
        }
        return Err(alter::unsold(app, &target.offer, error).await);
    }
    let next = Bought { plan: target.offer.plan, interval: Some(target.offer.interval.clone()), seats: target.seats };
    note_scheduled(app, row, &next).await?;
    apply_now(app, present).await
}

/// The schedule's first phase is what there was: what somebody has bought or ended since that was read would be taken back.
async fn refuse_what_has_changed(app: &App, change: &SubscriptionChange, present: &Present, schedule: &str) -> Result<(), Error> {
    let now = alter::read(&refetch::read(app, &present.id).await?)?;
    let what = |present: &Present| (present.price.clone(), present.seats, present.unpaid.clone(), present.ends);
    let held = now.schedule.as_deref() == Some(schedule);
    if held && what(&now) == what(present) {
        return Ok(());
    }
    // The one that was there already waits for what somebody wants.
    if held && present.schedule.is_none() {
        alter::release(app, change, &now).await?;
    }
    apply_now(app, present).await?;
    Err(alter::changed_meanwhile())
}

async fn schedule(app: &App, id: &str) -> Result<Answer, StripeError> {
    app.stripe.read("retrieve_schedule", &RetrieveSubscriptionSchedule::new(id)).await
}

/// With the other items that the subscription has, its way to pay, and all its discounts and tax rates: Stripe drops those that a phase
/// does not name. A discount is named by its id, since its coupon would begin anew.
fn phase(present: &Present, price: Option<String>, seats: i32) -> UpdateSubscriptionSchedulePhases {
    let mut ours = Some((price, u64::try_from(seats).ok()));
    let item = |line: &Value| {
        let mut item = UpdateSubscriptionSchedulePhasesItems::new();
        let quantity = || number(line, "quantity").and_then(|quantity| u64::try_from(quantity).ok());
        (item.price, item.quantity) = ours.take().unwrap_or_else(|| (id(line, "price"), quantity()));
        let discounts = ids(line, "discounts").into_iter().map(|id| {
            let mut discount = UpdateSubscriptionSchedulePhasesItemsDiscounts::new();
            discount.discount = Some(id);
            discount
        });
        item.discounts = some(discounts.collect());
        item.tax_rates = some(ids(line, "tax_rates"));
        item
    };
    let mut phase = UpdateSubscriptionSchedulePhases::new(items(&present.object, "items").iter().map(item).collect::<Vec<_>>());
    let discounts = ids(&present.object, "discounts").into_iter().map(|id| {
        let mut discount = UpdateSubscriptionSchedulePhasesDiscounts::new();
        discount.discount = Some(id);
        discount
    });
    phase.discounts = some(discounts.collect());
    phase.default_payment_method = id(&present.object, "default_payment_method");
    phase.default_tax_rates = some(ids(&present.object, "default_tax_rates"));
    phase
}

/// An empty list would be sent as a wish for none.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
