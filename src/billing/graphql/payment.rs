//! Payments.

use async_graphql::{Context, ID, Object};

use super::plan::Money;
use crate::billing::payment::{self, Payment, Status};
use crate::db::is_storable;
use crate::error::Error;
use crate::graphql::app;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::PageArgs;
use crate::graphql::scalars::{DateTime, Url};
use crate::id::{AccountId, Id};

pub type Payments = Connection<PaymentObject>;

/// An account's, the newest first.
pub async fn page(ctx: &Context<'_>, account: AccountId, first: Option<i32>, after: Option<String>) -> Result<Payments, Error> {
    const ORDER: &str = "payments by time";
    let page = PageArgs::forward(first, after).page::<payment::Position>(ORDER)?;
    if page.after.is_some_and(|(created, _)| !is_storable(created)) {
        return Err(Error::BadInput("the cursor is none of this list".into()));
    }
    let rows = Payment::page(&mut *app(ctx)?.db.conn().await?, account, &page).await?;
    Ok(page.cut(rows).connection(ORDER, EmptyFields, |row| (row.created_at, row.id), PaymentObject))
}

pub struct PaymentObject(pub Payment);

/// Money for an invoice, or for one checkout.
#[Object(name = "Payment")]
impl PaymentObject {
    /// `payment_…`
    pub async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// The provider's own id of the invoice, in_…
    async fn provider_invoice_id(&self) -> Option<&str> {
        self.0.provider_invoice_id.as_deref()
    }

    /// The whole.
    async fn amount(&self) -> Money {
        Money { amount: self.0.amount, currency: self.0.currency.clone() }
    }

    /// What was paid back.
    async fn refunded(&self) -> Money {
        Money { amount: self.0.refunded, currency: self.0.currency.clone() }
    }

    /// Where it stands.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// What it was for.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// When it was paid.
    async fn paid_at(&self) -> Option<DateTime> {
        self.0.paid_at.map(DateTime)
    }

    /// The invoice on the provider's page: to read, or to pay.
    async fn hosted_invoice_url(&self) -> Option<Url> {
        self.0.hosted_invoice_url.clone().map(Url)
    }
}
