//! The `session_steps` table: append-only.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::record::{StepKind, StepRecord};
use crate::db::Conn;
use crate::db::schema::session_steps;
use crate::error::Error;
use crate::id::{AccountId, SessionId};

#[derive(Queryable, Selectable)]
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
