//! The `customers` table: who an account is at Stripe.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

use crate::clock::Clock;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::customers;
use crate::id::{AccountId, CustomerId, Id};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = customers)]
pub struct Customer {
    pub id: CustomerId,
    /// None: the account is gone.
    pub account_id: Option<AccountId>,
    pub provider_customer_id: String,
    pub is_primary: bool,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Customer {
    pub async fn find(conn: &Conn, provider_id: &str) -> QueryResult<Option<Self>> {
        let query = customers::table.filter(customers::provider_customer_id.eq(provider_id));
        query.select(Self::as_select()).first(&mut &*conn).await.optional()
    }

    /// The one that an object names, if it names one.
    pub async fn named(conn: &Conn, provider_id: Option<&str>) -> QueryResult<Option<Self>> {
        match provider_id {
            Some(id) => Self::find(conn, id).await,
            None => Ok(None),
        }
    }

    /// The one that an account's checkouts use.
    pub async fn primary(conn: &mut Conn, account: AccountId) -> QueryResult<Option<Self>> {
        customers::table
            .filter(customers::account_id.eq(account))
            .filter(customers::is_primary.eq(true))
            .filter(customers::deleted_at.is_null())
            .select(Self::as_select())
            .first(conn)
            .await
            .optional()
    }

    /// Nothing that is told of it changes anything any more.
    pub fn is_tombstone(&self) -> bool {
        self.deleted_at.is_some() || self.account_id.is_none()
    }

    /// Says that this customer is this account. It becomes the account's primary one if there is none. Returns false if it was known.
    pub async fn link(conn: &mut Conn, clock: &Clock, provider_id: &str, account: AccountId) -> QueryResult<bool> {
        loop {
            // Whatever is in the way: with a target, somebody who links the same one at the same moment could meet the other unique index.
            let query = diesel::sql_query(
                "INSERT INTO customers (id, account_id, provider_customer_id, is_primary, created_at) \
                 SELECT $1, $2, $3, NOT EXISTS (SELECT FROM customers WHERE account_id = $2 AND is_primary AND deleted_at IS NULL), $4 \
                 ON CONFLICT DO NOTHING",
            )
            .bind::<Uuid, _>(CustomerId::new(clock))
            .bind::<Uuid, _>(account)
            .bind::<Text, _>(provider_id)
            .bind::<Timestamptz, _>(clock.now());
            if Cached(query).execute(conn).await? > 0 {
                return Ok(true);
            }
            if Self::find(conn, provider_id).await?.is_some() {
                return Ok(false);
            }
            // Another one became the primary just now: this one becomes a further one.
        }
    }

    /// Also for a customer that we never knew: what is told of it later is then no riddle.
    pub async fn bury(conn: &mut Conn, clock: &Clock, provider_id: &str, account: Option<AccountId>) -> QueryResult<()> {
        let query = diesel::sql_query(
            "INSERT INTO customers (id, account_id, provider_customer_id, is_primary, deleted_at, created_at) \
             VALUES ($1, $2, $3, false, $4, $4) \
             ON CONFLICT (provider_customer_id) DO UPDATE SET deleted_at = coalesce(customers.deleted_at, excluded.deleted_at)",
        )
        .bind::<Uuid, _>(CustomerId::new(clock))
        .bind::<Nullable<Uuid>, _>(account)
        .bind::<Text, _>(provider_id)
        .bind::<Timestamptz, _>(clock.now());
        Cached(query).execute(conn).await.map(|_| ())
    }
}
