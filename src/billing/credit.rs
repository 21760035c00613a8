//! Credits: a balance an account, and an entry for each change of it. Entries are only added, once for each cause and kind.
//!
//! What a refund takes back may be spent already. Then the balance goes to zero, and the rest is the *shortfall*.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;

use crate::clock::Clock;
use crate::db::Conn;
use crate::db::schema::{credit_balances, credit_entries, credit_packs};
use crate::graphql::page::Page;
use crate::id::{AccountId, CreditEntryId, Id};

/// Why a balance changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "CreditEntryKind")]
pub enum Kind {
    /// Bought.
    Purchase,
    /// Given by the platform's staff.
    Grant,
    /// Used.
    Spend,
    /// Given back: a refund that failed, a dispute that was won.
    Refund,
    /// Taken back: the money was refunded or is disputed.
    Clawback,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Grant => "grant",
            Self::Spend => "spend",
            Self::Refund => "refund",
            Self::Clawback => "clawback",
        }
    }
}

/// The column's CHECK allows no other value.
impl From<String> for Kind {
    fn from(word: String) -> Self {
        [Self::Purchase, Self::Spend, Self::Refund, Self::Clawback].into_iter().find(|kind| kind.as_str() == word).unwrap_or(Self::Grant)
    }
}

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = credit_balances)]
pub struct Balance {
    pub balance: i32,
    pub shortfall: i32,
}

impl Balance {
    pub async fn of(conn: &mut Conn, account: AccountId) -> QueryResult<Self> {
        let found = credit_balances::table.find(account).select(Self::as_select()).first(conn).await.optional()?;
        Ok(found.unwrap_or_default())
    }
}

/// One change of a balance.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = credit_entries)]
pub struct Entry {
    pub id: CreditEntryId,
    pub delta: i32,
    pub balance_after: i32,
    #[diesel(deserialize_as = String)]
    pub kind: Kind,
    pub reason: String,
    pub created_at: DateTime<Utc>,
}

impl Entry {
    pub async fn of_source(conn: &mut Conn, source: &str, kind: Kind) -> QueryResult<Option<Self>> {
        let query = credit_entries::table.filter(credit_entries::source.eq(source)).filter(credit_entries::kind.eq(kind.as_str()));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    /// An account's, the newest first.
    pub async fn page(conn: &mut Conn, account: AccountId, page: &Page<CreditEntryId>) -> QueryResult<Vec<Self>> {
        let mut query = credit_entries::table.filter(credit_entries::account_id.eq(account)).select(Self::as_select()).into_boxed();
        if let Some(id) = page.after {
            query = query.filter(credit_entries::id.lt(id));
        }
        query.order(credit_entries::id.desc()).limit(page.limit()).load(conn).await
    }
}

/// Credits that are sold together.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = credit_packs)]
pub struct Pack {
    pub key: String,
    pub name: String,
    pub credits: i32,
    pub unit_amount: i64,
    pub currency: String,
    pub on_sale: bool,
}

impl Pack {
    /// Those that can be bought, the smallest first.
    pub async fn on_sale(conn: &mut Conn) -> QueryResult<Vec<Self>> {
        let query = credit_packs::table.filter(credit_packs::on_sale).order((credit_packs::credits, credit_packs::key));
        query.select(Self::as_select()).load(conn).await
    }
}

/// What caused a change, and how it is told to people.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    pub source: &'a str,
    pub reason: &'a str,
}

/// Adds credits, unless this cause has done so already. To be called in a transaction.
pub async fn add(conn: &mut Conn, clock: &Clock, account: AccountId, credits: i32, kind: Kind, cause: Cause<'_>) -> QueryResult<bool> {
    let (balance, shortfall) = lock(conn, clock, account).await?;
    change(conn, clock, account, (balance.saturating_add(credits), shortfall), credits, kind, cause).await
}

/// Takes as many credits as something costs; false: there are not enough. To be called in a transaction.
pub async fn spend(conn: &mut Conn, account: AccountId, credits: i32, cause: Cause<'_>, now: DateTime<Utc>) -> QueryResult<bool> {
    let left = diesel::update(credit_balances::table.find(account).filter(credit_balances::balance.ge(credits)))
        .set((credit_balances::balance.eq(credit_balances::balance - credits), credit_balances::updated_at.eq(now)))
        .returning(credit_balances::balance)
        .get_result::<i32>(conn)
        .await
        .optional()?;
    let Some(balance) = left else { return Ok(false) };
    diesel::insert_into(credit_entries::table)
        .values((
            credit_entries::id.eq(CreditEntryId::at(now)),
            credit_entries::account_id.eq(account),
            credit_entries::delta.eq(-credits),
            credit_entries::balance_after.eq(balance),
            credit_entries::kind.eq(Kind::Spend.as_str()),
            credit_entries::source.eq(cause.source),
            credit_entries::reason.eq(cause.reason),
            credit_entries::created_at.eq(now),
        ))
        .execute(conn)
        .await?;
    Ok(true)
}

/// Takes back what there is; the rest is shortfall. How many there were; None: this cause has claimed already. To be called in a transaction.
pub async fn claim(conn: &mut Conn, clock: &Clock, account: AccountId, credits: i32, cause: Cause<'_>) -> QueryResult<Option<i32>> {
    let (balance, shortfall) = lock(conn, clock, account).await?;
    let taken = credits.min(balance);
    let after = (balance - taken, shortfall.saturating_add(credits - taken));
    Ok(change(conn, clock, account, after, -taken, Kind::Clawback, cause).await?.then_some(taken))
}

/// Whether the account has ever had credits.
pub async fn had(conn: &mut Conn, account: AccountId) -> QueryResult<bool> {
    let entries = credit_entries::table.filter(credit_entries::account_id.eq(account));
    diesel::select(diesel::dsl::exists(entries)).get_result(conn).await
}

/// How often money that went back or returned has changed this account's credits.
pub async fn corrections(conn: &mut Conn, account: AccountId) -> QueryResult<i64> {
    // In the words of its index.
    let corrected = sql::<Bool>("kind IN ('clawback', 'refund')");
    credit_entries::table.filter(credit_entries::account_id.eq(account)).filter(corrected).count().get_result(conn).await
}

/// The opposite of `claim`: those of the credits that were taken come back, and the others are forgiven. To be called in a transaction.
pub async fn give_back(
    conn: &mut Conn,
    clock: &Clock,
    account: AccountId,
    credits: i32,
    taken: i32,
    cause: Cause<'_>,
) -> QueryResult<bool> {
    let (balance, shortfall) = lock(conn, clock, account).await?;
    let forgiven = (credits - taken).clamp(0, shortfall);
    let after = (balance.saturating_add(credits - forgiven), shortfall - forgiven);
    change(conn, clock, account, after, credits - forgiven, Kind::Refund, cause).await
}

/// The balance and the shortfall, held until the transaction ends.
async fn lock(conn: &mut Conn, clock: &Clock, account: AccountId) -> QueryResult<(i32, i32)> {
    diesel::insert_into(credit_balances::table)
        .values((credit_balances::account_id.eq(account), credit_balances::updated_at.eq(clock.now())))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    let query = credit_balances::table.find(account).select((credit_balances::balance, credit_balances::shortfall));
    query.for_update().first(conn).await
}

async fn change(
    conn: &mut Conn,
    clock: &Clock,
    account: AccountId,
    (balance, shortfall): (i32, i32),
    delta: i32,
    kind: Kind,
    cause: Cause<'_>,
) -> QueryResult<bool> {
    let added = diesel::insert_into(credit_entries::table)
        .values((
            credit_entries::id.eq(CreditEntryId::new(clock)),
            credit_entries::account_id.eq(account),
            credit_entries::delta.eq(delta),
            credit_entries::balance_after.eq(balance),
            credit_entries::kind.eq(kind.as_str()),
            credit_entries::source.eq(cause.source),
            credit_entries::reason.eq(cause.reason),
            credit_entries::created_at.eq(clock.now()),
        ))
        .on_conflict((credit_entries::source, credit_entries::kind))
        .do_nothing()
        .execute(conn)
        .await?;
    if added == 0 {
        return Ok(false);
    }
    diesel::update(credit_balances::table.find(account))
        .set((credit_balances::balance.eq(balance), credit_balances::shortfall.eq(shortfall), credit_balances::updated_at.eq(clock.now())))
        .execute(conn)
        .await?;
    Ok(true)
}
