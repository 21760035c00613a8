//! The `identities` table: who people are at a provider.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::provider::Provider;
use crate::db::Conn;
use crate::db::schema::identities;
use crate::id::UserId;

/// Whose identity this is.
pub async fn owner(conn: &mut Conn, provider: Provider, subject: &str) -> QueryResult<Option<UserId>> {
    identities::table.find((provider.as_str(), subject)).select(identities::user_id).first(conn).await.optional()
}

/// False if somebody was faster: the identity is somebody's now, and `owner` tells whose.
pub async fn link(conn: &mut Conn, provider: Provider, subject: &str, user: UserId, at: DateTime<Utc>) -> QueryResult<bool> {
    let added = diesel::insert_into(identities::table)
        .values((
            identities::provider.eq(provider.as_str()),
            identities::subject.eq(subject),
            identities::user_id.eq(user),
            identities::created_at.eq(at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(added == 1)
}

/// Where these people can sign in, each provider once.
pub async fn providers(conn: &mut Conn, users: &[UserId]) -> QueryResult<Vec<(UserId, Provider)>> {
    let rows: Vec<(UserId, String)> = identities::table
        .filter(identities::user_id.eq_any(users))
        .select((identities::user_id, identities::provider))
        .distinct()
        .order((identities::user_id, identities::provider.desc()))
        .load(conn)
        .await?;
    Ok(rows.into_iter().filter_map(|(user, name)| Some((user, Provider::named(&name)?))).collect())
}

/// Nobody signs in elsewhere as this person any more.
pub async fn unlink_all(conn: &mut Conn, user: UserId) -> QueryResult<()> {
    diesel::delete(identities::table.filter(identities::user_id.eq(user))).execute(conn).await?;
    Ok(())
}
