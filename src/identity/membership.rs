//! The `memberships` table: who belongs to which account, and with what role.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::actor::Role;
use crate::db::Conn;
use crate::db::schema::memberships;
use crate::graphql::page::Page;
use crate::id::{AccountId, UserId};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = memberships)]
pub struct Membership {
    pub account_id: AccountId,
    pub user_id: UserId,
    #[diesel(deserialize_as = String)]
    pub role: Role,
    pub created_at: DateTime<Utc>,
}

/// Where a member stands in the list of an account's members.
pub type Position = (DateTime<Utc>, UserId);

impl Membership {
    pub async fn find(conn: &mut Conn, account: AccountId, user: UserId) -> QueryResult<Option<Self>> {
        memberships::table.find((account, user)).select(Self::as_select()).first(conn).await.optional()
    }

    /// A person's accounts, the one they joined first before the others.
    pub async fn of_user(conn: &mut Conn, user: UserId) -> QueryResult<Vec<Self>> {
        memberships::table
            .filter(memberships::user_id.eq(user))
            .order((memberships::created_at, memberships::account_id))
            .select(Self::as_select())
            .load(conn)
            .await
    }

    /// An account's people, in the order in which they joined.
    pub async fn page(conn: &mut Conn, account: AccountId, page: &Page<Position>) -> QueryResult<Vec<Self>> {
        let mut query = memberships::table.filter(memberships::account_id.eq(account)).select(Self::as_select()).into_boxed();
        if let Some((joined, user)) = page.after {
            let later = memberships::created_at.gt(joined);
            query = query.filter(later.or(memberships::created_at.eq(joined).and(memberships::user_id.gt(user))));
        }
        query.order((memberships::created_at, memberships::user_id)).limit(page.limit()).load(conn).await
    }

    pub async fn count(conn: &mut Conn, account: AccountId) -> QueryResult<i64> {
        memberships::table.filter(memberships::account_id.eq(account)).count().get_result(conn).await
    }
}
