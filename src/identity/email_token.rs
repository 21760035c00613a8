//! The `email_tokens` table: what links in mails carry. A token is used once, and proves that the mailbox it was sent to is read by
//! whoever shows it. It counts only while that is the person's address, and for a purpose only the latest does.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::pending_email::PendingEmail;
use super::user::Secret;
use super::{opaque_token, sign_in_code};
use crate::db::Conn;
use crate::db::schema::email_tokens;
use crate::error::{Code, Refusal};
use crate::id::UserId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    VerifyEmail,
    ResetPassword,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    pub fn lifetime(self) -> TimeDelta {
        match self {
            Self::VerifyEmail => TimeDelta::hours(24),
            Self::ResetPassword => TimeDelta::minutes(30),
        }
    }

    /// Forged, used, replaced, too old, or sent to another address than the person has now: all look the same.
    pub fn expired(self) -> Refusal {
        let age = match self {
            Self::VerifyEmail => "24 hours",
            Self::ResetPassword => "30 minutes",
        };
        let message = format!("This link is unknown, used, replaced by a later one or older than {age}; ask for a new one.");
        Refusal::at(Code::TokenExpired, "token", message)
    }
}

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = email_tokens)]
pub struct EmailToken {
    pub user_id: UserId,
    pub email: String,
}

impl EmailToken {
    /// Makes the token for a mail to a person at the address that they have.
    pub async fn issue(conn: &mut Conn, to: &Secret, purpose: Purpose, at: DateTime<Utc>) -> QueryResult<SecretString> {
        let token = opaque_token::new();
        let what = (
            email_tokens::hash.eq(opaque_token::hash(&token)),
            email_tokens::email.eq(&to.email),
            email_tokens::expires_at.eq(at + purpose.lifetime()),
        );
        diesel::insert_into(email_tokens::table)
            .values((email_tokens::user_id.eq(to.id), email_tokens::purpose.eq(purpose.as_str()), what.clone()))
            .on_conflict((email_tokens::user_id, email_tokens::purpose))
            .do_update()
            .set(what)
            .execute(conn)
            .await?;
        Ok(token)
    }

    /// Whose it is. It is not used yet.
    pub async fn find(conn: &mut Conn, token: &SecretString, purpose: Purpose, at: DateTime<Utc>) -> QueryResult<Option<Self>> {
        email_tokens::table
            .filter(email_tokens::hash.eq(opaque_token::hash(token)))
            .filter(email_tokens::purpose.eq(purpose.as_str()))
            .filter(email_tokens::expires_at.gt(at))
            .select(Self::as_select())
            .first(conn)
            .await
            .optional()
    }

    /// Uses it. Of two that use it at once, one gets the person, locked until the transaction ends. (People are locked first.)
    pub async fn take(&self, conn: &mut Conn, token: &SecretString) -> QueryResult<Option<Secret>> {
        let person = Secret::find_and_lock(conn, self.user_id).await?;
        let taken = diesel::delete(email_tokens::table.filter(email_tokens::hash.eq(opaque_token::hash(token)))).execute(conn).await?;
        Ok(person.filter(|person| taken == 1 && person.email == self.email && person.deactivated_at.is_none()))
    }
}

/// Ends whatever was mailed to a person and would open something: links, a code, and the address that they wait for.
pub async fn end_mailed(conn: &mut Conn, user: UserId) -> QueryResult<()> {
    diesel::delete(email_tokens::table.filter(email_tokens::user_id.eq(user))).execute(conn).await?;
    sign_in_code::end(conn, user).await?;
    PendingEmail::end(conn, user).await?;
    Ok(())
}
