//! `customer.subscription.*`.

use super::super::delivery;
use super::super::derive::{self, Bought, Facts};
use super::super::mails::{self, BillingMail};
use super::super::ordering::{Order, Trust, Version, decide};
use super::super::payment::Payment;
use super::super::place::Hints;
use super::super::subscription::{STRIPE, Status, Subscription};
use super::super::{catalogue, jobs};
use super::{Outcome, Source, Told, placed};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::AccountId;
use crate::stripe::object;

mod store;
pub(in crate::billing) use store::store;

const DOUBTFUL: &str = "another change of the same second was kept; it is read again to be sure";

pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let object = object::Subscription::read(told.object);
    let Some(id) = object.id.as_deref() else { return Ok(Outcome::ignored("the subscription has no id")) };
    let hints = Hints {
        customer: object.customer.as_deref(),
        subscription: Some(id),
        account: object.account.as_deref(),
        user: object.user.as_deref(),
        ..Hints::default()
    };
    let (account, linked) = match placed(conn, app, told, hints).await? {
        Ok(place) => place,
        Err(outcome) => return Ok(outcome),
    };
    let sold: Vec<_> = object.items.iter().chain(&object.pending).collect();
    // Sent together: a round trip for each would be most of what a delivery costs.
    let shared = &*conn;
    let (rows, bought, facts) =
        tokio::try_join!(Subscription::lock_all(shared, account), catalogue::bought(shared, &sold), Payment::facts(shared, id))?;
    let known = rows.iter().find(|row| row.provider_subscription_id.as_deref() == Some(id)).cloned();
    let (order, trust) = known.as_ref().map_or((Order::Later, Trust::default()), |known| compare(known, &object, told));
    let mut outcome = match (order, &known) {
        (Order::Stale | Order::Undecided { take: false }, Some(known)) => {
            keep(conn, app, known, id, trust).await?;
            Outcome::stale(account, if trust.doubtful { DOUBTFUL } else { "the subscription is already at a later change" })
        }
        _ => take(conn, app, told, Arriving { object: &object, id, account, trust, bought, facts }, &rows, known.as_ref()).await?,
    };
    if told.kind == "customer.subscription.trial_will_end" && outcome.account.is_some() {
        remind(conn, app, id).await?;
    }
    if linked {
        outcome.appeared.extend(object.customer.clone());
    }
    if known.is_none() && outcome.status == delivery::Status::Completed {
        outcome.appeared.push(id.to_owned());
    }
    Ok(outcome)
}

/// The state stays; what is thought of it may change.
async fn keep(conn: &mut Conn, app: &App, known: &Subscription, id: &str, trust: Trust) -> Result<(), Error> {
    if trust == known.trust() {
        return Ok(());
    }
    if trust.doubtful {
        jobs::refetch_later(conn, app, id).await?;
    }
    let Trust { doubtful, contested } = trust;
    let row = Subscription { needs_refetch: doubtful, version_contested: contested, updated_at: app.clock.now(), ..known.clone() };
    Ok(Subscription::update(conn, row).await?)
}

/// A row made from a checkout is older than whatever an event tells. That it has not begun yet was told before it was paid: should what
/// follows be lost, reading it again finds out.
fn compare(known: &Subscription, object: &object::Subscription, told: &Told<'_>) -> (Order, Trust) {
    let (Some(from), Some(raw)) = (known.version_created, &known.raw) else {
        // An erased account's has lost Stripe's words, and what has ended has ended all the same. Our own end of what was never heard of
        // is in doubt, and counts less than whatever is told.
        if known.status.is_terminal() && !known.needs_refetch {
            return (Order::Stale, Trust::default());
        }
        let status = object.status.as_deref().and_then(Status::read);
        let doubtful = status == Some(Status::Incomplete) && known.status != Status::Incomplete;
        return (Order::Later, Trust { doubtful, contested: false });
    };
    let stored = Version {
        from,
        until: known.version_until.unwrap_or(from),
        event_id: known.version_event_id.as_deref(),
        first: known.version_first,
        status: object::Subscription::read(raw).status.as_deref().and_then(Status::read),
        previous: known.version_previous.as_ref(),
        object: raw,
    };
    let arriving = Version {
        from: told.from,
        until: told.until,
        event_id: told.event_id,
        first: told.kind == "customer.subscription.created",
        status: object.status.as_deref().and_then(Status::read),
        previous: told.previous,
        object: told.object,
    };
    let (order, mut trust) = decide(&stored, known.trust(), &arriving);
    // The same doubt, until something else is told.
    trust.doubtful |= known.needs_refetch && stored.status == Some(Status::Incomplete) && arriving.waits();
    (order, trust)
}

struct Arriving<'a> {
    object: &'a object::Subscription,
    id: &'a str,
    account: AccountId,
    trust: Trust,
    /// For each of its items, and what is pending.
    bought: Vec<Option<Bought>>,
    facts: Facts,
}

async fn take(
    conn: &mut Conn,
    app: &App,
    told: &Told<'_>,
    arriving: Arriving<'_>,
    rows: &[Subscription],
    known: Option<&Subscription>,
) -> Result<Outcome, Error> {
    let Arriving { object, id, account, trust, mut bought, facts } = arriving;
    let pending = if object.pending.is_some() { bought.pop().flatten() } else { None };
    // Of what is none of ours, the subscription may be one as well; of what we know already, the plan stays.
    let kept = known.map(Subscription::bought);
    let Some(bought) = bought.into_iter().flatten().next().or(kept) else {
        let price = object.items.iter().find_map(|item| item.price.as_deref()).unwrap_or("none");
        return Ok(Outcome { account: Some(account), ..Outcome::parked(price, format!("no plan is known for the price {price}")) });
    };
    let now = app.clock.now();
    let mut row = match known {
        Some(known) => known.clone(),
        None => blank(app, account, id, &bought),
    };
    derive::show(&mut row, object, &bought, pending.as_ref(), &facts, told.from);
    row.provider_customer_id = object.customer.clone().or(row.provider_customer_id);
    row.version_created = Some(told.from);
    row.version_until = Some(told.until);
    row.version_event_id = told.event_id.map(str::to_owned);
    row.version_previous = told.previous.cloned();
    row.version_first = told.kind == "customer.subscription.created";
    row.raw = Some(told.object.clone().into());
    row.source = Some(told.source.as_str().to_owned());
    row.needs_refetch = trust.doubtful;
    row.version_contested = trust.contested;
    row.updated_at = now;
    if trust.doubtful || told.source == Source::Event && row.is_to_be_read() {
        jobs::refetch_later(conn, app, id).await?;
    }
    let row = store(conn, rows, known, row, object.created).await?;
    tell(conn, app, known, &row).await?;
    Ok(match row.is_primary || !row.is_live() {
        true => Outcome::completed(account, format!("the subscription is {} now", row.status.as_str())),
        false => Outcome::completed(account, "stored as not primary: the account has another subscription that lives"),
    })
}

/// A row of a subscription that we have not seen yet.
pub(super) fn blank(app: &App, account: AccountId, id: &str, bought: &Bought) -> Subscription {
    Subscription {
        interval: bought.interval.clone(),
        status: Status::Incomplete,
        seats: bought.seats,
        provider: STRIPE.to_owned(),
        provider_subscription_id: Some(id.to_owned()),
        ..Subscription::local(account, bought.plan, app.clock.now())
    }
}

/// Mails for what has changed; each goes out once, whichever event tells it.
pub(super) async fn tell(conn: &mut Conn, app: &App, known: Option<&Subscription>, row: &Subscription) -> Result<(), Error> {
    let Some(id) = row.provider_subscription_id.as_deref() else { return Ok(()) };
    let was_over = known.is_some_and(|known| known.status.is_terminal());
    if row.status == Status::Canceled && !was_over {
        return mails::send_once(conn, app, &format!("ended:{id}"), BillingMail::Ended { subscription: row.id }).await;
    }
    let before = known.and_then(|known| known.cancel_at);
    if before == row.cancel_at || row.status.is_terminal() {
        return Ok(());
    }
    // What was taken back may be done again, and is told again.
    if let Some(at) = before {
        mails::forget(conn, &mails::about_end(id, at)).await?;
    }
    let Some(at) = row.cancel_at else { return Ok(()) };
    let now = app.clock.now();
    let mail = BillingMail::CancellationScheduled { subscription: row.id, told_at: Some(now) };
    mails::send_once_at(conn, &mails::about_end(id, at), mail, now).await
}

/// A trial that ends soon; if it is still one.
async fn remind(conn: &mut Conn, app: &App, id: &str) -> Result<(), Error> {
    match Subscription::find_by_provider_id(conn, id).await? {
        Some(row) if row.status == Status::Trialing => {
            let ends = row.trial_end.map(|end| end.timestamp()).unwrap_or_default();
            let mail = BillingMail::TrialEnding { subscription: row.id };
            mails::send_once(conn, app, &format!("trial_ending:{id}:{ends}"), mail).await
        }
        _ => Ok(()),
    }
}
