//! The `purchases` table: trees that one account bought from another, once.
//!
//! A purchase that waits, gives access, or is disputed is *live*: there is at most one of a buyer and a tree. Whatever else is paid for that tree is
//! *paid twice*, gives nothing, and is paid back. (It takes a payment that was given up and arrived after all, or a refund that failed.) So is
//! what is paid for a tree that is gone.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

use super::checkout::{Checkout, OPEN};
use crate::clock::Clock;
use crate::db::Conn;
use crate::db::schema::{checkouts, payments, purchases};
use crate::graphql::page::Page;
use crate::id::{AccountId, CheckoutId, Id, PaymentId, PurchaseId, TreeId};
use crate::identity::actor::{Actor, Role};

/// As long as a page that nobody has closed may still turn out to be paid: Stripe tells for three days.
const LATE: TimeDelta = TimeDelta::days(4);

/// Whoever deletes it at that moment waits, or is waited for.
const TREE: &str = "SELECT FROM trees WHERE trees.account_id = purchases.seller_account_id AND trees.id = purchases.tree_id FOR SHARE";

/// Where a purchase stands. Only an active one gives access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "PurchaseStatus")]
pub enum Status {
    /// Not paid yet.
    Pending,
    /// Paid.
    Active,
    /// Paid back, or about to be: it was paid twice; or the payer's bank has taken the money back.
    Refunded,
    /// The payer's bank tries to take the money back.
    Disputed,
    /// The payment was refused.
    Failed,
    /// Never paid.
    Expired,
}

impl Status {
    const LIVE: [&'static str; 3] = ["pending", "active", "disputed"];
    /// Money has moved: these are sales.
    const SOLD: [&'static str; 3] = ["active", "refunded", "disputed"];

    pub fn is_sold(self) -> bool {
        Self::SOLD.contains(&self.as_str())
    }

    fn is_live(self) -> bool {
        Self::LIVE.contains(&self.as_str())
    }

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

    /// The one that stands in the way of another one.
    pub async fn live(conn: &mut Conn, buyer: AccountId, tree: TreeId) -> QueryResult<Option<Self>> {
        let query = purchases::table.filter(purchases::account_id.eq(buyer)).filter(purchases::tree_id.eq(tree));
        query.filter(purchases::status.eq_any(Status::LIVE)).select(Self::as_select()).first(conn).await.optional()
    }

    /// Whether somebody has bought this tree, or is about to. A refund may fail, so what was paid back counts, too.
    pub async fn is_sold(conn: &mut Conn, seller: AccountId, tree: TreeId, now: DateTime<Utc>) -> QueryResult<bool> {
        let sold = purchases::table.filter(purchases::seller_account_id.eq(seller)).filter(purchases::tree_id.eq(tree));
        let sold = sold.filter(purchases::status.eq_any(["pending", "active", "disputed", "refunded"]));
        let offered = checkouts::table.filter(checkouts::tree_account_id.eq(seller)).filter(checkouts::tree_id.eq(tree));
        let offered = offered.filter(checkouts::status.eq(OPEN)).filter(checkouts::expires_at.gt(now - LATE));
        diesel::select(exists(sold).or(exists(offered))).get_result(conn).await
    }

    pub async fn find_many(conn: &mut Conn, ids: &[PurchaseId]) -> QueryResult<Vec<Self>> {
        purchases::table.filter(purchases::id.eq_any(ids)).select(Self::as_select()).load(conn).await
    }

    /// What an account has bought, the newest first.
    pub async fn bought(conn: &mut Conn, buyer: AccountId, page: &Page<PurchaseId>) -> QueryResult<Vec<Self>> {
        let mut query = purchases::table.filter(purchases::account_id.eq(buyer)).select(Self::as_select()).into_boxed();
        if let Some(id) = page.after {
            query = query.filter(purchases::id.lt(id));
        }
        query.order(purchases::id.desc()).limit(page.limit()).load(conn).await
    }

    /// What others have bought of an account, the newest first.
    pub async fn sold(conn: &mut Conn, seller: AccountId, page: &Page<PurchaseId>) -> QueryResult<Vec<Self>> {
        let sold = purchases::table.filter(purchases::seller_account_id.eq(seller)).filter(purchases::status.eq_any(Status::SOLD));
        let mut query = sold.select(Self::as_select()).into_boxed();
        if let Some(id) = page.after {
            query = query.filter(purchases::id.lt(id));
        }
        query.order(purchases::id.desc()).limit(page.limit()).load(conn).await
    }

    /// Everybody in the buyer's account; the seller's owners, once it is a sale.
    pub fn visible_to(&self, actor: &Actor) -> bool {
        let sells = self.seller_account_id == Some(actor.account) && actor.role == Role::Owner;
        self.account_id == actor.account || (sells && self.status.is_sold())
    }

    /// The purchase that a checkout leads to, however often it is told of. It gives nothing until its status is set.
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
                purchases::status.eq(Status::Expired.as_str()),
                purchases::checkout_id.eq(checkout.id),
                purchases::created_at.eq(clock.now()),
                purchases::updated_at.eq(clock.now()),
            ))
            .on_conflict(purchases::checkout_id)
            .do_nothing()
            .execute(conn)
            .await
            .map(|_| ())
    }

    /// The money of a customer who was deleted is not waited for: it would keep the buyer from buying anew, and the seller from deleting the
    /// tree. How many purchases waited.
    pub async fn forget_pending(conn: &mut Conn, buyer: AccountId, customer: &str, now: DateTime<Utc>) -> QueryResult<usize> {
        let theirs = payments::table.filter(payments::checkout_id.eq(purchases::checkout_id));
        let theirs = theirs.filter(payments::provider_customer_id.eq(customer));
        let pending = purchases::table.filter(purchases::account_id.eq(buyer)).filter(purchases::status.eq(Status::Pending.as_str()));
        diesel::update(pending.filter(exists(theirs)))
            .set((purchases::status.eq(Status::Expired.as_str()), purchases::updated_at.eq(now)))
            .execute(conn)
            .await
    }

    /// The purchase of a checkout or of a payment (an erased account's checkouts go after a month). While another purchase of this tree is
    /// live, or the tree is gone, this one gives nothing: it was paid for nothing and counts as paid back, unless nothing was paid yet.
    pub async fn set_status(
        conn: &mut Conn,
        checkout: Option<CheckoutId>,
        status: Status,
        payment: Option<PaymentId>,
        now: DateTime<Utc>,
    ) -> QueryResult<Changed> {
        let changed: Option<Changed> = diesel::sql_query(format!(
            "UPDATE purchases SET payment_id = coalesce($3, payment_id), updated_at = $4, \
                    status = CASE WHEN $5 AND (NOT EXISTS ({TREE}) OR EXISTS (SELECT FROM purchases other \
                        WHERE other.account_id = purchases.account_id AND other.tree_id = purchases.tree_id AND other.id <> purchases.id \
                        AND other.status IN ('pending', 'active', 'disputed'))) THEN $6 ELSE $2 END \
             WHERE checkout_id = $1 OR payment_id = $3 \
             RETURNING status = $2 AS stands, EXISTS ({TREE}) AS has_tree, seller_account_id AS seller",
        ))
        .bind::<Nullable<Uuid>, _>(checkout)
        .bind::<Text, _>(status.as_str())
        .bind::<Nullable<Uuid>, _>(payment)
        .bind::<Timestamptz, _>(now)
        .bind::<Bool, _>(status.is_live())
        .bind::<Text, _>(if status == Status::Pending { Status::Expired } else { Status::Refunded }.as_str())
        .get_result(conn)
        .await
        .optional()?;
        Ok(changed.unwrap_or(Changed { stands: true, has_tree: true, seller: None }))
    }
}

/// What came of setting a status.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub struct Changed {
    /// False: another purchase is in the way, or its tree is gone.
    #[diesel(sql_type = Bool)]
    pub stands: bool,
    #[diesel(sql_type = Bool)]
    pub has_tree: bool,
    #[diesel(sql_type = Nullable<Uuid>)]
    pub seller: Option<AccountId>,
}
