//! The `checkouts` table: what somebody is about to pay for. It says what was offered, so that what the provider tells about the session
//! need not be believed about plan, seats or credits.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::schema::checkouts;
use crate::id::{AccountId, CheckoutId, PlanId, TreeId, UserId};

pub const OPEN: &str = "open";
pub const COMPLETED: &str = "completed";
pub const EXPIRED: &str = "expired";
pub const FAILED: &str = "failed";

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
}

impl Checkout {
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
