//! The `purchases` table: trees that one account bought from another, once.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::checkout::Checkout;
use crate::clock::Clock;
use crate::db::Conn;
use crate::db::schema::purchases;
use crate::id::{AccountId, CheckoutId, Id, PaymentId, PurchaseId, TreeId};

/// Where a purchase stands. Only an active one gives access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "PurchaseStatus")]
pub enum Status {
    /// Not paid yet.
    Pending,
    /// Paid.
    Active,
    /// Paid back.
    Refunded,
    /// The payer's bank has taken the money back, or tries to.
    Disputed,
    /// The payment was refused.
    Failed,
    /// Never paid.
    Expired,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// The column's CHECK allows no other value; whatever else were there would give nothing.
impl From<String> for Status {
    fn from(word: String) -> Self {
        [Self::Pending, Self::Active, Self::Refunded, Self::Disputed, Self::Failed]
            .into_iter()
            .find(|status| status.as_str() == word)
            .unwrap_or(Self::Expired)
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = purchases)]
pub struct Purchase {
    pub id: PurchaseId,
    /// The buyer.
    pub account_id: AccountId,
    pub seller_account_id: Option<AccountId>,
    pub tree_id: TreeId,
    pub tree_title: String,
    pub amount: i64,
    pub currency: String,
    pub platform_fee: i64,
    pub creator_payout: i64,
    #[diesel(deserialize_as = String)]
    pub status: Status,
    pub created_at: DateTime<Utc>,
}

/// Splits an amount into the platform's fee and the creator's part: integers only, rounded half to even, together always the whole.
pub fn shares(amount: i64, fee_per_mille: i64) -> (i64, i64) {
    let exact = i128::from(amount) * i128::from(fee_per_mille);
    let (whole, rest) = (exact / 1000, exact % 1000);
    let up = rest > 500 || (rest == 500 && whole % 2 == 1);
    let fee = i64::try_from(whole + i128::from(up)).unwrap_or(amount).clamp(0, amount.max(0));
    (fee, amount - fee)
}

impl Purchase {
    pub async fn of_checkout(conn: &mut Conn, checkout: CheckoutId) -> QueryResult<Option<Self>> {
        let query = purchases::table.filter(purchases::checkout_id.eq(checkout));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    /// The purchase that a checkout leads to. There is one a checkout, whoever asks for it first.
    pub async fn begin(conn: &mut Conn, clock: &Clock, checkout: &Checkout, fee_per_mille: i64) -> QueryResult<()> {
        let (Some(seller), Some(tree), Some(title), Some(amount), Some(currency)) =
            (checkout.tree_account_id, checkout.tree_id, &checkout.tree_title, checkout.amount, &checkout.currency)
        else {
            return Ok(());
        };
        let (fee, payout) = shares(amount, fee_per_mille);
        diesel::insert_into(purchases::table)
            .values((
                purchases::id.eq(PurchaseId::new(clock)),
                purchases::account_id.eq(checkout.account_id),
                purchases::seller_account_id.eq(seller),
                purchases::tree_id.eq(tree),
                purchases::tree_title.eq(title),
                purchases::amount.eq(amount),
                purchases::currency.eq(currency),
                purchases::platform_fee.eq(fee),
                purchases::creator_payout.eq(payout),
                purchases::status.eq(Status::Pending.as_str()),
                purchases::checkout_id.eq(checkout.id),
                purchases::created_at.eq(clock.now()),
                purchases::updated_at.eq(clock.now()),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await
            .map(|_| ())
    }

    pub async fn set_status(
        conn: &mut Conn,
        checkout: CheckoutId,
        status: Status,
        payment: Option<PaymentId>,
        now: DateTime<Utc>,
    ) -> QueryResult<()> {
        diesel::update(purchases::table.filter(purchases::checkout_id.eq(checkout)))
            .set((
                purchases::status.eq(status.as_str()),
                payment.map(|payment| purchases::payment_id.eq(payment)),
                purchases::updated_at.eq(now),
            ))
            .execute(conn)
            .await
            .map(|_| ())
    }
}
