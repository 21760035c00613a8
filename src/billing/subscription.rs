//! The `subscriptions` table: what an account pays for, or has without paying.
//!
//! A *local* row (`provider` is `none`) is a trial that we granted, or a plan without a price; an account has at most one. A *Stripe* row
//! shows one subscription at Stripe. It is *live* while it could still give access: at most one live one is *primary*, and counts;
//! another one, made elsewhere, waits beside it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::derive::Bought;
use super::ordering::Trust;
use super::raw::Raw;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::subscriptions;
use crate::id::{AccountId, Id, PlanId, SubscriptionId};
use crate::stripe::object::field::id;

/// Where a subscription stands: Stripe's eight words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
#[graphql(name = "SubscriptionStatus")]
pub enum Status {
    /// The first payment is missing: no access yet.
    Incomplete,
    /// The first payment never came.
    IncompleteExpired,
    /// Free of charge until the trial ends.
    Trialing,
    /// Paid.
    Active,
    /// A renewal has failed and is tried again; access stays.
    PastDue,
    /// All tries have failed.
    Unpaid,
    /// Stopped until it is resumed and paid: mostly a trial that has ended without a way to pay. Gives no access.
    Paused,
    /// Over.
    Canceled,
}

impl Status {
    /// In the order of `rank`.
    pub const ALL: [Self; 8] = [
        Self::Incomplete,
        Self::Trialing,
        Self::Active,
        Self::PastDue,
        Self::Unpaid,
        Self::Paused,
        Self::IncompleteExpired,
        Self::Canceled,
    ];

    /// Stripe's word, and the database's.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    /// None: a word that Stripe has come up with since.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// How far along a subscription's life it is, for states that nothing else puts in order.
    pub fn rank(self) -> usize {
        Self::ALL.iter().position(|status| *status == self).unwrap_or_default()
    }

    /// The first payment has come, or a trial came before it.
    pub fn has_begun(self) -> bool {
        !matches!(self, Self::Incomplete | Self::IncompleteExpired)
    }

    /// There is no way back from it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.as_str().to_owned()
    }
}

/// The column's CHECK allows no other value; whatever else were there would give nothing.
impl From<String> for Status {
    fn from(word: String) -> Self {
        Self::read(&word).unwrap_or(Self::Canceled)
    }
}

pub const LOCAL: &str = "none";
pub const STRIPE: &str = "stripe";

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = subscriptions, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub account_id: AccountId,
    pub plan_id: PlanId,
    /// `month` or `year`.
    pub interval: Option<String>,
    #[diesel(deserialize_as = String, serialize_as = String)]
    pub status: Status,
    pub seats: i32,
    pub current_period_start: Option<DateTime<Utc>>,
    pub current_period_end: Option<DateTime<Utc>>,
    pub cancel_at: Option<DateTime<Utc>>,
    pub canceled_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub trial_end: Option<DateTime<Utc>>,
    pub collection_paused: bool,
    pub pending_plan_id: Option<PlanId>,
    pub pending_interval: Option<String>,
    pub pending_seats: Option<i32>,
    pub needs_attention: Option<String>,
    /// `none` or `stripe`.
    pub provider: String,
    pub provider_subscription_id: Option<String>,
    pub provider_customer_id: Option<String>,
    pub is_primary: bool,
    pub version_created: Option<DateTime<Utc>>,
    pub version_until: Option<DateTime<Utc>>,
    pub version_event_id: Option<String>,
    pub version_previous: Option<Value>,
    pub version_first: bool,
    pub version_contested: bool,
    pub raw: Option<Raw>,
    pub source: Option<String>,
    pub needs_refetch: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl Subscription {
    /// A plan that is not paid for at Stripe.
    pub fn local(account: AccountId, plan: PlanId, now: DateTime<Utc>) -> Self {
        Self {
            id: SubscriptionId::at(now),
            account_id: account,
            plan_id: plan,
            interval: None,
            status: Status::Active,
            seats: 1,
            current_period_start: None,
            current_period_end: None,
            cancel_at: None,
            canceled_at: None,
            ended_at: None,
            trial_end: None,
            collection_paused: false,
            pending_plan_id: None,
            pending_interval: None,
            pending_seats: None,
            needs_attention: None,
            provider: LOCAL.to_owned(),
            provider_subscription_id: None,
            provider_customer_id: None,
            is_primary: true,
            version_created: None,
            version_until: None,
            version_event_id: None,
            version_previous: None,
            version_first: false,
            version_contested: false,
            raw: None,
            source: None,
            needs_refetch: false,
            created_at: now,
            updated_at: now,
        }
    }

    /// Could still give access, and is paid for at Stripe.
    pub fn is_live(&self) -> bool {
        self.provider == STRIPE && !self.status.is_terminal()
    }

    /// What of our catalogue it is for.
    pub fn bought(&self) -> Bought {
        Bought { plan: self.plan_id, interval: self.interval.clone(), seats: self.seats }
    }

    /// The schedule that will change it.
    pub fn schedule(&self) -> Option<String> {
        id(self.raw.as_ref()?, "schedule").filter(|_| self.is_live())
    }

    /// A schedule will change it, and nobody has noted to what.
    pub fn is_to_be_read(&self) -> bool {
        self.pending_plan_id.is_none() && self.schedule().is_some()
    }

    /// How far the stored state can be trusted.
    pub fn trust(&self) -> Trust {
        Trust { doubtful: self.needs_refetch, contested: self.version_contested }
    }

    pub fn is_local(&self) -> bool {
        self.provider == LOCAL
    }

    /// All of an account's, the oldest first.
    pub async fn of_account(conn: &Conn, account: AccountId) -> QueryResult<Vec<Self>> {
        subscriptions::table
            .filter(subscriptions::account_id.eq(account))
            .order((subscriptions::created_at, subscriptions::id))
            .select(Self::as_select())
            .load(&mut &*conn)
            .await
    }

    /// The same, locked until the transaction ends: an account may have two customers, and what is told of each has a lock of its own.
    /// Whoever waits here sees what the other has written.
    pub async fn lock_all(conn: &Conn, account: AccountId) -> QueryResult<Vec<Self>> {
        subscriptions::table
            .filter(subscriptions::account_id.eq(account))
            .order((subscriptions::created_at, subscriptions::id))
            .select(Self::as_select())
            .for_no_key_update()
            .load(&mut &*conn)
            .await
    }

    pub async fn find(conn: &mut Conn, account: AccountId, id: SubscriptionId) -> QueryResult<Option<Self>> {
        let query = subscriptions::table.find(id).filter(subscriptions::account_id.eq(account));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    pub async fn find_many(conn: &mut Conn, account: AccountId, ids: &[SubscriptionId]) -> QueryResult<Vec<Self>> {
        let query = subscriptions::table.filter(subscriptions::id.eq_any(ids)).filter(subscriptions::account_id.eq(account));
        query.select(Self::as_select()).load(conn).await
    }

    pub async fn find_by_provider_id(conn: &mut Conn, id: &str) -> QueryResult<Option<Self>> {
        let query = subscriptions::table.filter(subscriptions::provider_subscription_id.eq(id));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    /// The same, locked like `lock_all`.
    pub async fn lock(conn: &mut Conn, id: &str) -> QueryResult<Option<Self>> {
        let query = subscriptions::table.filter(subscriptions::provider_subscription_id.eq(id));
        query.select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    /// Those of a customer that are not over, locked like `lock_all`.
    pub async fn live_of_customer(conn: &mut Conn, customer: &str) -> QueryResult<Vec<Self>> {
        subscriptions::table
            .filter(subscriptions::provider_customer_id.eq(customer))
            .filter(subscriptions::status.ne_all([Status::Canceled.as_str(), Status::IncompleteExpired.as_str()]))
            .order((subscriptions::created_at, subscriptions::id))
            .select(Self::as_select())
            .for_no_key_update()
            .load(conn)
            .await
    }

    pub async fn insert(conn: &mut Conn, row: Self) -> QueryResult<()> {
        Cached(diesel::insert_into(subscriptions::table).values(row)).execute(conn).await.map(|_| ())
    }

    pub async fn update(conn: &mut Conn, row: Self) -> QueryResult<()> {
        Cached(diesel::update(subscriptions::table.find(row.id)).set(row)).execute(conn).await.map(|_| ())
    }

    pub async fn delete(conn: &mut Conn, id: SubscriptionId) -> QueryResult<()> {
        diesel::delete(subscriptions::table.find(id)).execute(conn).await.map(|_| ())
    }
}
