//! An *offer*: a plan at a price that it has now.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::schema::{plan_limits, plan_prices, plans};
use crate::id::{PlanId, PriceId};
use crate::text;

#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Offer {
    pub plan: PlanId,
    pub plan_key: String,
    pub plan_name: String,
    pub tier: String,
    pub trial_days: i32,
    pub on_sale: bool,
    pub price: PriceId,
    pub interval: String,
    /// Per seat.
    pub unit_amount: i64,
    pub currency: String,
    /// None: Stripe was not told yet.
    pub provider_price: Option<String>,
    /// Since when nobody buys at this price.
    pub retired_at: Option<DateTime<Utc>>,
}

impl Offer {
    /// A plan's present price.
    pub async fn find(conn: &mut Conn, plan_key: &str, interval: &str) -> QueryResult<Option<Self>> {
        if !text::is_name(plan_key) {
            return Ok(None);
        }
        let query = plans::table.inner_join(plan_prices::table);
        let query =
            query.filter(plans::key.eq(plan_key)).filter(plan_prices::interval.eq(interval)).filter(plan_prices::retired_at.is_null());
        query.select(columns()).first(conn).await.optional()
    }

    /// Any price, also one that is retired: some still pay it.
    pub async fn of_price(conn: &mut Conn, price: PriceId) -> QueryResult<Option<Self>> {
        let query = plans::table.inner_join(plan_prices::table).filter(plan_prices::id.eq(price));
        query.select(columns()).first(conn).await.optional()
    }

    pub async fn of_provider_price(conn: &mut Conn, price: &str) -> QueryResult<Option<Self>> {
        let query = plans::table.inner_join(plan_prices::table).filter(plan_prices::provider_price_id.eq(price));
        query.select(columns()).first(conn).await.optional()
    }

    /// How many seats may be bought. None: any number.
    pub async fn max_seats(&self, conn: &mut Conn) -> QueryResult<Option<i32>> {
        let query = plan_limits::table.find((self.plan, "seats")).select(plan_limits::max);
        Ok(query.first::<Option<i32>>(conn).await.optional()?.flatten())
    }

    /// What it costs in a year for one seat: prices of both intervals can be compared.
    pub fn yearly(&self) -> i64 {
        if self.interval == "month" { self.unit_amount.saturating_mul(12) } else { self.unit_amount }
    }

    pub fn rank(&self) -> usize {
        ["free", "starter", "pro", "enterprise"].iter().position(|tier| *tier == self.tier).unwrap_or_default()
    }
}

type Columns = (
    plans::id,
    plans::key,
    plans::name,
    plans::tier,
    plans::trial_days,
    plans::on_sale,
    plan_prices::id,
    plan_prices::interval,
    plan_prices::unit_amount,
    plan_prices::currency,
    plan_prices::provider_price_id,
    plan_prices::retired_at,
);

fn columns() -> Columns {
    (
        plans::id,
        plans::key,
        plans::name,
        plans::tier,
        plans::trial_days,
        plans::on_sale,
        plan_prices::id,
        plan_prices::interval,
        plan_prices::unit_amount,
        plan_prices::currency,
        plan_prices::provider_price_id,
        plan_prices::retired_at,
    )
}
