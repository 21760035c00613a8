//! The `users` table: people.

use chrono::{DateTime, Utc};
use diesel::dsl::IsNotNull;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::actor::Standing;
use crate::config::Config;
use crate::db::Conn;
use crate::db::schema::{memberships, users};
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, UserId};

diesel::define_sql_function!(
    /// Case does not make a new person: unique indexes are on this.
    fn lower(text: Text) -> Text
);

/// Everything but the password's hash, which has no business where people are shown.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: UserId,
    pub number: i64,
    pub email: String,
    pub username: String,
    #[diesel(select_expression = users::password_hash.is_not_null())]
    #[diesel(select_expression_type = IsNotNull<users::password_hash>)]
    pub has_password: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub avatar_url: Option<String>,
    pub email_verified_at: Option<DateTime<Utc>>,
    pub staff: bool,
    pub deactivated_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl User {
    /// With whether each of them belongs to the account.
    pub async fn find_many(conn: &mut Conn, ids: &[UserId], account: Option<AccountId>) -> QueryResult<Vec<(Self, bool)>> {
        let membership = memberships::user_id.eq(users::id).and(memberships::account_id.nullable().eq(account));
        users::table
            .left_join(memberships::table.on(membership))
            .filter(users::id.eq_any(ids))
            .select((Self::as_select(), memberships::user_id.nullable().is_not_null()))
            .load(conn)
            .await
    }

    pub async fn find_by_email(conn: &mut Conn, email: &str) -> QueryResult<Option<Self>> {
        users::table.filter(lower(users::email).eq(lower(email))).select(Self::as_select()).first(conn).await.optional()
    }

    /// For a transaction that relies on what it finds: nobody changes it before it ends.
    pub async fn find_by_email_and_hold(conn: &mut Conn, email: &str) -> QueryResult<Option<Self>> {
        let found = users::table.filter(lower(users::email).eq(lower(email)));
        found.select(Self::as_select()).for_share().first(conn).await.optional()
    }
}

/// What a password is checked against. Without Debug: hashes belong in no log.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct Secret {
    pub id: UserId,
    pub email: String,
    pub username: String,
    pub password_hash: Option<String>,
    pub email_verified_at: Option<DateTime<Utc>>,
    /// Whether staff rights were granted; whether they count is in `standing`.
    pub staff: bool,
    pub deactivated_at: Option<DateTime<Utc>>,
}

impl Secret {
    /// Usernames have no `@`, so that a login is one or the other.
    pub async fn by_login(conn: &mut Conn, login: &str) -> QueryResult<Option<Self>> {
        if login.contains('@') {
            users::table.filter(lower(users::email).eq(lower(login))).select(Self::as_select()).first(conn).await.optional()
        } else {
            users::table.filter(lower(users::username).eq(lower(login))).select(Self::as_select()).first(conn).await.optional()
        }
    }

    pub fn standing(&self, config: &Config) -> Standing {
        Standing::of(config, &self.email, self.email_verified_at, self.staff)
    }

    pub async fn find(conn: &mut Conn, id: UserId) -> QueryResult<Option<Self>> {
        users::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }

    /// For a transaction that relies on it: nobody changes the password or deactivates the user before it ends.
    pub async fn find_and_hold(conn: &mut Conn, id: UserId) -> QueryResult<Option<Self>> {
        users::table.find(id).select(Self::as_select()).for_share().first(conn).await.optional()
    }

    /// For a transaction that changes it.
    pub async fn find_and_lock(conn: &mut Conn, id: UserId) -> QueryResult<Option<Self>> {
        users::table.find(id).select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }
}

/// The database decides uniqueness; the constraint's name says what is taken.
pub fn taken(error: diesel::result::Error) -> Error {
    let constraint = match &error {
        diesel::result::Error::DatabaseError(_, info) => info.constraint_name(),
        _ => None,
    };
    match constraint {
        Some("users_email_key") => Refusal::at(Code::Taken, "email", "Somebody else has this e-mail address already.").into(),
        Some("users_username_key") => Refusal::at(Code::Taken, "username", "Somebody else has this username already.").into(),
        _ => error.into(),
    }
}
