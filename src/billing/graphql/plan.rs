//! Plans, prices, limits.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::billing::plan::{self, Feature, Interval, LimitKey, Plan, Tier};
use crate::error::Error;
use crate::graphql::{app, loaders};
use crate::id::{Id, PlanId};

/// An amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub struct Money {
    /// In the currency's minor unit: cents for EUR and USD, yen for JPY.
    pub amount: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

/// A number that the plan limits.
#[derive(Clone, SimpleObject)]
pub struct Limit {
    /// Which one.
    pub key: LimitKey,
    /// Null: unlimited.
    pub max: Option<i32>,
    /// How much of it is used.
    pub used: i32,
}

impl From<plan::Limit> for Limit {
    fn from(plan::Limit { key, max, used }: plan::Limit) -> Self {
        Self { key, max, used }
    }
}

/// What a plan allows.
#[derive(Clone, SimpleObject)]
pub struct PlanLimit {
    /// Of what.
    key: LimitKey,
    /// Null: unlimited.
    max: Option<i32>,
}

/// What a plan costs.
#[derive(Clone, SimpleObject)]
pub struct PlanPrice {
    /// How often it is paid.
    interval: Interval,
    /// Per seat.
    unit_amount: Money,
}

#[derive(Clone)]
pub struct PlanObject(pub Plan);

impl PlanObject {
    pub async fn find(ctx: &Context<'_>, id: PlanId) -> Result<Option<Self>, Error> {
        Ok(loaders::one::<loaders::Plans>(ctx, id).await?.map(Self))
    }
}

/// What an account can have: its price, limits and features.
#[Object(name = "Plan")]
impl PlanObject {
    /// `plan_…`
    pub async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// For programs: never changes.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// For people.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// For whom it is.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// How much it is, compared with others.
    async fn tier(&self) -> Tier {
        self.0.tier
    }

    /// What it costs now. Who subscribed earlier keeps the price of that time.
    async fn prices(&self) -> Vec<PlanPrice> {
        let price = |price: &plan::Price| PlanPrice {
            interval: price.interval,
            unit_amount: Money { amount: price.amount, currency: price.currency.clone() },
        };
        self.0.prices.iter().map(price).collect()
    }

    /// What it allows.
    async fn limits(&self) -> Vec<PlanLimit> {
        LimitKey::ALL.into_iter().map(|key| PlanLimit { key, max: self.0.max(key) }).collect()
    }

    /// What it opens.
    async fn features(&self) -> &[Feature] {
        &self.0.features
    }

    /// For how long it can be tried before it is paid; an account has one trial.
    async fn trial_days(&self) -> i32 {
        self.0.trial_days
    }

    /// Whether it can be bought. Who has it keeps it.
    async fn on_sale(&self) -> bool {
        self.0.on_sale
    }

    /// Counts its changes.
    async fn revision(&self) -> i32 {
        self.0.revision
    }
}

#[derive(Default)]
pub struct PlanQuery;

#[Object]
impl PlanQuery {
    /// Plans on sale, cheapest first. Public.
    async fn plans(&self, ctx: &Context<'_>) -> Result<Vec<PlanObject>, Error> {
        Ok(Plan::on_sale(&mut *app(ctx)?.db.conn().await?).await?.into_iter().map(PlanObject).collect())
    }

    /// One plan, also if it is not on sale any more. Public.
    async fn plan(&self, ctx: &Context<'_>, #[graphql(desc = "Such as `pro`.")] key: String) -> Result<Option<PlanObject>, Error> {
        Ok(Plan::find(&mut *app(ctx)?.db.conn().await?, &key).await?.map(PlanObject))
    }
}
