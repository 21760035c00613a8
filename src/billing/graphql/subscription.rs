//! What an account pays for, on the wire.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::plan::PlanObject;
use crate::app::App;
use crate::billing::interval::Interval;
use crate::billing::subscription::{Status, Subscription};
use crate::db::schema::plans;
use crate::error::Error;
use crate::graphql::app;
use crate::graphql::payload::{Payload, UserError};
use crate::graphql::scalars::DateTime;
use crate::id::{AccountId, Id, PlanId};
use crate::identity::actor::Actor;

/// Who collects the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PaymentProvider {
    /// Nobody: a trial, or a plan that costs nothing.
    None,
    /// Stripe.
    Stripe,
}

pub struct PlanSubscription(pub Subscription);

impl PlanSubscription {
    pub async fn of_account(app: &App, account: AccountId) -> Result<Option<Self>, Error> {
        Ok(Subscription::shown(&mut *app.db.conn().await?, account).await?.map(Self))
    }
}

async fn plan(ctx: &Context<'_>, id: PlanId) -> Result<PlanObject, Error> {
    let query = plans::table.find(id).select((plans::id, plans::key, plans::name));
    let (id, key, name): (PlanId, String, String) = query.first(&mut *app(ctx)?.db.conn().await?).await?;
    Ok(PlanObject { id: id.encode().into(), key, name })
}

/// What an account pays for. (The root type owns the name Subscription.)
#[Object]
impl PlanSubscription {
    /// `subscription_…`
    async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// What it is for.
    async fn plan(&self, ctx: &Context<'_>) -> Result<PlanObject, Error> {
        plan(ctx, self.0.plan_id).await
    }

    /// How often it is paid.
    async fn interval(&self) -> Option<Interval> {
        self.0.interval.as_deref().and_then(Interval::read)
    }

    /// Where it stands.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// How many people it is for.
    async fn seats(&self) -> i32 {
        self.0.seats
    }

    /// When the present period began.
    async fn current_period_start(&self) -> Option<DateTime> {
        self.0.current_period_start.map(DateTime)
    }

    /// When it is paid next.
    async fn current_period_end(&self) -> Option<DateTime> {
        self.0.current_period_end.map(DateTime)
    }

    /// When it ends, if it has been cancelled or scheduled to end.
    async fn cancel_at(&self) -> Option<DateTime> {
        self.0.cancel_at.map(DateTime)
    }

    /// When somebody cancelled it.
    async fn canceled_at(&self) -> Option<DateTime> {
        self.0.canceled_at.map(DateTime)
    }

    /// Until when it is free of charge.
    async fn trial_end(&self) -> Option<DateTime> {
        self.0.trial_end.map(DateTime)
    }

    /// Collection is paused at the provider (not the status PAUSED).
    async fn collection_paused(&self) -> bool {
        self.0.collection_paused
    }

    /// The plan it changes to, when a change waits for payment or the period's end.
    async fn pending_plan(&self, ctx: &Context<'_>) -> Result<Option<PlanObject>, Error> {
        match self.0.pending_plan_id {
            Some(id) => plan(ctx, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// One sentence when the customer must act: confirm a payment, renew a card.
    async fn needs_attention(&self) -> Option<&str> {
        self.0.needs_attention.as_deref()
    }

    /// Who collects the money.
    async fn provider(&self) -> PaymentProvider {
        if self.0.is_local() { PaymentProvider::None } else { PaymentProvider::Stripe }
    }

    /// The payment provider's own id, e.g. sub_…
    async fn provider_id(&self) -> Option<&str> {
        self.0.provider_subscription_id.as_deref()
    }
}

/// A subscription, as it is after what was asked for.
#[derive(SimpleObject)]
pub struct SubscriptionPayload {
    /// The account's; null if it has none.
    subscription: Option<PlanSubscription>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl SubscriptionPayload {
    pub async fn now(app: &App, actor: &Actor) -> Result<Self, Error> {
        Ok(Self { subscription: PlanSubscription::of_account(app, actor.account).await?, user_errors: Vec::new() })
    }
}

impl Payload for SubscriptionPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { subscription: None, user_errors }
    }
}
