//! What an account may do now, and why: from its subscriptions, their plans and the time. Pure but for `load`. `condition` says a part of
//! it again in SQL; a test compares the two.
//!
//! Access is given by what is paid (`active`), by a trial that lasts, and while a failed renewal is tried again (`past_due`: Stripe's tries
//! are the grace). Nothing else gives access; then the free plan counts. Of several that give access, the highest plan counts.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::plan::{FREE, Feature, LimitKey, Plan, Tier};
use super::subscription::{STRIPE, Status, Subscription};
use crate::db::Conn;
use crate::db::schema::subscriptions;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, PlanId, SubscriptionId};

/// What of a subscription decides about access.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = subscriptions)]
pub struct Standing {
    pub id: SubscriptionId,
    pub plan_id: PlanId,
    #[diesel(deserialize_as = String)]
    pub status: Status,
    pub seats: i32,
    pub pending_seats: Option<i32>,
    pub provider: String,
    pub is_primary: bool,
    pub current_period_end: Option<DateTime<Utc>>,
    pub cancel_at: Option<DateTime<Utc>>,
    pub trial_end: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub collection_paused: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entitlements {
    pub plan: Plan,
    /// What gives the access, or, without access, what would.
    pub subscription: Option<SubscriptionId>,
    /// How many seats are paid for. None: as many as the plan allows.
    pub paid_seats: Option<i32>,
    /// How many there are to be by a change that waits. None: none waits.
    pub pending_seats: Option<i32>,
    /// One sentence: why access stands as it does.
    pub reason: String,
    /// When access ends unless something changes.
    pub until: Option<DateTime<Utc>>,
}

impl Entitlements {
    /// None: unlimited.
    pub fn max(&self, key: LimitKey) -> Option<i32> {
        let allowed = self.plan.max(key);
        match (key, self.paid_seats) {
            (LimitKey::Seats, Some(paid)) => Some(allowed.map_or(paid, |allowed| allowed.min(paid))),
            (LimitKey::Seats | LimitKey::Trees | LimitKey::SessionsPerMonth, _) => allowed,
        }
    }

    /// For whoever takes one more. A seat that a change will take away is taken by nobody any more: it would be used and not be paid.
    pub fn max_to_take(&self, key: LimitKey) -> Option<i32> {
        let max = self.max(key);
        match (key, self.pending_seats) {
            (LimitKey::Seats, Some(pending)) => Some(max.map_or(pending, |max| max.min(pending))),
            (LimitKey::Seats | LimitKey::Trees | LimitKey::SessionsPerMonth, _) => max,
        }
    }

    pub fn require(&self, feature: Feature) -> Result<(), Refusal> {
        if self.plan.has(feature) {
            return Ok(());
        }
        let what = match feature {
            Feature::TreeAnalytics => "analytics of trees",
            Feature::SessionExportPdf => "reports as PDF",
            Feature::MarketplaceSelling => "selling trees",
            Feature::Subtrees => "trees that call others",
            Feature::PrioritySupport => "priority support",
        };
        Err(Refusal::new(Code::FeatureNotInPlan, format!("The {} plan does not include {what}.", self.plan.name)))
    }
}

pub async fn load(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> Result<Entitlements, Error> {
    let query = subscriptions::table.filter(subscriptions::account_id.eq(account)).order((subscriptions::created_at, subscriptions::id));
    let standings: Vec<Standing> = query.select(Standing::as_select()).load(conn).await?;
    let plans = Plan::of_account(conn, account).await?;
    entitlements(&standings, &plans, now).ok_or_else(|| Error::internal("there is no free plan"))
}

/// What an account is shown as paying for, or having on trial: what gives it access, or what is left of it. None: nothing.
pub async fn shown(
    conn: &mut Conn,
    account: AccountId,
    entitled: &Entitlements,
    now: DateTime<Utc>,
) -> Result<Option<Subscription>, Error> {
    let Some(id) = entitled.subscription else { return Ok(None) };
    let row = Subscription::find(conn, account, id).await?;
    Ok(row.filter(|row| !row.is_local() || row.trial_end.is_none_or(|end| end > now)))
}

/// `plans` must hold the free plan and those of the subscriptions. None: the free plan is missing.
pub fn entitlements(standings: &[Standing], plans: &[Plan], now: DateTime<Utc>) -> Option<Entitlements> {
    let held = || standings.iter().filter_map(|row| Some((row, plans.iter().find(|plan| plan.id == row.plan_id)?)));
    let given = held()
        .filter_map(|(row, plan)| Some((row, plan, access(row, plan, now)?)))
        .max_by_key(|(row, plan, _)| (plan.tier, row.provider == STRIPE, row.is_primary));
    if let Some((row, plan, (reason, until))) = given {
        let paid_seats = (row.provider == STRIPE).then_some(row.seats);
        let (subscription, pending_seats) = (Some(row.id), row.pending_seats);
        return Some(Entitlements { plan: plan.clone(), subscription, paid_seats, pending_seats, reason, until });
    }
    let free = plans.iter().find(|plan| plan.key == FREE)?;
    // The one that can still come to something, else the last.
    let lost = held().max_by_key(|(row, _)| (row.provider == STRIPE && !row.status.is_terminal(), row.ended_at.or(row.trial_end)));
    let reason = match lost {
        Some((row, plan)) => format!("{} Until then, the {} plan counts.", missing(row, plan), free.name),
        None => format!("Nothing was bought: the {} plan counts.", free.name),
    };
    let subscription = lost.map(|(row, _)| row.id);
    Some(Entitlements { plan: free.clone(), subscription, paid_seats: None, pending_seats: None, reason, until: None })
}

/// The same for SQL, which asks about many accounts at once: the condition that the plan which counts has a feature. `account` and
/// `now` are SQL, too.
pub fn condition(account: &str, feature: Feature, now: &str) -> String {
    let tiers = Tier::ALL.map(|tier| format!("'{}'", tier.as_str())).join(", ");
    format!(
        "EXISTS (SELECT FROM plan_features WHERE feature = '{}' AND plan_id = coalesce( \
             (SELECT held.plan_id FROM subscriptions held JOIN plans ON plans.id = held.plan_id \
              WHERE held.account_id = {account} AND (held.cancel_at IS NULL OR held.cancel_at > {now}) \
                  AND (held.status IN ('active', 'past_due') OR held.status = 'trialing' \
                      AND (held.provider = '{STRIPE}' OR held.cancel_at IS NOT NULL OR held.trial_end > {now})) \
              ORDER BY array_position(ARRAY[{tiers}], plans.tier) DESC, held.provider = '{STRIPE}' DESC, held.is_primary DESC, \
                  held.created_at DESC, held.id DESC LIMIT 1), \
             (SELECT id FROM plans WHERE key = '{FREE}')))",
        feature.as_str()
    )
}

/// Why there is access, and until when. None: there is none.
fn access(row: &Standing, plan: &Plan, now: DateTime<Utc>) -> Option<(String, Option<DateTime<Utc>>)> {
    let name = &plan.name;
    if row.cancel_at.is_some_and(|end| end <= now) {
        return None;
    }
    let ours = row.provider != STRIPE;
    Some(match (row.status, row.cancel_at) {
        (Status::Active | Status::Trialing, Some(end)) => {
            (format!("The {name} plan was cancelled, and stays until {}.", day(end)), Some(end))
        }
        (Status::Active, None) if row.collection_paused => (format!("The {name} plan stays while its payments are paused."), None),
        (Status::Active, None) if ours => (format!("The {name} plan was given without charge."), None),
        (Status::Active, None) => match row.current_period_end {
            Some(end) => (format!("The {name} plan is paid, and renews on {}.", day(end)), None),
            None => (format!("The {name} plan is paid."), None),
        },
        // Only of a trial at Stripe shall Stripe say what comes after.
        (Status::Trialing, None) if ours && row.trial_end.is_none_or(|end| end <= now) => return None,
        (Status::Trialing, None) => match row.trial_end {
            Some(end) => (format!("The trial of the {name} plan lasts until {}.", day(end)), ours.then_some(end)),
            None => (format!("The {name} plan is on trial."), None),
        },
        (Status::PastDue, end) => {
            (format!("The last payment for the {name} plan failed; it is tried again, and access stays meanwhile."), end)
        }
        (Status::Incomplete | Status::IncompleteExpired | Status::Unpaid | Status::Paused | Status::Canceled, _) => return None,
    })
}

/// What stands between this subscription and access.
fn missing(row: &Standing, plan: &Plan) -> String {
    let name = &plan.name;
    match row.status {
        Status::Incomplete => format!("The first payment for the {name} plan has not arrived yet."),
        Status::IncompleteExpired => format!("The first payment for the {name} plan never arrived: it can be bought anew."),
        Status::Unpaid => format!("The {name} plan is not paid, and all tries to collect the money have failed."),
        Status::Paused => format!("The {name} plan is paused: it goes on when it is resumed and paid."),
        Status::Trialing => format!("The trial of the {name} plan has ended: it can be bought."),
        Status::Active | Status::PastDue | Status::Canceled => match row.ended_at.or(row.cancel_at) {
            Some(end) => format!("The {name} plan ended on {}: it can be bought anew.", day(end)),
            None => format!("The {name} plan has ended: it can be bought anew."),
        },
    }
}

fn day(time: DateTime<Utc>) -> String {
    time.format("%-d %B %Y").to_string()
}
