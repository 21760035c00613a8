//! The `pending_emails` table: addresses that people want to have. One becomes theirs when the token is shown that was mailed there; until
//! then it is nobody's, and only the latest that a person asked for counts.
//!
//! Whether somebody else has the address is not looked at before the mail is made: whoever asks for it must not learn that.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::email_token::Purpose;
use super::opaque_token;
use super::user::Secret;
use crate::db::Conn;
use crate::db::schema::pending_emails;
use crate::id::{Id, PendingEmailId, UserId};

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = pending_emails)]
pub struct PendingEmail {
    pub id: PendingEmailId,
    pub user_id: UserId,
    pub email: String,
}

impl PendingEmail {
    /// In place of an earlier one.
    pub async fn create(conn: &mut Conn, user: UserId, email: &str, at: DateTime<Utc>) -> QueryResult<PendingEmailId> {
        let id = PendingEmailId::at(at);
        let what = (
            pending_emails::id.eq(id),
            pending_emails::email.eq(email),
            pending_emails::hash.eq(None::<Vec<u8>>),
            pending_emails::expires_at.eq(at + Purpose::VerifyEmail.lifetime()),
        );
        diesel::insert_into(pending_emails::table)
            .values((pending_emails::user_id.eq(user), what.clone()))
            .on_conflict(pending_emails::user_id)
            .do_update()
            .set(what)
            .execute(conn)
            .await?;
        Ok(id)
    }

    /// Unless it was replaced, has ended, or is too old. It lasts for its time from now on, whatever comes of it: if only a link did, who
    /// asked would learn whether one was made.
    pub async fn renew(conn: &mut Conn, id: PendingEmailId, at: DateTime<Utc>) -> QueryResult<Option<Self>> {
        let live = pending_emails::table.filter(pending_emails::id.eq(id)).filter(pending_emails::expires_at.gt(at));
        let renewed = diesel::update(live).set(pending_emails::expires_at.eq(at + Purpose::VerifyEmail.lifetime()));
        renewed.returning(Self::as_returning()).get_result(conn).await.optional()
    }

    /// The address that a person waits for.
    pub async fn of_user(conn: &mut Conn, user: UserId, at: DateTime<Utc>) -> QueryResult<Option<String>> {
        let live = pending_emails::table.find(user).filter(pending_emails::expires_at.gt(at));
        live.select(pending_emails::email).first(conn).await.optional()
    }

    /// Makes the token for the mail. A mail that is made again carries another one. None: it was replaced or has ended meanwhile.
    pub async fn issue_token(&self, conn: &mut Conn) -> QueryResult<Option<SecretString>> {
        let token = opaque_token::new();
        let issued = diesel::update(pending_emails::table.filter(pending_emails::id.eq(self.id)))
            .set(pending_emails::hash.eq(opaque_token::hash(&token)))
            .execute(conn)
            .await?;
        Ok((issued == 1).then_some(token))
    }

    /// What this token proves. It is not used yet.
    pub async fn find_by_token(conn: &mut Conn, token: &SecretString, at: DateTime<Utc>) -> QueryResult<Option<Self>> {
        pending_emails::table
            .filter(pending_emails::hash.eq(opaque_token::hash(token)))
            .filter(pending_emails::expires_at.gt(at))
            .select(Self::as_select())
            .first(conn)
            .await
            .optional()
    }

    /// Uses the token. Of two that use it at once, one gets the person, locked until the transaction ends. (People are locked first.)
    pub async fn take(&self, conn: &mut Conn, token: &SecretString) -> QueryResult<Option<Secret>> {
        let person = Secret::find_and_lock(conn, self.user_id).await?;
        let used = diesel::delete(pending_emails::table.filter(pending_emails::hash.eq(opaque_token::hash(token)))).execute(conn).await?;
        Ok(person.filter(|person| used == 1 && person.deactivated_at.is_none()))
    }

    /// Ends what a person waits for. Whether there was something.
    pub async fn end(conn: &mut Conn, user: UserId) -> QueryResult<bool> {
        Ok(diesel::delete(pending_emails::table.find(user)).execute(conn).await? == 1)
    }
}
