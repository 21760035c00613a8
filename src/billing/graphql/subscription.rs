//! What an account pays for.

use async_graphql::{Context, Enum, ID, Object};

use super::plan::PlanObject;
use crate::billing::plan::{Interval, Plan};
use crate::billing::subscription::{Status, Subscription};
use crate::error::Error;
use crate::graphql::loaders;
use crate::graphql::scalars::DateTime;
use crate::id::Id;

/// Who takes the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PaymentProvider {
    /// Nobody: a trial of ours, or a plan without charge.
    None,
    /// Stripe.
    Stripe,
}

pub struct PlanSubscription {
    row: Box<Subscription>,
    plan: Plan,
    pending: Option<Plan>,
}

impl PlanSubscription {
    /// With its plans.
    pub async fn new(ctx: &Context<'_>, row: Subscription) -> Result<Self, Error> {
        let ids = [Some(row.plan_id), row.pending_plan_id].into_iter().flatten();
        let plans = loaders::many::<loaders::Plans>(ctx, ids).await?;
        let plan = |id| plans.get(&id).cloned();
        let own = plan(row.plan_id).ok_or_else(|| Error::internal("a subscription without a plan"))?;
        Ok(Self { plan: own, pending: row.pending_plan_id.and_then(plan), row: Box::new(row) })
    }
}

/// What an account pays for. (The root type owns the name Subscription.)
#[Object]
impl PlanSubscription {
    /// `subscription_…`
    pub async fn id(&self) -> ID {
        self.row.id.encode().into()
    }

    /// What it is for.
    async fn plan(&self) -> PlanObject {
        PlanObject(self.plan.clone())
    }

    /// How often it is paid; null where nothing is.
    async fn interval(&self) -> Option<Interval> {
        self.row.interval.as_deref().and_then(Interval::read)
    }

    /// Where it stands.
    async fn status(&self) -> Status {
        self.row.status
    }

    /// How many people may belong to the account.
    async fn seats(&self) -> i32 {
        self.row.seats
    }

    /// When the period that is paid for began.
    async fn current_period_start(&self) -> Option<DateTime> {
        self.row.current_period_start.map(DateTime)
    }

    /// When the period that is paid for ends.
    async fn current_period_end(&self) -> Option<DateTime> {
        self.row.current_period_end.map(DateTime)
    }

    /// When it ends, if it has been cancelled or scheduled to end.
    async fn cancel_at(&self) -> Option<DateTime> {
        self.row.cancel_at.map(DateTime)
    }

    /// When it was cancelled.
    async fn canceled_at(&self) -> Option<DateTime> {
        self.row.canceled_at.map(DateTime)
    }

    /// When the trial ends or ended.
    async fn trial_end(&self) -> Option<DateTime> {
        self.row.trial_end.map(DateTime)
    }

    /// Collection is paused at the provider (not the status PAUSED).
    async fn collection_paused(&self) -> bool {
        self.row.collection_paused
    }

    /// The plan it changes to, when a change waits for payment or the period's end.
    async fn pending_plan(&self) -> Option<PlanObject> {
        self.pending.clone().map(PlanObject)
    }

    /// One sentence when the customer must act: confirm a payment, renew a card.
    async fn needs_attention(&self) -> Option<&str> {
        self.row.needs_attention.as_deref()
    }

    /// Who takes the money.
    async fn provider(&self) -> PaymentProvider {
        if self.row.is_local() { PaymentProvider::None } else { PaymentProvider::Stripe }
    }

    /// The payment provider's own id, e.g. sub_…
    async fn provider_id(&self) -> Option<&str> {
        self.row.provider_subscription_id.as_deref()
    }
}
