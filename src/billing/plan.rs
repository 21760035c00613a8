//! The plans: what each costs, allows and opens. Staff change them; a plan that is not on sale any more stays with those who have it.

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Json, Nullable, Text, Uuid};
use diesel_async::RunQueryDsl;
use serde::Deserialize;
use serde_json::Value;

use crate::db::Conn;
use crate::db::cached::Cached;
use crate::id::{AccountId, PlanId};
use crate::text;

/// What every account has that has nothing else.
pub const FREE: &str = "free";
/// What everybody may try when they sign up.
pub const TRIAL: &str = "pro";

/// How much a plan is, compared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, async_graphql::Enum)]
#[graphql(name = "PlanTier")]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Costs nothing.
    Free,
    /// For a small team.
    Starter,
    /// For a support desk.
    Pro,
    /// For a whole company.
    Enterprise,
}

impl Tier {
    pub const ALL: [Self; 4] = [Self::Free, Self::Starter, Self::Pro, Self::Enterprise];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Starter => "starter",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// How often a plan is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, async_graphql::Enum)]
#[graphql(name = "BillingInterval")]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// Every month.
    Month,
    /// Every year.
    Year,
}

impl Interval {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        [Self::Month, Self::Year].into_iter().find(|interval| interval.as_str() == word)
    }
}

/// What a plan opens beside its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum Feature {
    /// How sessions went, node by node.
    TreeAnalytics,
    /// A session's report as PDF.
    SessionExportPdf,
    /// Trees may be sold to other accounts.
    MarketplaceSelling,
    /// Trees may call other trees.
    Subtrees,
    /// Support answers first.
    PrioritySupport,
}

impl Feature {
    pub const ALL: [Self; 5] =
        [Self::TreeAnalytics, Self::SessionExportPdf, Self::MarketplaceSelling, Self::Subtrees, Self::PrioritySupport];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TreeAnalytics => "tree_analytics",
            Self::SessionExportPdf => "session_export_pdf",
            Self::MarketplaceSelling => "marketplace_selling",
            Self::Subtrees => "subtrees",
            Self::PrioritySupport => "priority_support",
        }
    }
}

/// A number that a plan limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum LimitKey {
    /// People who belong to the account, and open invitations.
    Seats,
    /// Trees, archived ones included.
    Trees,
    /// Sessions started in a calendar month (UTC).
    SessionsPerMonth,
}

impl LimitKey {
    pub const ALL: [Self; 3] = [Self::Seats, Self::Trees, Self::SessionsPerMonth];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seats => "seats",
            Self::Trees => "trees",
            Self::SessionsPerMonth => "sessions_per_month",
        }
    }
}

/// How much of a limit is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    pub key: LimitKey,
    /// None: unlimited.
    pub max: Option<i32>,
    pub used: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub id: PlanId,
    pub key: String,
    pub name: String,
    pub description: Option<String>,
    pub tier: Tier,
    pub trial_days: i32,
    pub on_sale: bool,
    pub revision: i32,
    pub provider_product_id: Option<String>,
    /// Those that are offered now.
    pub prices: Vec<Price>,
    pub limits: Vec<(LimitKey, Option<i32>)>,
    pub features: Vec<Feature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Price {
    pub interval: Interval,
    /// Per seat, in the currency's minor unit.
    pub amount: i64,
    pub currency: String,
    pub provider_price_id: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Uuid)]
    id: PlanId,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    description: Option<String>,
    #[diesel(sql_type = Text)]
    tier: String,
    #[diesel(sql_type = Integer)]
    trial_days: i32,
    #[diesel(sql_type = Bool)]
    on_sale: bool,
    #[diesel(sql_type = Integer)]
    revision: i32,
    #[diesel(sql_type = Nullable<Text>)]
    provider_product_id: Option<String>,
    #[diesel(sql_type = Json)]
    prices: Value,
    #[diesel(sql_type = Json)]
    limits: Value,
    #[diesel(sql_type = Array<Text>)]
    features: Vec<String>,
}

const SELECT: &str = "SELECT p.id, p.key, p.name, p.description, p.tier, p.trial_days, p.on_sale, p.revision, p.provider_product_id, \
     (SELECT coalesce(json_agg(json_build_object('interval', interval, 'amount', unit_amount, 'currency', currency, \
             'provider_price_id', provider_price_id) ORDER BY interval), '[]') \
        FROM plan_prices WHERE plan_id = p.id AND retired_at IS NULL) AS prices, \
     (SELECT coalesce(json_object_agg(key, max), '{}') FROM plan_limits WHERE plan_id = p.id) AS limits, \
     ARRAY (SELECT feature FROM plan_features WHERE plan_id = p.id) AS features \
     FROM plans p";
/// The cheapest first.
const ORDER: &str = " ORDER BY (SELECT min(CASE interval WHEN 'year' THEN unit_amount / 12 ELSE unit_amount END) \
     FROM plan_prices WHERE plan_id = p.id AND retired_at IS NULL), p.key";

impl Plan {
    /// All of them, the cheapest first.
    pub async fn all(conn: &mut Conn) -> QueryResult<Vec<Self>> {
        read(Cached(diesel::sql_query(format!("{SELECT}{ORDER}"))).load(conn).await?)
    }

    /// Those that can be bought, the cheapest first.
    pub async fn on_sale(conn: &mut Conn) -> QueryResult<Vec<Self>> {
        read(Cached(diesel::sql_query(format!("{SELECT} WHERE p.on_sale{ORDER}"))).load(conn).await?)
    }

    pub async fn find(conn: &mut Conn, key: &str) -> QueryResult<Option<Self>> {
        if !text::is_name(key) {
            return Ok(None);
        }
        let query = diesel::sql_query(format!("{SELECT} WHERE p.key = $1")).bind::<Text, _>(key);
        Ok(read(Cached(query).load(conn).await?)?.pop())
    }

    pub async fn find_many(conn: &mut Conn, ids: &[PlanId]) -> QueryResult<Vec<Self>> {
        let query = diesel::sql_query(format!("{SELECT} WHERE p.id = ANY ($1)")).bind::<Array<Uuid>, _>(ids);
        read(Cached(query).load(conn).await?)
    }

    /// Those that an account's subscriptions are for, and the free one.
    pub async fn of_account(conn: &mut Conn, account: AccountId) -> QueryResult<Vec<Self>> {
        let condition = "p.key = 'free' OR p.id IN (SELECT plan_id FROM subscriptions WHERE account_id = $1)";
        let query = diesel::sql_query(format!("{SELECT} WHERE {condition}")).bind::<Uuid, _>(account);
        read(Cached(query).load(conn).await?)
    }

    /// None: unlimited. A limit that nobody has set allows nothing.
    pub fn max(&self, key: LimitKey) -> Option<i32> {
        self.limits.iter().find(|(known, _)| *known == key).map_or(Some(0), |(_, max)| *max)
    }

    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    pub fn price(&self, interval: Interval) -> Option<&Price> {
        self.prices.iter().find(|price| price.interval == interval)
    }
}

fn read(rows: Vec<Row>) -> QueryResult<Vec<Plan>> {
    rows.into_iter().map(Row::read).collect()
}

impl Row {
    fn read(self) -> QueryResult<Plan> {
        let limits = LimitKey::ALL.into_iter().filter_map(|key| {
            let max = self.limits.get(key.as_str())?;
            Some((key, max.as_i64().map(|max| i32::try_from(max).unwrap_or(i32::MAX))))
        });
        let prices = Vec::<Price>::deserialize(&self.prices).map_err(|error| diesel::result::Error::DeserializationError(error.into()))?;
        Ok(Plan {
            id: self.id,
            key: self.key,
            name: self.name,
            description: self.description,
            // The column's CHECK allows no other word.
            tier: Tier::ALL.into_iter().find(|tier| tier.as_str() == self.tier).unwrap_or(Tier::Free),
            trial_days: self.trial_days,
            on_sale: self.on_sale,
            revision: self.revision,
            provider_product_id: self.provider_product_id,
            prices,
            limits: limits.collect(),
            features: Feature::ALL.into_iter().filter(|feature| self.features.iter().any(|word| word == feature.as_str())).collect(),
        })
    }
}

/// Of plans with the cheapest first, the first one that allows more than `used`.
pub fn cheapest_for(plans: &[Plan], key: LimitKey, used: i32) -> Option<&Plan> {
    plans.iter().find(|plan| plan.max(key).is_none_or(|max| max > used))
}
