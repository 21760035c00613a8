//! The `payments` table: money for an invoice, for a checkout, or for both: what is paid once gets its invoice afterwards. What is told of
//! it is stored as facts; its status follows from all of them, so that their order does not matter.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use super::checkout::Checkout;
use super::derive::Facts;
use crate::clock::Clock;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::payments;
use crate::graphql::page::Page;
use crate::id::{AccountId, CheckoutId, Id, PaymentId};

/// What is shown of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "PaymentStatus")]
pub enum Status {
    /// Not paid yet.
    Pending,
    /// Paid.
    Succeeded,
    /// Tried, and refused.
    Failed,
    /// Paid back.
    Refunded,
    /// Paid back in part.
    PartiallyRefunded,
    /// The payer's bank has taken it back, or tries to.
    Disputed,
    /// Nobody has to pay it any more.
    Void,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Disputed => "disputed",
            Self::Void => "void",
        }
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        status.as_str().to_owned()
    }
}

/// The column's CHECK allows no other value.
impl From<String> for Status {
    fn from(word: String) -> Self {
        [Self::Succeeded, Self::Failed, Self::Refunded, Self::PartiallyRefunded, Self::Disputed, Self::Void]
            .into_iter()
            .find(|status| status.as_str() == word)
            .unwrap_or(Self::Pending)
    }
}

/// Where an invoice stands. It only moves to the right: draft, open, then one of the others; what was given up can still be paid or voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InvoiceStatus {
    Draft,
    Open,
    Uncollectible,
    Void,
    Paid,
}

impl InvoiceStatus {
    const ALL: [Self; 5] = [Self::Draft, Self::Open, Self::Uncollectible, Self::Void, Self::Paid];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
            Self::Paid => "paid",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payments, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct Payment {
    pub id: PaymentId,
    pub account_id: AccountId,
    /// `subscription`, `credits`, `purchase` or `other`.
    pub purpose: String,
    pub checkout_id: Option<CheckoutId>,
    pub provider_customer_id: Option<String>,
    pub provider_subscription_id: Option<String>,
    pub provider_invoice_id: Option<String>,
    pub payment_intent_id: Option<String>,
    pub billing_reason: Option<String>,
    pub period_start: Option<DateTime<Utc>>,
    pub period_end: Option<DateTime<Utc>>,
    pub invoice_status: Option<String>,
    #[diesel(deserialize_as = String, serialize_as = String)]
    pub status: Status,
    pub amount: i64,
    pub currency: String,
    pub refunded: i64,
    pub charge_refunded: i64,
    pub credits_granted: i32,
    pub credits_claimed: i32,
    /// So many of those that were claimed came out of the balance.
    pub credits_taken: i32,
    /// It came for an account that was gone: nobody has what it paid for.
    pub account_gone: bool,
    pub description: Option<String>,
    pub hosted_invoice_url: Option<String>,
    pub paid_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
    pub action_required_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Where a payment stands in the list.
pub type Position = (DateTime<Utc>, PaymentId);

impl Payment {
    pub async fn find_many(conn: &mut Conn, account: AccountId, ids: &[PaymentId]) -> QueryResult<Vec<Self>> {
        let query = payments::table.filter(payments::id.eq_any(ids)).filter(payments::account_id.eq(account));
        query.select(Self::as_select()).load(conn).await
    }

    /// Whosever it is.
    pub async fn by_id(conn: &mut Conn, id: PaymentId) -> QueryResult<Option<Self>> {
        payments::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    /// An account's, the newest first.
    pub async fn page(conn: &mut Conn, account: AccountId, page: &Page<Position>) -> QueryResult<Vec<Self>> {
        let mut query = payments::table.filter(payments::account_id.eq(account)).select(Self::as_select()).into_boxed();
        if let Some((created, id)) = page.after {
            query = query.filter(payments::created_at.lt(created).or(payments::created_at.eq(created).and(payments::id.lt(id))));
        }
        query.order((payments::created_at.desc(), payments::id.desc())).limit(page.limit()).load(conn).await
    }

    /// Nothing is known of it yet.
    pub fn new(clock: &Clock, account: AccountId) -> Self {
        Self {
            id: PaymentId::new(clock),
            account_id: account,
            purpose: "other".to_owned(),
            checkout_id: None,
            provider_customer_id: None,
            provider_subscription_id: None,
            provider_invoice_id: None,
            payment_intent_id: None,
            billing_reason: None,
            period_start: None,
            period_end: None,
            invoice_status: None,
            status: Status::Pending,
            amount: 0,
            currency: "USD".to_owned(),
            refunded: 0,
            charge_refunded: 0,
            credits_granted: 0,
            credits_claimed: 0,
            credits_taken: 0,
            account_gone: false,
            description: None,
            hosted_invoice_url: None,
            paid_at: None,
            failed_at: None,
            action_required_at: None,
            created_at: clock.now(),
            updated_at: clock.now(),
        }
    }

    /// Whatever the provider calls it: our own row says what was bought.
    pub fn buys(&mut self, checkout: &Checkout) {
        self.purpose = checkout.purpose.as_str().to_owned();
        self.checkout_id = Some(checkout.id);
        self.description = checkout.sold().or(self.description.take());
    }

    pub fn paid(&self) -> bool {
        self.paid_at.is_some()
    }

    /// Whether a refund or a dispute was told.
    pub fn touched(&self) -> bool {
        self.charge_refunded > 0 || self.refunded > 0 || self.status == Status::Disputed
    }

    /// What refunds and disputes leave of it. `refunded` is part of `lost`.
    pub fn standing(&self, disputed: i64) -> Status {
        let invoice = self.invoice_status.as_deref().and_then(InvoiceStatus::read);
        match invoice {
            _ if disputed > 0 => Status::Disputed,
            _ if self.refunded > 0 && self.refunded >= self.amount => Status::Refunded,
            _ if self.refunded > 0 => Status::PartiallyRefunded,
            _ if self.paid() => Status::Succeeded,
            Some(InvoiceStatus::Void) => Status::Void,
            Some(InvoiceStatus::Uncollectible) => Status::Failed,
            _ if self.failed_at.is_some() => Status::Failed,
            _ => Status::Pending,
        }
    }

    /// Locked, here and below: a refund that was heard of before its payment is applied under another lock than the customer's, and who
    /// writes a payment writes the whole row.
    pub async fn of_invoice(conn: &mut Conn, invoice: &str) -> QueryResult<Option<Self>> {
        let query = payments::table.filter(payments::provider_invoice_id.eq(invoice));
        query.select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    pub async fn of_checkout(conn: &mut Conn, checkout: CheckoutId) -> QueryResult<Option<Self>> {
        let query = payments::table.filter(payments::checkout_id.eq(checkout));
        query.select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    /// The provider's ids of a customer's invoices that are not finished yet.
    pub async fn drafts_of_customer(conn: &mut Conn, customer: &str) -> QueryResult<Vec<String>> {
        let is_draft = payments::invoice_status.is_null().or(payments::invoice_status.eq(InvoiceStatus::Draft.as_str()));
        payments::table
            .filter(payments::provider_customer_id.eq(customer))
            .filter(payments::provider_invoice_id.is_not_null().and(is_draft.assume_not_null()))
            .select(payments::provider_invoice_id.assume_not_null())
            .load(conn)
            .await
    }

    pub async fn exists(conn: &mut Conn, id: PaymentId) -> QueryResult<bool> {
        diesel::select(diesel::dsl::exists(payments::table.find(id))).get_result(conn).await
    }

    pub async fn insert(conn: &mut Conn, row: Self) -> QueryResult<()> {
        Cached(diesel::insert_into(payments::table).values(row)).execute(conn).await.map(|_| ())
    }

    pub async fn update(conn: &mut Conn, row: Self) -> QueryResult<()> {
        Cached(diesel::update(payments::table.find(row.id)).set(row)).execute(conn).await.map(|_| ())
    }

    /// What the invoices of a subscription say together.
    pub async fn facts(conn: &Conn, subscription: &str) -> QueryResult<Facts> {
        let query = diesel::sql_query(
            "SELECT max(period_start) FILTER (WHERE paid_at IS NOT NULL) AS paid_start, \
                    (array_agg(period_end ORDER BY period_start DESC) FILTER (WHERE paid_at IS NOT NULL AND period_start IS NOT NULL))[1] \
                        AS paid_end, \
                    max(failed_at) FILTER (WHERE owed AND coalesce(billing_reason, 'subscription_cycle') = 'subscription_cycle') \
                        AS renewal_failed_at, \
                    coalesce(bool_or(failed_at IS NOT NULL) FILTER (WHERE owed), false) AS payment_failed, \
                    coalesce(bool_or(action_required_at IS NOT NULL) FILTER (WHERE owed), false) AS action_required \
             FROM (SELECT *, paid_at IS NULL AND coalesce(invoice_status, 'open') IN ('draft', 'open') AS owed \
                   FROM payments WHERE provider_subscription_id = $1) AS told",
        )
        .bind::<Text, _>(subscription);
        let row: FactsRow = Cached(query).get_result(&mut &*conn).await?;
        Ok(Facts {
            paid_period: row.paid_start.zip(row.paid_end),
            renewal_failed_at: row.renewal_failed_at,
            payment_failed: row.payment_failed,
            action_required: row.action_required,
        })
    }
}

#[derive(QueryableByName)]
struct FactsRow {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    paid_start: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    paid_end: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    renewal_failed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    payment_failed: bool,
    #[diesel(sql_type = Bool)]
    action_required: bool,
}
