//! The `session_steps` table: append-only.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::record::{StepKind, StepRecord};
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::session_steps;
use crate::error::Error;
use crate::id::{AccountId, SessionId};

#[derive(Queryable, Selectable, QueryableByName)]
#[diesel(table_name = session_steps)]
struct Row {
    seq: i32,
    kind: String,
    version_id: Uuid,
    node_key: String,
    option_key: Option<String>,
    value: Option<Value>,
    note: Option<String>,
    detail: Value,
    to_seq: Option<i32>,
    by_user: Uuid,
    at: DateTime<Utc>,
    active_ms: i64,
}

impl TryFrom<Row> for StepRecord {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            seq: row.seq,
            kind: StepKind::from_name(&row.kind).ok_or_else(|| Error::internal(format!("step of unknown kind `{}`", row.kind)))?,
            version: row.version_id,
            node_key: row.node_key,
            option_key: row.option_key,
            value: row.value,
            note: row.note,
            by: row.by_user,
            at: row.at,
            active_ms: row.active_ms,
            to_seq: row.to_seq,
            detail: serde_json::from_value(row.detail)?,
        })
    }
}

/// All steps of a session, in order.
pub async fn all(conn: &mut Conn, account: AccountId, session: SessionId) -> Result<Vec<StepRecord>, Error> {
    page(conn, account, session, 0, i64::MAX).await
}

/// Steps after a number, in order.
pub async fn page(conn: &mut Conn, account: AccountId, session: SessionId, after: i32, limit: i64) -> Result<Vec<StepRecord>, Error> {
    let rows: Vec<Row> = session_steps::table
        .filter(session_steps::account_id.eq(account))
        .filter(session_steps::session_id.eq(session))
        .filter(session_steps::seq.gt(after))
        .order(session_steps::seq)
        .limit(limit)
        .select(Row::as_select())
        .load(conn)
        .await?;
    rows.into_iter().map(StepRecord::try_from).collect()
}

/// A part of a session's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    pub session: SessionId,
    pub after: i32,
    pub limit: i64,
}

/// The steps of many parts, each in order.
pub async fn parts(conn: &mut Conn, account: AccountId, parts: &[Part]) -> Result<HashMap<Part, Vec<StepRecord>>, Error> {
    // PostgreSQL plans a statement with lists anew each time.
    if let [part] = parts {
        return Ok(HashMap::from([(*part, page(conn, account, part.session, part.after, part.limit).await?)]));
    }
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = sql_types::BigInt)]
        part: i64,
        #[diesel(embed)]
        row: Row,
    }
    let query = diesel::sql_query(
        "SELECT wanted.part, steps.* FROM unnest($2, $3, $4) WITH ORDINALITY AS wanted (session_id, after, most, part) \
         CROSS JOIN LATERAL (SELECT * FROM session_steps s WHERE s.account_id = $1 AND s.session_id = wanted.session_id \
         AND s.seq > wanted.after ORDER BY s.seq LIMIT wanted.most) AS steps ORDER BY wanted.part, steps.seq",
    );
    let query = query
        .bind::<sql_types::Uuid, _>(account)
        .bind::<sql_types::Array<sql_types::Uuid>, _>(parts.iter().map(|part| part.session).collect::<Vec<_>>())
        .bind::<sql_types::Array<sql_types::Integer>, _>(parts.iter().map(|part| part.after).collect::<Vec<_>>())
        .bind::<sql_types::Array<sql_types::BigInt>, _>(parts.iter().map(|part| part.limit).collect::<Vec<_>>());
    let mut found: HashMap<Part, Vec<StepRecord>> = parts.iter().map(|part| (*part, Vec::new())).collect();
    for Found { part, row } in Cached(query).load::<Found>(conn).await? {
        let part = usize::try_from(part - 1).ok().and_then(|index| parts.get(index));
        if let Some(steps) = part.and_then(|part| found.get_mut(part)) {
            steps.push(row.try_into()?);
        }
    }
    Ok(found)
}
