//! The `sessions` table: one row a session, a cache of the fold over its steps that changes with them in one statement.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Json, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::commands::Change;
use super::record::StepRecord;
use super::run_on::outcome_name;
use super::state::State;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::sessions;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, SessionId, TreeId, UserId, VersionId};
use crate::identity::actor::{Actor, Role};

#[derive(Clone, Debug)]
pub struct Session {
    pub account_id: AccountId,
    pub id: SessionId,
    /// Whose tree it walks.
    pub tree_account_id: AccountId,
    pub tree_id: TreeId,
    /// Pinned at the start.
    pub version_id: VersionId,
    pub subject: Option<String>,
    pub started_by: UserId,
    pub state: State,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
struct Row {
    account_id: AccountId,
    id: SessionId,
    tree_account_id: AccountId,
    tree_id: TreeId,
    version_id: VersionId,
    subject: Option<String>,
    started_by: UserId,
    state: Value,
}

impl TryFrom<Row> for Session {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            account_id: row.account_id,
            id: row.id,
            tree_account_id: row.tree_account_id,
            tree_id: row.tree_id,
            version_id: row.version_id,
            subject: row.subject,
            started_by: row.started_by,
            state: serde_json::from_value(row.state)?,
        })
    }
}

impl Session {
    pub async fn find(conn: &mut Conn, account: AccountId, id: SessionId) -> Result<Option<Self>, Error> {
        let row: Option<Row> = sessions::table.find((account, id)).select(Row::as_select()).first(conn).await.optional()?;
        row.map(Self::try_from).transpose()
    }

    /// In no particular order.
    pub async fn find_many(conn: &mut Conn, account: AccountId, ids: &[SessionId]) -> Result<Vec<Self>, Error> {
        // PostgreSQL plans a statement with a list anew each time.
        if let [id] = ids {
            return Ok(Self::find(conn, account, *id).await?.into_iter().collect());
        }
        let query = sessions::table.filter(sessions::account_id.eq(account)).filter(sessions::id.eq_any(ids));
        query.select(Row::as_select()).load::<Row>(conn).await?.into_iter().map(Self::try_from).collect()
    }

    /// What the actor has begun with this key. Refused once they may not see it any more: they have handed it over.
    pub async fn find_by_key(conn: &mut Conn, actor: &Actor, key: &str) -> Result<Option<Self>, Error> {
        let query = sessions::table
            .filter(sessions::account_id.eq(actor.account))
            .filter(sessions::started_by.eq(actor.user))
            .filter(sessions::idempotency_key.eq(key));
        let found = query.select(Row::as_select()).first::<Row>(conn).await.optional()?.map(Self::try_from).transpose()?;
        if found.as_ref().is_some_and(|session| !session.visible_to(actor)) {
            return Err(Refusal::at(Code::WrongState, "idempotencyKey", "The session of this key was handed over to somebody else.").into());
        }
        Ok(found)
    }

    /// For a page of sessions: the query says which and in what order.
    pub async fn load(conn: &mut Conn, query: sessions::BoxedQuery<'static, diesel::pg::Pg>) -> Result<Vec<Self>, Error> {
        Cached(query.select(Row::as_select())).load::<Row>(conn).await?.into_iter().map(Self::try_from).collect()
    }

    pub async fn insert(conn: &mut Conn, session: &Self, idempotency_key: Option<&str>, steps: &[StepRecord]) -> Result<(), Error> {
        let state = &session.state;
        diesel::insert_into(sessions::table)
            .values((
                Row {
                    account_id: session.account_id,
                    id: session.id,
                    tree_account_id: session.tree_account_id,
                    tree_id: session.tree_id,
                    version_id: session.version_id,
                    subject: session.subject.clone(),
                    started_by: session.started_by,
                    state: serde_json::to_value(state)?,
                },
                sessions::idempotency_key.eq(idempotency_key),
                sessions::assignee_id.eq(state.assignee),
                sessions::status.eq(state.status.as_str()),
                sessions::revision.eq(state.revision),
                sessions::started_at.eq(state.started_at),
                sessions::updated_at.eq(state.started_at),
            ))
            .execute(conn)
            .await?;
        Cached(
            diesel::sql_query(format!("INSERT INTO session_steps {STEP_COLUMNS} SELECT $1, $2, {STEP_VALUES} FROM {}", steps_from("$3")))
                .bind::<Uuid, _>(session.account_id)
                .bind::<Uuid, _>(session.id)
                .bind::<Json, _>(serde_json::to_value(steps)?),
        )
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Stores what a command did: its steps, and the state after them, in one statement. Of two writers that read the same revision
    /// one is refused: it waits for the other's row, then finds the revision gone. (The steps' key would refuse it as well.)
    pub async fn append(conn: &mut Conn, account: AccountId, id: SessionId, change: &Change, at: DateTime<Utc>) -> Result<(), Error> {
        let Change { steps, state } = change;
        let read = state.revision - i32::try_from(steps.len()).unwrap_or_default();
        let written = Cached(
            diesel::sql_query(format!(
                "WITH moved AS (
                     UPDATE sessions SET state = $4, revision = $5, status = $6, outcome = $7, assignee_id = $8, ended_at = $9, updated_at = $10
                     WHERE account_id = $1 AND id = $2 AND revision = $11 RETURNING 1)
                 INSERT INTO session_steps {STEP_COLUMNS} SELECT $1, $2, {STEP_VALUES} FROM moved, {}",
                steps_from("$3")
            ))
            .bind::<Uuid, _>(account)
            .bind::<Uuid, _>(id)
            .bind::<Json, _>(serde_json::to_value(steps)?)
            .bind::<Json, _>(serde_json::to_value(state)?)
            .bind::<Integer, _>(state.revision)
            .bind::<Text, _>(state.status.as_str())
            .bind::<Nullable<Text>, _>(state.outcome.as_ref().map(|outcome| outcome_name(outcome.kind)))
            .bind::<Uuid, _>(state.assignee)
            .bind::<Nullable<Timestamptz>, _>(state.ended_at)
            .bind::<Timestamptz, _>(at)
            .bind::<Integer, _>(read),
        )
        .execute(conn)
        .await?;
        if written == steps.len() {
            return Ok(());
        }
        let stored: i32 = sessions::table.find((account, id)).select(sessions::revision).first(conn).await?;
        Err(Refusal::revision_conflict(stored).into())
    }

    /// Its assignee, and those who author trees in its account.
    pub fn visible_to(&self, actor: &Actor) -> bool {
        self.account_id == actor.account && (actor.role >= Role::Engineer || self.state.assignee == uuid::Uuid::from(actor.user))
    }
}

/// Steps travel as one JSON array, whatever their number, so that the statement's text is always the same.
const STEP_COLUMNS: &str =
    "(account_id, session_id, seq, kind, version_id, node_key, option_key, value, note, detail, to_seq, by_user, at, active_ms)";
const STEP_VALUES: &str = "seq, kind, version, node_key, option_key, value, note, detail, to_seq, by, at, active_ms";

fn steps_from(parameter: &str) -> String {
    format!(
        "json_to_recordset({parameter}) AS step (seq int, kind text, version uuid, node_key text, option_key text, value json, note text, \
         detail json, to_seq int, by uuid, at timestamptz, active_ms bigint)"
    )
}

pub fn not_found() -> Error {
    Refusal::at(Code::NotFound, "sessionId", "There is no such session.").into()
}
