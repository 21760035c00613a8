//! The `checkouts` table: what somebody is about to pay for. It says what was offered, so that what the provider tells about the session
//! need not be believed about plan, seats or credits.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::customer::Customer;
use super::subscription::Status;
use crate::clock::Clock;
use crate::db::Conn;
use crate::db::schema::{checkouts, subscriptions};
use crate::id::{AccountId, CheckoutId, Id, PlanId, PriceId, TreeId, UserId};
use crate::identity::actor::Actor;

pub const OPEN: &str = "open";
pub const COMPLETED: &str = "completed";
pub const EXPIRED: &str = "expired";
pub const FAILED: &str = "failed";

/// For whoever wants another page meanwhile.
pub const ON_ITS_WAY: &str = "A checkout was completed, and its payment is on the way: wait for it.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Subscription,
    Credits,
    Purchase,
}

impl Purpose {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Credits => "credits",
            Self::Purchase => "purchase",
        }
    }

    /// What one calls to begin such a checkout.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Subscription => "startCheckout",
            Self::Credits => "buyCredits",
            Self::Purchase => "purchaseTree",
        }
    }
}

/// The column's CHECK allows no other value.
impl From<String> for Purpose {
    fn from(word: String) -> Self {
        [Self::Credits, Self::Purchase].into_iter().find(|purpose| purpose.as_str() == word).unwrap_or(Self::Subscription)
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = checkouts)]
pub struct Checkout {
    pub id: CheckoutId,
    pub account_id: AccountId,
    pub user_id: Option<UserId>,
    #[diesel(deserialize_as = String)]
    pub purpose: Purpose,
    pub status: String,
    pub plan_id: Option<PlanId>,
    pub interval: Option<String>,
    pub seats: Option<i32>,
    pub trial_days: i32,
    pub pack_key: Option<String>,
    pub quantity: i32,
    /// All packs together.
    pub credits: Option<i32>,
    pub tree_account_id: Option<AccountId>,
    pub tree_id: Option<TreeId>,
    pub tree_title: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub provider_session_id: Option<String>,
    pub provider_subscription_id: Option<String>,
    pub url: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub plan_price_id: Option<PriceId>,
    pub success_url: Option<String>,
    pub cancel_url: Option<String>,
    /// The provider's id.
    pub promotion_code: Option<String>,
    /// What people typed.
    pub promotion_word: Option<String>,
}

/// A checkout to be.
#[derive(Clone, Debug)]
pub struct NewCheckout {
    pub account_id: AccountId,
    pub user_id: UserId,
    pub purpose: Purpose,
    pub plan_id: Option<PlanId>,
    pub plan_price_id: Option<PriceId>,
    pub interval: Option<String>,
    pub seats: Option<i32>,
    pub trial_days: i32,
    pub pack_key: Option<String>,
    pub quantity: i32,
    pub credits: Option<i32>,
    pub tree_account_id: Option<AccountId>,
    pub tree_id: Option<TreeId>,
    pub tree_title: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub success_url: String,
    pub cancel_url: String,
    pub promotion_code: Option<String>,
    pub promotion_word: Option<String>,
    pub idempotency_key: Option<String>,
}

impl NewCheckout {
    pub fn of(actor: &Actor, purpose: Purpose, success_url: String, cancel_url: String) -> Self {
        Self {
            account_id: actor.account,
            user_id: actor.user,
            purpose,
            plan_id: None,
            plan_price_id: None,
            interval: None,
            seats: None,
            trial_days: 0,
            pack_key: None,
            quantity: 1,
            credits: None,
            tree_account_id: None,
            tree_id: None,
            tree_title: None,
            amount: None,
            currency: None,
            success_url,
            cancel_url,
            promotion_code: None,
            promotion_word: None,
            idempotency_key: None,
        }
    }

    /// Whether that checkout is for what the client names here. What it costs is not the client's word.
    pub fn names(&self, known: &Checkout) -> bool {
        self.purpose == known.purpose
            && self.plan_id == known.plan_id
            && self.interval == known.interval
            && self.seats == known.seats
            && self.pack_key == known.pack_key
            && self.quantity == known.quantity
            && self.tree_id == known.tree_id
            && self.promotion_word == known.promotion_word
            && Some(&self.success_url) == known.success_url.as_ref()
            && Some(&self.cancel_url) == known.cancel_url.as_ref()
    }

    /// Whether that checkout is for the same, on the same terms.
    pub fn is_for(&self, known: &Checkout) -> bool {
        self.names(known)
            && self.plan_price_id == known.plan_price_id
            && self.amount == known.amount
            && self.currency == known.currency
            && self.promotion_code == known.promotion_code
    }
}

/// A checkout whose subscription has not begun, and the provider's id of that subscription.
pub type Unpaid = (CheckoutId, String);

impl Checkout {
    /// By the client's key.
    pub async fn of_key(conn: &mut Conn, account: AccountId, key: &str) -> QueryResult<Option<Self>> {
        let query = checkouts::table.filter(checkouts::account_id.eq(account)).filter(checkouts::idempotency_key.eq(key));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    pub async fn find(conn: &mut Conn, account: AccountId, id: CheckoutId) -> QueryResult<Option<Self>> {
        let query = checkouts::table.find(id).filter(checkouts::account_id.eq(account));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    pub async fn open(conn: &mut Conn, account: AccountId, purpose: Purpose) -> QueryResult<Option<Self>> {
        let query = checkouts::table.filter(checkouts::account_id.eq(account)).filter(checkouts::purpose.eq(purpose.as_str()));
        query.filter(checkouts::status.eq(OPEN)).select(Self::as_select()).first(conn).await.optional()
    }

    /// An account's checkouts for a subscription that stand like this, while the subscription has not begun as far as we have heard.
    pub async fn not_begun(conn: &mut Conn, account: AccountId, status: &str) -> QueryResult<Vec<Unpaid>> {
        let begun = subscriptions::table
            .filter(subscriptions::provider_subscription_id.eq(checkouts::provider_subscription_id))
            .filter(subscriptions::status.ne(Status::Incomplete.as_str()));
        let query = checkouts::table.filter(checkouts::account_id.eq(account)).filter(checkouts::status.eq(status));
        query
            .filter(checkouts::purpose.eq(Purpose::Subscription.as_str()))
            .filter(checkouts::provider_subscription_id.is_not_null())
            .filter(diesel::dsl::not(diesel::dsl::exists(begun)))
            .order(checkouts::id)
            .select((checkouts::id, checkouts::provider_subscription_id.assume_not_null()))
            .load(conn)
            .await
    }

    /// Nobody waits for these any more. What has come to another end than this status stays.
    pub async fn expire(conn: &mut Conn, ids: &[CheckoutId], status: &str, now: DateTime<Utc>) -> QueryResult<()> {
        diesel::update(checkouts::table.filter(checkouts::id.eq_any(ids)).filter(checkouts::status.eq(status)))
            .set((checkouts::status.eq(EXPIRED), checkouts::updated_at.eq(now)))
            .execute(conn)
            .await
            .map(|_| ())
    }

    /// What a customer was about to pay is nothing to wait for once that customer is deleted: it would keep the account from buying anew.
    pub async fn forget_unfinished(conn: &mut Conn, account: AccountId, customer: &Customer, now: DateTime<Utc>) -> QueryResult<()> {
        let pages = checkouts::table.filter(checkouts::account_id.eq(account)).filter(checkouts::provider_session_id.is_not_null());
        let columns = (checkouts::id, checkouts::provider_customer_id);
        let pages: Vec<(CheckoutId, Option<String>)> = pages.filter(checkouts::status.ne(EXPIRED)).select(columns).load(conn).await?;
        // Pages of the release before do not say whose they are: the primary one's.
        let is_theirs = |of: &Option<String>| of.as_ref().map_or(customer.is_primary, |of| *of == customer.provider_customer_id);
        let theirs: Vec<_> = pages.into_iter().filter(|(_, of)| is_theirs(of)).map(|(id, _)| id).collect();
        Self::expire(conn, &theirs, OPEN, now).await?;
        for status in [COMPLETED, FAILED] {
            let mut waiting: Vec<_> = Self::not_begun(conn, account, status).await?.into_iter().map(|(id, _)| id).collect();
            waiting.retain(|id| theirs.contains(id));
            Self::expire(conn, &waiting, status, now).await?;
        }
        Ok(())
    }

    pub async fn insert(conn: &mut Conn, clock: &Clock, new: &NewCheckout, expires_at: DateTime<Utc>) -> QueryResult<Self> {
        diesel::insert_into(checkouts::table)
            .values((
                (
                    checkouts::id.eq(CheckoutId::new(clock)),
                    checkouts::account_id.eq(new.account_id),
                    checkouts::user_id.eq(new.user_id),
                    checkouts::purpose.eq(new.purpose.as_str()),
                    checkouts::status.eq(OPEN),
                    checkouts::plan_id.eq(new.plan_id),
                    checkouts::plan_price_id.eq(new.plan_price_id),
                    checkouts::interval.eq(&new.interval),
                    checkouts::seats.eq(new.seats),
                    checkouts::trial_days.eq(new.trial_days),
                    checkouts::pack_key.eq(&new.pack_key),
                    checkouts::quantity.eq(new.quantity),
                    checkouts::credits.eq(new.credits),
                ),
                (
                    checkouts::tree_account_id.eq(new.tree_account_id),
                    checkouts::tree_id.eq(new.tree_id),
                    checkouts::tree_title.eq(&new.tree_title),
                    checkouts::amount.eq(new.amount),
                    checkouts::currency.eq(&new.currency),
                    checkouts::success_url.eq(&new.success_url),
                    checkouts::cancel_url.eq(&new.cancel_url),
                    checkouts::promotion_code.eq(&new.promotion_code),
                    checkouts::promotion_word.eq(&new.promotion_word),
                    checkouts::idempotency_key.eq(&new.idempotency_key),
                    checkouts::expires_at.eq(expires_at),
                    checkouts::created_at.eq(clock.now()),
                    checkouts::updated_at.eq(clock.now()),
                ),
            ))
            .returning(Self::as_returning())
            .get_result(conn)
            .await
    }

    /// What is paid once, in our words. None: it is paid again and again.
    pub fn sold(&self) -> Option<String> {
        match self.purpose {
            Purpose::Credits => self.credits.map(|credits| format!("{credits} credits")),
            Purpose::Purchase => self.tree_title.clone(),
            Purpose::Subscription => None,
        }
    }

    /// By the provider's id, or by ours, which the session carries: it may be paid before its id is stored.
    pub async fn of_session(conn: &mut Conn, session: &str, id: Option<CheckoutId>) -> QueryResult<Option<Self>> {
        let by_session = checkouts::table.filter(checkouts::provider_session_id.eq(session)).select(Self::as_select());
        match (by_session.first(conn).await.optional()?, id) {
            (None, Some(id)) => checkouts::table
                .find(id)
                .filter(checkouts::provider_session_id.is_null())
                .select(Self::as_select())
                .first(conn)
                .await
                .optional(),
            (found, _) => Ok(found),
        }
    }

    pub async fn end(
        &self,
        conn: &mut Conn,
        status: &str,
        session: &str,
        subscription: Option<&str>,
        now: DateTime<Utc>,
    ) -> QueryResult<()> {
        diesel::update(checkouts::table.find(self.id))
            .set((
                checkouts::status.eq(status),
                checkouts::provider_session_id.eq(session),
                checkouts::provider_subscription_id.eq(subscription.or(self.provider_subscription_id.as_deref())),
                checkouts::updated_at.eq(now),
            ))
            .execute(conn)
            .await
            .map(|_| ())
    }
}
