//! `sessions`: newest first, filtered, a page at a time. Technicians see their own.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::session::Session;
use super::state::Status;
use crate::db::schema::sessions;
use crate::db::{Conn, is_storable};
use crate::error::Error;
use crate::graphql::page::{Page, PageArgs, Slice};
use crate::id::{SessionId, TreeId, UserId};
use crate::identity::actor::{Actor, Role};
use crate::tree::document::OutcomeKind;

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub tree: Option<TreeId>,
    pub status: Option<Vec<Status>>,
    pub assignee: Option<UserId>,
    pub outcome: Option<Vec<OutcomeKind>>,
    pub started_after: Option<DateTime<Utc>>,
    pub started_before: Option<DateTime<Utc>>,
}

/// Where a session stands in the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position(DateTime<Utc>, SessionId);

pub const ORDER: &str = "started";

pub fn position(session: &Session) -> Position {
    Position(session.state.started_at, session.id)
}

pub async fn list(conn: &mut Conn, actor: &Actor, filter: &Filter, args: PageArgs) -> Result<Slice<Session>, Error> {
    let page: Page<Position> = args.page(ORDER)?;
    if !page.after.iter().chain(&page.before).all(|Position(time, _)| is_storable(*time)) {
        return Err(Error::BadInput("the cursor is none of this list".into()));
    }
    let mut query = filtered(actor, filter);
    if let Some(position) = &page.after {
        query = query.filter(beyond("<", position));
    }
    if let Some(position) = &page.before {
        query = query.filter(beyond(">", position));
    }
    query = if page.backward {
        query.order((sessions::started_at, sessions::id))
    } else {
        query.order((sessions::started_at.desc(), sessions::id.desc()))
    };
    let rows = Session::load(conn, query.limit(page.limit())).await?;
    Ok(page.cut(rows))
}

pub async fn count(conn: &mut Conn, actor: &Actor, filter: &Filter) -> Result<i32, Error> {
    let count: i64 = filtered(actor, filter).count().get_result(conn).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

fn filtered(actor: &Actor, filter: &Filter) -> sessions::BoxedQuery<'static, diesel::pg::Pg> {
    let mut query = sessions::table.filter(sessions::account_id.eq(actor.account)).into_boxed();
    if actor.role < Role::Engineer {
        query = query.filter(sessions::assignee_id.eq(actor.user));
    }
    if let Some(tree) = filter.tree {
        query = query.filter(sessions::tree_id.eq(tree));
    }
    if let Some(status) = &filter.status {
        query = query.filter(sessions::status.eq_any(status.iter().map(|status| status.as_str()).collect::<Vec<_>>()));
    }
    if let Some(assignee) = filter.assignee {
        query = query.filter(sessions::assignee_id.eq(assignee));
    }
    if let Some(outcome) = &filter.outcome {
        query = query.filter(sessions::outcome.eq_any(outcome.iter().map(|kind| kind.as_str()).collect::<Vec<_>>()));
    }
    if let Some(time) = filter.started_after {
        query = query.filter(sessions::started_at.gt(time));
    }
    if let Some(time) = filter.started_before {
        query = query.filter(sessions::started_at.lt(time));
    }
    query
}

/// A row comparison, which the index on (account_id, started_at, id) answers by seeking.
fn beyond(sign: &str, Position(time, id): &Position) -> Box<dyn BoxableExpression<sessions::table, diesel::pg::Pg, SqlType = Bool>> {
    let comparison = sql::<Bool>(&format!("(started_at, id) {sign} (")).bind::<Timestamptz, _>(*time);
    Box::new(comparison.sql(", ").bind::<Uuid, _>(*id).sql(")"))
}
