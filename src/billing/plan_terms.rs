//! What staff may say of a plan, checked, and written. A changed amount is a new price: who subscribed at the old one keeps it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::money;
use super::plan::{Feature, Interval, LimitKey, Plan, Tier};
use crate::db::Conn;
use crate::db::schema::{plan_features, plan_limits, plan_prices, plans};
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, PlanId, PriceId};
use crate::text;

const MAX_NAME: usize = 100;
const MAX_DESCRIPTION: usize = 1_000;
/// Stripe's own limit.
const MAX_TRIAL_DAYS: i32 = 730;

/// All of a plan but its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    pub name: String,
    pub description: Option<String>,
    pub tier: Tier,
    pub prices: Vec<Offer>,
    pub limits: Vec<(LimitKey, Option<i32>)>,
    pub features: Vec<Feature>,
    pub trial_days: i32,
    pub on_sale: bool,
}

/// A price as staff say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub interval: Interval,
    pub amount: i64,
    pub currency: String,
}

impl Terms {
    pub fn of(plan: &Plan) -> Self {
        let offer = |price: &super::plan::Price| Offer { interval: price.interval, amount: price.amount, currency: price.currency.clone() };
        Self {
            name: plan.name.clone(),
            description: plan.description.clone(),
            tier: plan.tier,
            prices: plan.prices.iter().map(offer).collect(),
            limits: LimitKey::ALL.into_iter().map(|key| (key, plan.max(key))).collect(),
            features: plan.features.clone(),
            trial_days: plan.trial_days,
            on_sale: plan.on_sale,
        }
    }

    /// `in_force`: prices that it has already. Whatever became of the rules, they keep nobody from changing the rest, or from retiring it.
    pub fn check(self, in_force: &[Offer]) -> Result<Self, Refusal> {
        let name = text::required("name", &self.name, MAX_NAME)?;
        let description = text::optional("description", self.description.as_deref(), MAX_DESCRIPTION)?;
        if self.prices.is_empty() {
            return Err(Refusal::at(Code::Required, "prices", "A plan needs a price, even if it is 0."));
        }
        if let Some(interval) = twice(self.prices.iter().map(|price| price.interval)) {
            return Err(Refusal::at(Code::Invalid, "prices", format!("There are two prices for one {}.", interval.as_str())));
        }
        for price in self.prices.iter().filter(|price| !in_force.contains(price)) {
            money::check("prices", price.amount, &price.currency, 0)?;
        }
        if let Some(key) = twice(self.limits.iter().map(|(key, _)| *key)) {
            return Err(Refusal::at(Code::Invalid, "limits", format!("The limit `{}` is there twice.", key.as_str())));
        }
        if let Some(key) = LimitKey::ALL.into_iter().find(|key| self.limits.iter().all(|(known, _)| known != key)) {
            let message = format!("The limit `{}` is missing: say null for unlimited.", key.as_str());
            return Err(Refusal::at(Code::Required, "limits", message));
        }
        if let Some((key, max)) = self.limits.iter().find_map(|(key, max)| max.filter(|max| *max < 0).map(|max| (key, max))) {
            return Err(Refusal::at(Code::Invalid, "limits", format!("The limit `{}` must not be {max}.", key.as_str())));
        }
        if !(0..=MAX_TRIAL_DAYS).contains(&self.trial_days) {
            let message = format!("`trialDays` must be from 0 to {MAX_TRIAL_DAYS}, not {}.", self.trial_days);
            return Err(Refusal::at(Code::Invalid, "trialDays", message));
        }
        Ok(Self { name, description, ..self })
    }

    /// To be called in a transaction that holds the plan.
    pub async fn write(&self, conn: &mut Conn, plan: PlanId, now: DateTime<Utc>) -> Result<(), Error> {
        diesel::update(plans::table.find(plan))
            .set((
                plans::name.eq(&self.name),
                plans::description.eq(&self.description),
                plans::tier.eq(self.tier.as_str()),
                plans::trial_days.eq(self.trial_days),
                plans::on_sale.eq(self.on_sale),
                plans::updated_at.eq(now),
            ))
            .execute(conn)
            .await?;
        self.write_prices(conn, plan, now).await?;
        diesel::delete(plan_limits::table.filter(plan_limits::plan_id.eq(plan))).execute(conn).await?;
        for (key, max) in &self.limits {
            let row = (plan_limits::plan_id.eq(plan), plan_limits::key.eq(key.as_str()), plan_limits::max.eq(max));
            diesel::insert_into(plan_limits::table).values(row).execute(conn).await?;
        }
        diesel::delete(plan_features::table.filter(plan_features::plan_id.eq(plan))).execute(conn).await?;
        for feature in &self.features {
            let row = (plan_features::plan_id.eq(plan), plan_features::feature.eq(feature.as_str()));
            diesel::insert_into(plan_features::table).values(row).on_conflict_do_nothing().execute(conn).await?;
        }
        Ok(())
    }

    async fn write_prices(&self, conn: &mut Conn, plan: PlanId, now: DateTime<Utc>) -> Result<(), Error> {
        for interval in [Interval::Month, Interval::Year] {
            let current = plan_prices::table
                .filter(plan_prices::plan_id.eq(plan))
                .filter(plan_prices::interval.eq(interval.as_str()))
                .filter(plan_prices::retired_at.is_null());
            let offered = self.prices.iter().find(|price| price.interval == interval);
            let columns = (plan_prices::unit_amount, plan_prices::currency);
            let before: Option<(i64, String)> = current.select(columns).first(conn).await.optional()?;
            if before.as_ref().map(|(amount, currency)| (*amount, currency)) == offered.map(|price| (price.amount, &price.currency)) {
                continue;
            }
            diesel::update(current).set(plan_prices::retired_at.eq(now)).execute(conn).await?;
            let Some(price) = offered else { continue };
            diesel::insert_into(plan_prices::table)
                .values((
                    plan_prices::id.eq(PriceId::at(now)),
                    plan_prices::plan_id.eq(plan),
                    plan_prices::interval.eq(interval.as_str()),
                    plan_prices::unit_amount.eq(price.amount),
                    plan_prices::currency.eq(&price.currency),
                    plan_prices::created_at.eq(now),
                ))
                .execute(conn)
                .await?;
        }
        Ok(())
    }
}

fn twice<T: PartialEq>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = Vec::new();
    for item in items {
        if seen.contains(&item) {
            return Some(item);
        }
        seen.push(item);
    }
    None
}
