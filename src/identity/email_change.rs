//! The `email_changes` table: addresses that people had. Kept for the mail that tells of the change, and for nothing else.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::schema::email_changes;
use crate::id::{EmailChangeId, Id, UserId};

#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = email_changes)]
pub struct EmailChange {
    pub user_id: UserId,
    pub old_email: String,
}

impl EmailChange {
    pub async fn create(conn: &mut Conn, user: UserId, old_email: &str, at: DateTime<Utc>) -> QueryResult<EmailChangeId> {
        let id = EmailChangeId::at(at);
        diesel::insert_into(email_changes::table)
            .values((
                email_changes::id.eq(id),
                email_changes::user_id.eq(user),
                email_changes::old_email.eq(old_email),
                email_changes::changed_at.eq(at),
            ))
            .execute(conn)
            .await?;
        Ok(id)
    }

    pub async fn find(conn: &mut Conn, id: EmailChangeId) -> QueryResult<Option<Self>> {
        email_changes::table.find(id).select(Self::as_select()).first(conn).await.optional()
    }
}
