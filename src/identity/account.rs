//! The `accounts` table: what people work for.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::actor::{Actor, Role};
use super::membership::Membership;
use crate::db::Conn;
use crate::db::schema::accounts;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, Id, UserId};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub created_at: DateTime<Utc>,
    /// Set while it waits to be deleted.
    pub deletes_at: Option<DateTime<Utc>>,
}

impl Account {
    pub async fn find_many(conn: &mut Conn, ids: &[AccountId]) -> QueryResult<Vec<Self>> {
        accounts::table.filter(accounts::id.eq_any(ids)).select(Self::as_select()).load(conn).await
    }

    /// With its first owner.
    pub async fn create(conn: &mut Conn, name: &str, owner: UserId, at: DateTime<Utc>) -> QueryResult<Membership> {
        let account = AccountId::at(at);
        diesel::insert_into(accounts::table)
            .values((accounts::id.eq(account), accounts::name.eq(name), accounts::created_at.eq(at)))
            .execute(conn)
            .await?;
        Membership::create(conn, account, owner, Role::Owner, at).await
    }

    /// Those whose day has come, the longest overdue first.
    pub async fn due_for_erasure(conn: &mut Conn, at: DateTime<Utc>) -> QueryResult<Vec<AccountId>> {
        let due = accounts::table.filter(accounts::deletes_at.le(at)).filter(accounts::deleted_at.is_null());
        due.order((accounts::deletes_at, accounts::id)).select(accounts::id).load(conn).await
    }

    /// None: there is none any more. It stays locked until the transaction ends.
    pub async fn lock(conn: &mut Conn, id: AccountId) -> QueryResult<Option<Self>> {
        let live = accounts::table.find(id).filter(accounts::deleted_at.is_null());
        live.select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    /// For whoever changes who belongs to it, or what becomes of it: the account, locked until the transaction ends, and the actor
    /// with the role that they have now. Since the request began, somebody else may have changed it.
    pub async fn lock_for(conn: &mut Conn, actor: &Actor, needed: Role) -> Result<(Self, Actor), Error> {
        let account = Self::lock(conn, actor.account).await?.ok_or(Error::Unauthenticated)?;
        let member = Membership::find(conn, actor.account, actor.user).await?.ok_or(Error::Unauthenticated)?;
        let actor = Actor { role: member.role, ..*actor };
        actor.require(needed)?;
        Ok((account, actor))
    }

    /// Nobody joins what is about to go, nor pays for it.
    pub fn require_staying(&self) -> Result<(), Refusal> {
        match self.deletes_at {
            None => Ok(()),
            Some(_) => Err(Refusal::new(Code::WrongState, "This account is about to be deleted; an owner can restore it.")),
        }
    }
}

/// What an account is called whose owner did not say.
pub fn default_name(username: &str) -> String {
    format!("{username}'s account")
}
