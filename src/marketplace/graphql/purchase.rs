//! What was bought and sold.

use async_graphql::{Context, ID, Object};

use crate::billing::graphql::plan::Money;
use crate::billing::purchase::{Purchase, Status};
use crate::error::Error;
use crate::graphql::app;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::PageArgs;
use crate::graphql::scalars::DateTime;
use crate::id::{AccountId, Id, PurchaseId};
use crate::tree::graphql::TreeObject;

pub type Purchases = Connection<PurchaseObject>;

/// What an account has bought, the newest first.
pub async fn bought(ctx: &Context<'_>, buyer: AccountId, first: Option<i32>, after: Option<String>) -> Result<Purchases, Error> {
    const ORDER: &str = "purchases by time";
    let page = PageArgs::forward(first, after).page::<PurchaseId>(ORDER)?;
    let rows = Purchase::bought(&mut *app(ctx)?.db.conn().await?, buyer, &page).await?;
    Ok(page.cut(rows).connection(ORDER, EmptyFields, |row| row.id, PurchaseObject))
}

/// What others have bought of it, the newest first.
pub async fn sold(ctx: &Context<'_>, seller: AccountId, first: Option<i32>, after: Option<String>) -> Result<Purchases, Error> {
    const ORDER: &str = "sales by time";
    let page = PageArgs::forward(first, after).page::<PurchaseId>(ORDER)?;
    let rows = Purchase::sold(&mut *app(ctx)?.db.conn().await?, seller, &page).await?;
    Ok(page.cut(rows).connection(ORDER, EmptyFields, |row| row.id, PurchaseObject))
}

pub struct PurchaseObject(pub Purchase);

impl PurchaseObject {
    fn money(&self, amount: i64) -> Money {
        Money { amount, currency: self.0.currency.clone() }
    }
}

/// A one-time purchase of a listed tree.
#[Object(name = "Purchase")]
impl PurchaseObject {
    /// `purchase_…`
    pub async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// What the tree was called when it was bought.
    async fn tree_title(&self) -> &str {
        &self.0.tree_title
    }

    /// The tree: for its buyer while the purchase is active, for its seller as ever.
    async fn tree(&self, ctx: &Context<'_>) -> Result<Option<TreeObject>, Error> {
        TreeObject::find(ctx, self.0.tree_id).await
    }

    /// What the buyer paid.
    async fn amount(&self) -> Money {
        self.money(self.0.amount)
    }

    /// The platform's part of it.
    async fn platform_fee(&self) -> Money {
        self.money(self.0.platform_fee)
    }

    /// The seller's part: the rest.
    async fn creator_payout(&self) -> Money {
        self.money(self.0.creator_payout)
    }

    /// Where it stands.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// When the buyer ended the checkout. A payment that takes days may still have been on its way.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}
