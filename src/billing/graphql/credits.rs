//! Credits.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::plan::Money;
use crate::billing::credit::{self, Balance, Kind, Pack};
use crate::error::Error;
use crate::graphql::app;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::PageArgs;
use crate::graphql::scalars::DateTime;
use crate::id::{AccountId, CreditEntryId, Id};

pub struct Credits {
    account: AccountId,
    balance: Balance,
}

impl Credits {
    pub async fn of(ctx: &Context<'_>, account: AccountId) -> Result<Self, Error> {
        Ok(Self { account, balance: Balance::of(&mut *app(ctx)?.db.conn().await?, account).await? })
    }
}

/// What is paid for in advance: each session beyond the month's allowance costs one.
#[Object]
impl Credits {
    /// How many there are.
    async fn balance(&self) -> i32 {
        self.balance.balance
    }

    /// Taken back by refunds or disputes but already spent.
    async fn shortfall(&self) -> i32 {
        self.balance.shortfall
    }

    /// Each change of the balance, the newest first.
    async fn entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
    ) -> Result<Connection<CreditEntry>, Error> {
        const ORDER: &str = "credit entries by time";
        let page = PageArgs::forward(first, after).page::<CreditEntryId>(ORDER)?;
        let rows = credit::Entry::page(&mut *app(ctx)?.db.conn().await?, self.account, &page).await?;
        Ok(page.cut(rows).connection(ORDER, EmptyFields, |row| row.id, CreditEntry))
    }
}

pub struct CreditEntry(pub credit::Entry);

/// One change of a balance. Never changes itself.
#[Object]
impl CreditEntry {
    /// `credit_…`
    async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// By how much.
    async fn delta(&self) -> i32 {
        self.0.delta
    }

    /// What was there afterwards.
    async fn balance_after(&self) -> i32 {
        self.0.balance_after
    }

    /// Why, for programs.
    async fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Why, for people.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// When.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// Credits that can be bought at once.
#[derive(SimpleObject)]
pub struct CreditPack {
    /// For programs: never changes.
    key: String,
    /// For people.
    name: String,
    /// How many there are in it.
    credits: i32,
    /// Of the whole.
    price: Money,
}

impl From<Pack> for CreditPack {
    fn from(Pack { key, name, credits, unit_amount, currency, .. }: Pack) -> Self {
        Self { key, name, credits, price: Money { amount: unit_amount, currency } }
    }
}

#[derive(Default)]
pub struct CreditQuery;

#[Object]
impl CreditQuery {
    /// Packs of credits on sale, the smallest first. Public.
    async fn credit_packs(&self, ctx: &Context<'_>) -> Result<Vec<CreditPack>, Error> {
        Ok(Pack::on_sale(&mut *app(ctx)?.db.conn().await?).await?.into_iter().map(CreditPack::from).collect())
    }
}
