//! The `invitations` table. An invitation is open until it is accepted, revoked or a week old. While it is open it holds a seat.
//!
//! Its token goes out by mail and is stored as its hash only; it is made when the mail is, so that nothing but the mail ever holds
//! it. Whoever shows the token has proved that the mailbox is theirs.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::{Actor, Role};
use super::opaque_token;
use super::user::lower;
use crate::db::Conn;
use crate::db::schema::invitations;
use crate::error::{Code, Refusal};
use crate::id::{AccountId, Id, InvitationId, UserId};

pub const LIFETIME: TimeDelta = TimeDelta::days(7);
/// At once in one account, also where the plan has no limit.
pub const MAX_OPEN: usize = 200;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = invitations)]
pub struct Invitation {
    pub id: InvitationId,
    pub account_id: AccountId,
    pub email: String,
    #[diesel(deserialize_as = String)]
    pub role: Role,
    pub invited_by: UserId,
    pub expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl Invitation {
    pub async fn create(
        conn: &mut Conn,
        by: &Actor,
        email: &str,
        role: Role,
        idempotency_key: Option<&str>,
        at: DateTime<Utc>,
    ) -> QueryResult<Self> {
        diesel::insert_into(invitations::table)
            .values((
                invitations::id.eq(InvitationId::at(at)),
                invitations::account_id.eq(by.account),
                invitations::email.eq(email),
                invitations::role.eq(role.as_str()),
                invitations::invited_by.eq(by.user),
                invitations::idempotency_key.eq(idempotency_key),
                invitations::created_at.eq(at),
                invitations::expires_at.eq(at + LIFETIME),
            ))
            .returning(Self::as_returning())
            .get_result(conn)
            .await
    }

    pub async fn find(conn: &mut Conn, id: InvitationId) -> QueryResult<Option<Self>> {
        invitations::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    pub async fn find_many(conn: &mut Conn, ids: &[InvitationId]) -> QueryResult<Vec<Self>> {
        invitations::table.filter(invitations::id.eq_any(ids)).select(Self::as_select()).load(conn).await
    }

    pub async fn find_by_key(conn: &mut Conn, by: &Actor, key: &str) -> QueryResult<Option<Self>> {
        invitations::table
            .filter(invitations::account_id.eq(by.account))
            .filter(invitations::invited_by.eq(by.user))
            .filter(invitations::idempotency_key.eq(key))
            .select(Self::as_select())
            .first(conn)
            .await
            .optional()
    }

    /// Only while it is open.
    pub async fn find_by_token(conn: &mut Conn, token: &SecretString, at: DateTime<Utc>) -> QueryResult<Option<Self>> {
        let found =
            invitations::table.filter(invitations::token_hash.eq(opaque_token::hash(token))).select(Self::as_select()).first(conn).await;
        Ok(found.optional()?.filter(|invitation: &Self| invitation.is_open(at)))
    }

    /// An account's open invitations, in the order in which they were sent.
    pub async fn open_of(conn: &mut Conn, account: AccountId, at: DateTime<Utc>) -> QueryResult<Vec<Self>> {
        invitations::table
            .filter(invitations::account_id.eq(account))
            .filter(invitations::ended_at.is_null())
            .filter(invitations::expires_at.gt(at))
            .order((invitations::created_at, invitations::id))
            .select(Self::as_select())
            .load(conn)
            .await
    }

    /// How many seats are kept for people who were invited.
    pub async fn count_open(conn: &mut Conn, account: AccountId, at: DateTime<Utc>) -> QueryResult<i64> {
        invitations::table
            .filter(invitations::account_id.eq(account))
            .filter(invitations::ended_at.is_null())
            .filter(invitations::expires_at.gt(at))
            .count()
            .get_result(conn)
            .await
    }

    pub fn is_open(&self, at: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && at < self.expires_at
    }

    /// Makes the token for the mail. A mail that is made again carries another one, and only the latest counts.
    pub async fn issue_token(conn: &mut Conn, id: InvitationId) -> QueryResult<SecretString> {
        let token = opaque_token::new();
        diesel::update(invitations::table.find(id)).set(invitations::token_hash.eq(opaque_token::hash(&token))).execute(conn).await?;
        Ok(token)
    }

    /// Ends the one that is in a mailbox's way, open or expired.
    pub async fn end_earlier(conn: &mut Conn, account: AccountId, email: &str, at: DateTime<Utc>) -> QueryResult<()> {
        let earlier = invitations::table
            .filter(invitations::account_id.eq(account))
            .filter(lower(invitations::email).eq(lower(email)))
            .filter(invitations::ended_at.is_null());
        diesel::update(earlier).set(invitations::ended_at.eq(at)).execute(conn).await?;
        Ok(())
    }

    /// Ends what somebody has sent who may not invite any more: to an address of their own, perhaps.
    pub async fn end_by(conn: &mut Conn, account: AccountId, inviter: UserId, at: DateTime<Utc>) -> QueryResult<()> {
        let theirs = invitations::table
            .filter(invitations::account_id.eq(account))
            .filter(invitations::invited_by.eq(inviter))
            .filter(invitations::ended_at.is_null());
        diesel::update(theirs).set(invitations::ended_at.eq(at)).execute(conn).await?;
        Ok(())
    }

    /// The invitation that was ended. None: the account has no such invitation that has not ended.
    pub async fn revoke(conn: &mut Conn, account: AccountId, id: InvitationId, at: DateTime<Utc>) -> QueryResult<Option<Self>> {
        let live = invitations::table.find(id).filter(invitations::account_id.eq(account)).filter(invitations::ended_at.is_null());
        let ended = diesel::update(live).set(invitations::ended_at.eq(at)).returning(Self::as_returning());
        ended.get_result(conn).await.optional()
    }

    /// Uses the token. Of two that use it at once, one gets the invitation.
    pub async fn take(conn: &mut Conn, token: &SecretString, at: DateTime<Utc>) -> QueryResult<Option<Self>> {
        let open = invitations::table
            .filter(invitations::token_hash.eq(opaque_token::hash(token)))
            .filter(invitations::ended_at.is_null())
            .filter(invitations::expires_at.gt(at));
        let taken = diesel::update(open).set(invitations::ended_at.eq(at)).returning(Self::as_returning());
        taken.get_result(conn).await.optional()
    }

    /// Deletes what a person who is erased was sent by any account, once it has ended: to addresses that were proved to be theirs. What is
    /// open ends within a week.
    pub async fn forget_ended(conn: &mut Conn, person: UserId, addresses: &[String]) -> QueryResult<()> {
        let theirs = invitations::accepted_by.eq(person).or(lower(invitations::email).eq_any(addresses).nullable());
        diesel::delete(invitations::table.filter(invitations::ended_at.is_not_null()).filter(theirs)).execute(conn).await?;
        Ok(())
    }

    pub async fn accepted_by(&self, conn: &mut Conn, user: UserId) -> QueryResult<()> {
        diesel::update(invitations::table.find(self.id)).set(invitations::accepted_by.eq(user)).execute(conn).await?;
        Ok(())
    }
}

/// Forged, used, revoked, replaced or too old: all look the same.
pub fn expired() -> Refusal {
    Refusal::at(Code::TokenExpired, "token", "This invitation is unknown, used, revoked or older than 7 days; ask for a new one.")
}
