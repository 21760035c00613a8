//! Changes of a subscription on the wire.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::plan::Money;
use super::subscription::PlanSubscription;
use crate::app::App;
use crate::billing::change_plan::{self, ChangePlan};
use crate::billing::plan::Interval;
use crate::billing::preview_plan_change::Preview;
use crate::billing::{cancel_subscription, entitlement, preview_plan_change, resume_subscription};
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::scalars::DateTime;
use crate::graphql::{actor, app, requester};
use crate::identity::actor::Actor;

/// What to change to, for looking only.
#[derive(InputObject)]
struct PreviewPlanChangeInput {
    /// A plan on sale.
    plan_key: String,
    /// How often it is paid.
    #[graphql(default_with = "Interval::Month")]
    interval: Interval,
    /// Absent: as many as there are.
    seats: Option<i32>,
}

/// What to change to.
#[derive(InputObject)]
struct ChangePlanInput {
    /// A plan on sale.
    plan_key: String,
    /// How often it is paid.
    #[graphql(default_with = "Interval::Month")]
    interval: Interval,
    /// Absent: as many as there are.
    seats: Option<i32>,
    /// Same key, one change.
    idempotency_key: Option<String>,
}

/// How many people may belong to the account.
#[derive(InputObject)]
struct ChangeSeatsInput {
    /// Not fewer than are taken.
    seats: i32,
    /// Same key, one change.
    idempotency_key: Option<String>,
}

/// When, and why.
#[derive(InputObject)]
struct CancelSubscriptionInput {
    /// By default access stays until the paid period ends.
    #[graphql(default)]
    immediately: bool,
    /// For the platform's people; at most 500 characters.
    reason: Option<String>,
    /// Same key, one change.
    idempotency_key: Option<String>,
}

/// Nothing need be said.
#[derive(InputObject, Default)]
struct ResumeSubscriptionInput {
    /// Same key, one change.
    idempotency_key: Option<String>,
}

/// What a change would cost.
#[derive(SimpleObject)]
pub struct PlanChangePreview {
    /// Charged at once.
    due_now: Money,
    /// Charged next.
    next_invoice: Money,
    /// When that is.
    next_invoice_at: Option<DateTime>,
}

/// What a change would cost; nothing has changed.
#[derive(SimpleObject)]
pub struct PlanChangePreviewPayload {
    /// As of now.
    preview: Option<PlanChangePreview>,
    /// Why it cannot be told, if it cannot.
    user_errors: Vec<UserError>,
}

impl From<Preview> for PlanChangePreviewPayload {
    fn from(preview: Preview) -> Self {
        let money = |amount| Money { amount, currency: preview.currency.clone() };
        let shown = PlanChangePreview {
            due_now: money(preview.due_now),
            next_invoice: money(preview.next_invoice),
            next_invoice_at: preview.next_invoice_at.map(DateTime),
        };
        Self { preview: Some(shown), user_errors: Vec::new() }
    }
}

impl Payload for PlanChangePreviewPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { preview: None, user_errors }
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
    pub async fn now(ctx: &Context<'_>, app: &App, actor: &Actor) -> Result<Self, Error> {
        let (mut conn, now) = (app.db.conn().await?, app.clock.now());
        let entitled = entitlement::load(&mut conn, actor.account, now).await?;
        let subscription = match entitlement::shown(&mut conn, actor.account, &entitled, now).await? {
            Some(row) => Some(PlanSubscription::new(ctx, row).await?),
            None => None,
        };
        Ok(Self { subscription, user_errors: Vec::new() })
    }
}

impl Payload for SubscriptionPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { subscription: None, user_errors }
    }
}

#[derive(Default)]
pub struct ChangeMutation;

#[Object]
impl ChangeMutation {
    /// What `changePlan` would cost. Changes nothing. For owners.
    async fn preview_plan_change(&self, ctx: &Context<'_>, input: PreviewPlanChangeInput) -> Result<PlanChangePreviewPayload, Error> {
        let result = async {
            let (plan, interval) = (input.plan_key.as_str(), input.interval.as_str());
            preview_plan_change::preview_plan_change(app(ctx)?, actor(ctx)?, plan, interval, input.seats).await
        };
        answer(result.await.map(PlanChangePreviewPayload::from))
    }

    /// More is had at once, as soon as the difference is paid; less begins with the next period. For owners.
    async fn change_plan(&self, ctx: &Context<'_>, input: ChangePlanInput) -> Result<SubscriptionPayload, Error> {
        let wish = ChangePlan {
            plan_key: input.plan_key,
            interval: input.interval.as_str(),
            seats: input.seats,
            idempotency_key: input.idempotency_key,
        };
        let result = async {
            let (app, actor) = (app(ctx)?, actor(ctx)?);
            change_plan::change_plan(app, actor, requester(ctx)?, wish).await?;
            SubscriptionPayload::now(ctx, app, actor).await
        };
        answer(result.await)
    }

    /// More seats are had at once, as soon as they are paid; fewer begin with the next period. For owners.
    async fn change_seats(&self, ctx: &Context<'_>, input: ChangeSeatsInput) -> Result<SubscriptionPayload, Error> {
        let result = async {
            let (app, actor) = (app(ctx)?, actor(ctx)?);
            change_plan::change_seats(app, actor, requester(ctx)?, input.seats, input.idempotency_key.as_deref()).await?;
            SubscriptionPayload::now(ctx, app, actor).await
        };
        answer(result.await)
    }

    /// Ends the subscription with the paid period, or at once. Nothing is paid back. For owners.
    async fn cancel_subscription(&self, ctx: &Context<'_>, input: CancelSubscriptionInput) -> Result<SubscriptionPayload, Error> {
        let result = async {
            let (app, actor) = (app(ctx)?, actor(ctx)?);
            let (reason, key) = (input.reason.as_deref(), input.idempotency_key.as_deref());
            cancel_subscription::cancel_subscription(app, actor, requester(ctx)?, input.immediately, reason, key).await?;
            SubscriptionPayload::now(ctx, app, actor).await
        };
        answer(result.await)
    }

    /// Takes a cancellation back before it has happened, or goes on after a trial that had no way to pay. For owners.
    async fn resume_subscription(&self, ctx: &Context<'_>, input: Option<ResumeSubscriptionInput>) -> Result<SubscriptionPayload, Error> {
        let key = input.unwrap_or_default().idempotency_key;
        let result = async {
            let (app, actor) = (app(ctx)?, actor(ctx)?);
            resume_subscription::resume_subscription(app, actor, requester(ctx)?, key.as_deref()).await?;
            SubscriptionPayload::now(ctx, app, actor).await
        };
        answer(result.await)
    }
}
