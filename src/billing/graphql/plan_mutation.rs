//! Plans, as staff change them.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};

use super::plan::PlanObject;
use crate::billing::plan::{Feature, Interval, LimitKey, Tier};
use crate::billing::plan_terms::{Offer, Terms};
use crate::billing::update_plan::{self, Change};
use crate::billing::{create_plan, plan};
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::{actor, app, requester};

/// An amount of money.
#[derive(InputObject)]
pub struct MoneyInput {
    /// In the currency's minor unit: cents for EUR and USD, yen for JPY.
    pub amount: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

/// What a plan costs.
#[derive(InputObject)]
pub struct PlanPriceInput {
    /// How often it is paid.
    interval: Interval,
    /// Per seat.
    unit_amount: MoneyInput,
}

/// What a plan allows.
#[derive(InputObject)]
pub struct PlanLimitInput {
    /// Of what.
    key: LimitKey,
    /// Null: unlimited.
    max: Option<i32>,
}

/// A plan to be.
#[derive(InputObject)]
pub struct CreatePlanInput {
    /// For programs: never changes.
    key: String,
    /// For people.
    name: String,
    /// For whom it is.
    description: Option<String>,
    /// How much it is, compared with others.
    tier: Tier,
    /// One for each interval that is offered.
    prices: Vec<PlanPriceInput>,
    /// Each of them.
    limits: Vec<PlanLimitInput>,
    /// What it opens.
    features: Vec<Feature>,
    /// For how long it can be tried.
    #[graphql(default = 0)]
    trial_days: i32,
}

/// What changes of a plan. Fields left out stay.
#[derive(InputObject)]
pub struct UpdatePlanInput {
    /// Which plan.
    key: String,
    /// The revision that was read.
    revision: i32,
    /// For people.
    name: Option<String>,
    /// For whom it is; null takes it away.
    description: MaybeUndefined<String>,
    /// How much it is, compared with others.
    tier: Option<Tier>,
    /// All prices anew. Who subscribed at an old one keeps it.
    prices: Option<Vec<PlanPriceInput>>,
    /// All limits anew. They count at once, also for those who have the plan.
    limits: Option<Vec<PlanLimitInput>>,
    /// All features anew. They count at once, also for those who have the plan.
    features: Option<Vec<Feature>>,
    /// For how long it can be tried.
    trial_days: Option<i32>,
    /// Whether it can be bought.
    on_sale: Option<bool>,
}

/// Which plan is taken off sale.
#[derive(InputObject)]
pub struct RetirePlanInput {
    /// Which plan.
    key: String,
    /// The revision that was read.
    revision: i32,
}

/// What a change of a plan answers.
#[derive(SimpleObject)]
pub struct PlanPayload {
    /// As it is now.
    plan: Option<PlanObject>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl Payload for PlanPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { plan: None, user_errors }
    }
}

#[derive(Default)]
pub struct PlanMutation;

#[Object]
impl PlanMutation {
    /// For the platform's staff: a new plan.
    async fn create_plan(&self, ctx: &Context<'_>, input: CreatePlanInput) -> Result<PlanPayload, Error> {
        answered(create(ctx, input).await)
    }

    /// For the platform's staff: changes a plan.
    async fn update_plan(&self, ctx: &Context<'_>, input: UpdatePlanInput) -> Result<PlanPayload, Error> {
        answered(update(ctx, input).await)
    }

    /// For the platform's staff: takes a plan off sale; who has it keeps it.
    async fn retire_plan(&self, ctx: &Context<'_>, input: RetirePlanInput) -> Result<PlanPayload, Error> {
        answered(retire(ctx, input).await)
    }
}

async fn create(ctx: &Context<'_>, input: CreatePlanInput) -> Result<plan::Plan, Error> {
    let terms = Terms {
        name: input.name,
        description: input.description,
        tier: input.tier,
        prices: input.prices.into_iter().map(Offer::from).collect(),
        limits: input.limits.into_iter().map(|limit| (limit.key, limit.max)).collect(),
        features: input.features,
        trial_days: input.trial_days,
        on_sale: true,
    };
    create_plan::create_plan(app(ctx)?, actor(ctx)?, requester(ctx)?, &input.key, terms).await
}

async fn update(ctx: &Context<'_>, input: UpdatePlanInput) -> Result<plan::Plan, Error> {
    let change = Change {
        name: input.name,
        description: match input.description {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(text) => Some(Some(text)),
        },
        tier: input.tier,
        prices: input.prices.map(|prices| prices.into_iter().map(Offer::from).collect()),
        limits: input.limits.map(|limits| limits.into_iter().map(|limit| (limit.key, limit.max)).collect()),
        features: input.features,
        trial_days: input.trial_days,
        on_sale: input.on_sale,
    };
    update_plan::update_plan(app(ctx)?, actor(ctx)?, requester(ctx)?, &input.key, input.revision, &change).await
}

async fn retire(ctx: &Context<'_>, input: RetirePlanInput) -> Result<plan::Plan, Error> {
    update_plan::retire_plan(app(ctx)?, actor(ctx)?, requester(ctx)?, &input.key, input.revision).await
}

fn answered(result: Result<plan::Plan, Error>) -> Result<PlanPayload, Error> {
    answer(result.map(|plan| PlanPayload { plan: Some(PlanObject(plan)), user_errors: Vec::new() }))
}

impl From<PlanPriceInput> for Offer {
    fn from(PlanPriceInput { interval, unit_amount }: PlanPriceInput) -> Self {
        Self { interval, amount: unit_amount.amount, currency: unit_amount.currency }
    }
}
