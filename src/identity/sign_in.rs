//! The `sign_ins` table: the devices that people are signed in on.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::actor::Requester;
use crate::db::Conn;
use crate::db::schema::{refresh_tokens, sign_ins};
use crate::id::{AccountId, Id, SignInId, UserId};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sign_ins)]
pub struct SignIn {
    pub id: SignInId,
    pub user_id: UserId,
    pub account_id: AccountId,
    pub user_agent: Option<String>,
    pub ip_address: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// More devices than this are not listed: the most recently used come first.
const LISTED: i64 = 100;
const USER_AGENT_MAX: usize = 300;

impl SignIn {
    pub async fn start(conn: &mut Conn, user: UserId, account: AccountId, from: &Requester, at: DateTime<Utc>) -> QueryResult<SignInId> {
        let id = SignInId::at(at);
        diesel::insert_into(sign_ins::table)
            .values((
                sign_ins::id.eq(id),
                sign_ins::user_id.eq(user),
                sign_ins::account_id.eq(account),
                sign_ins::user_agent.eq(user_agent(from)),
                sign_ins::ip_address.eq(from.address.map(|address| address.to_string())),
                sign_ins::created_at.eq(at),
                sign_ins::last_used_at.eq(at),
            ))
            .execute(conn)
            .await?;
        Ok(id)
    }

    pub async fn find(conn: &mut Conn, id: SignInId) -> QueryResult<Option<Self>> {
        sign_ins::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    /// One that has not ended, and does not end before the transaction does.
    pub async fn find_and_lock(conn: &mut Conn, id: SignInId) -> QueryResult<Option<Self>> {
        let live = sign_ins::table.find(id).filter(sign_ins::ended_at.is_null());
        live.select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    /// The devices that can still get new tokens, the most recently used first.
    pub async fn of_user(conn: &mut Conn, user: UserId, at: DateTime<Utc>) -> QueryResult<Vec<Self>> {
        let usable = refresh_tokens::table
            .filter(refresh_tokens::sign_in_id.eq(sign_ins::id))
            .filter(refresh_tokens::used_at.is_null())
            .filter(refresh_tokens::expires_at.gt(at));
        sign_ins::table
            .filter(sign_ins::user_id.eq(user))
            .filter(sign_ins::ended_at.is_null())
            .filter(exists(usable))
            .order((sign_ins::last_used_at.desc(), sign_ins::id.desc()))
            .limit(LISTED)
            .select(Self::as_select())
            .load(conn)
            .await
    }

    pub async fn used(conn: &mut Conn, id: SignInId, account: AccountId, from: &Requester, at: DateTime<Utc>) -> QueryResult<()> {
        diesel::update(sign_ins::table.find(id))
            .set((
                sign_ins::account_id.eq(account),
                sign_ins::last_used_at.eq(at),
                sign_ins::user_agent.eq(user_agent(from)),
                sign_ins::ip_address.eq(from.address.map(|address| address.to_string())),
            ))
            .execute(conn)
            .await?;
        Ok(())
    }

    /// One of the person's own that has not ended. False: there is none.
    pub async fn end_own(conn: &mut Conn, user: UserId, id: SignInId, at: DateTime<Utc>) -> QueryResult<bool> {
        let own = sign_ins::table.find(id).filter(sign_ins::user_id.eq(user)).filter(sign_ins::ended_at.is_null());
        Ok(diesel::update(own).set(sign_ins::ended_at.eq(at)).execute(conn).await? == 1)
    }

    /// Whether there was anything to end.
    pub async fn end(conn: &mut Conn, id: SignInId, at: DateTime<Utc>) -> QueryResult<bool> {
        let live = sign_ins::table.find(id).filter(sign_ins::ended_at.is_null());
        Ok(diesel::update(live).set(sign_ins::ended_at.eq(at)).execute(conn).await? > 0)
    }

    /// All of a person's devices, but for one that is spared. Whether there was anything to end.
    pub async fn end_all(conn: &mut Conn, user: UserId, spared: Option<SignInId>, at: DateTime<Utc>) -> QueryResult<bool> {
        let live = sign_ins::table.filter(sign_ins::user_id.eq(user)).filter(sign_ins::ended_at.is_null());
        let ended = match spared {
            Some(spared) => diesel::update(live.filter(sign_ins::id.ne(spared))).set(sign_ins::ended_at.eq(at)).execute(conn).await?,
            None => diesel::update(live).set(sign_ins::ended_at.eq(at)).execute(conn).await?,
        };
        Ok(ended > 0)
    }
}

/// Cut to what a list of devices needs. Headers cannot hold a NUL.
pub fn user_agent(from: &Requester) -> Option<String> {
    from.user_agent.as_ref().map(|text| text.chars().take(USER_AGENT_MAX).collect())
}
