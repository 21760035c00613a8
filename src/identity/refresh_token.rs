//! The `refresh_tokens` table. A token is 32 random bytes, is used once, and is stored as its hash only. All tokens of a sign-in are
//! its family: whoever shows one that was used already may have stolen it, so the whole family ends.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::opaque_token;
use crate::db::Conn;
use crate::db::schema::refresh_tokens;
use crate::id::SignInId;

/// From its last use: who comes back within it stays signed in.
pub const LIFETIME: TimeDelta = TimeDelta::days(30);

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
pub struct RefreshToken {
    pub sign_in_id: SignInId,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

impl RefreshToken {
    /// The token itself is known to nobody but the device that gets it.
    pub async fn create(conn: &mut Conn, sign_in: SignInId, at: DateTime<Utc>) -> QueryResult<SecretString> {
        let token = opaque_token::new();
        diesel::insert_into(refresh_tokens::table)
            .values((
                refresh_tokens::hash.eq(opaque_token::hash(&token)),
                refresh_tokens::sign_in_id.eq(sign_in),
                refresh_tokens::created_at.eq(at),
                refresh_tokens::expires_at.eq(at + LIFETIME),
            ))
            .execute(conn)
            .await?;
        Ok(token)
    }

    pub async fn find(conn: &mut Conn, token: &SecretString) -> QueryResult<Option<Self>> {
        refresh_tokens::table.find(opaque_token::hash(token)).select(Self::as_select()).first(conn).await.optional()
    }

    /// Of two that use a token at once, one gets true.
    pub async fn take(conn: &mut Conn, token: &SecretString, at: DateTime<Utc>) -> QueryResult<bool> {
        let usable = refresh_tokens::table
            .find(opaque_token::hash(token))
            .filter(refresh_tokens::used_at.is_null())
            .filter(refresh_tokens::expires_at.gt(at));
        Ok(diesel::update(usable).set(refresh_tokens::used_at.eq(at)).execute(conn).await? == 1)
    }

    /// Forgets what a device holds, because it is given something else. Not a use: showing it later proves no theft.
    pub async fn replace(conn: &mut Conn, sign_in: SignInId, at: DateTime<Utc>) -> QueryResult<SecretString> {
        let unused = refresh_tokens::table.filter(refresh_tokens::sign_in_id.eq(sign_in)).filter(refresh_tokens::used_at.is_null());
        diesel::delete(unused).execute(conn).await?;
        Self::create(conn, sign_in, at).await
    }

    pub fn is_usable(&self, at: DateTime<Utc>) -> bool {
        self.used_at.is_none() && at < self.expires_at
    }
}
