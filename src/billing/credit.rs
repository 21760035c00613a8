//! Credits: a balance an account, and an entry for each change of it. Entries are only added, once for each cause and kind.
//!
//! What a refund takes back may be spent already. Then the balance goes to zero, and the rest is the *shortfall*.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::clock::Clock;
use crate::db::Conn;
use crate::db::schema::{credit_balances, credit_entries};
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

/// Takes back what there is; the rest is shortfall. To be called in a transaction.
pub async fn claim(conn: &mut Conn, clock: &Clock, account: AccountId, credits: i32, cause: Cause<'_>) -> QueryResult<bool> {
    let (balance, shortfall) = lock(conn, clock, account).await?;
    let taken = credits.min(balance);
    let after = (balance - taken, shortfall.saturating_add(credits - taken));
    change(conn, clock, account, after, -taken, Kind::Clawback, cause).await
}

/// The opposite of `claim`: the shortfall shrinks first. To be called in a transaction.
pub async fn give_back(conn: &mut Conn, clock: &Clock, account: AccountId, credits: i32, cause: Cause<'_>) -> QueryResult<bool> {
    let (balance, shortfall) = lock(conn, clock, account).await?;
    let forgiven = credits.min(shortfall);
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
