//! The `memberships` table: who belongs to which account, and with what role.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::actor::Role;
use crate::db::Conn;
use crate::db::schema::{memberships, users};
use crate::error::{Code, Error, Refusal};
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

    /// Who owns an account.
    pub async fn owners(conn: &mut Conn, account: AccountId) -> QueryResult<Vec<UserId>> {
        let owners = memberships::table.filter(memberships::account_id.eq(account)).filter(memberships::role.eq(Role::Owner.as_str()));
        owners.order(memberships::user_id).select(memberships::user_id).load(conn).await
    }

    pub async fn create(conn: &mut Conn, account: AccountId, user: UserId, role: Role, at: DateTime<Utc>) -> QueryResult<Self> {
        diesel::insert_into(memberships::table)
            .values((
                memberships::account_id.eq(account),
                memberships::user_id.eq(user),
                memberships::role.eq(role.as_str()),
                memberships::created_at.eq(at),
            ))
            .returning(Self::as_returning())
            .get_result(conn)
            .await
    }

    /// Somebody whom the actor names by `field`; not there and not a member look the same.
    pub async fn require(conn: &mut Conn, account: AccountId, user: UserId, field: &str) -> Result<Self, Error> {
        let member = Self::find(conn, account, user).await?;
        Ok(member.ok_or_else(|| Refusal::at(Code::NotFound, field, "This person is no member of the account."))?)
    }

    pub async fn set_role(&self, conn: &mut Conn, role: Role) -> QueryResult<Self> {
        diesel::update(memberships::table.find((self.account_id, self.user_id)))
            .set(memberships::role.eq(role.as_str()))
            .returning(Self::as_returning())
            .get_result(conn)
            .await
    }

    pub async fn delete(&self, conn: &mut Conn) -> QueryResult<()> {
        diesel::delete(memberships::table.find((self.account_id, self.user_id))).execute(conn).await?;
        Ok(())
    }

    /// Refuses to take the account's last owner away. Deactivated ones do not count. To be asked under the account's lock, so that two
    /// owners cannot go at once.
    pub async fn require_other_owner(&self, conn: &mut Conn) -> Result<(), Error> {
        let others: i64 = memberships::table
            .inner_join(users::table)
            .filter(memberships::account_id.eq(self.account_id))
            .filter(memberships::user_id.ne(self.user_id))
            .filter(memberships::role.eq(Role::Owner.as_str()))
            .filter(users::deactivated_at.is_null())
            .count()
            .get_result(conn)
            .await?;
        if others > 0 {
            return Ok(());
        }
        Err(Refusal::at(Code::LastOwner, "userId", "This is the account's last owner: make somebody else an owner first.").into())
    }
}
