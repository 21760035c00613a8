//! The `accounts` table: what people work for.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::schema::accounts;
use crate::id::AccountId;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub plan: String,
    pub created_at: DateTime<Utc>,
}

impl Account {
    pub async fn find_many(conn: &mut Conn, ids: &[AccountId]) -> QueryResult<Vec<Self>> {
        accounts::table.filter(accounts::id.eq_any(ids)).select(Self::as_select()).load(conn).await
    }
}
