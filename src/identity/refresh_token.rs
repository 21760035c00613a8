//! The `refresh_tokens` table. A token is 32 random bytes, is used once, and is stored as its hash only. All tokens of a sign-in are
//! its family: whoever shows one that was used already may have stolen it, so the whole family ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

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
        let token = SecretString::from(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
        diesel::insert_into(refresh_tokens::table)
            .values((
                refresh_tokens::hash.eq(hash(&token)),
                refresh_tokens::sign_in_id.eq(sign_in),
                refresh_tokens::created_at.eq(at),
                refresh_tokens::expires_at.eq(at + LIFETIME),
            ))
            .execute(conn)
            .await?;
        Ok(token)
    }

    pub async fn find(conn: &mut Conn, token: &SecretString) -> QueryResult<Option<Self>> {
        refresh_tokens::table.find(hash(token)).select(Self::as_select()).first(conn).await.optional()
    }

    /// Of two that use a token at once, one gets true.
    pub async fn take(conn: &mut Conn, token: &SecretString, at: DateTime<Utc>) -> QueryResult<bool> {
        let usable =
            refresh_tokens::table.find(hash(token)).filter(refresh_tokens::used_at.is_null()).filter(refresh_tokens::expires_at.gt(at));
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

/// No salt and one pass are enough: nobody guesses 32 random bytes.
fn hash(token: &SecretString) -> Vec<u8> {
    Sha256::digest(token.expose_secret().as_bytes()).to_vec()
}
