//! `trees`: the account's trees, filtered and ordered, a page at a time.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use super::tree::{Status, Tree, lower};
use crate::db::cached::Cached;
use crate::db::schema::trees;
use crate::db::{Conn, is_storable};
use crate::error::Error;
use crate::graphql::page::{Page, PageArgs, Slice};
use crate::id::{TreeId, UserId};
use crate::identity::actor::{Actor, Role};

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<Vec<Status>>,
    pub category: Option<String>,
    /// All of them.
    pub tags: Vec<String>,
    pub author: Option<UserId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub field: OrderField,
    pub descending: bool,
}

/// By what trees can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "TreeOrderField")]
pub enum OrderField {
    UpdatedAt,
    /// Without regard to case.
    Title,
    SessionCount,
}

/// Where a tree stands in an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Position {
    Time(DateTime<Utc>, TreeId),
    Number(i32, TreeId),
    /// The title as it is written: only the database knows how it lowers it.
    Text(String, TreeId),
}

impl Position {
    /// Whether the database can hold it. Those that we made are; anybody can make up others.
    fn is_storable(&self) -> bool {
        match self {
            Self::Time(time, _) => is_storable(*time),
            Self::Number(..) => true,
            Self::Text(title, _) => !title.contains('\0'),
        }
    }
}

impl Order {
    /// Binds cursors to this order.
    pub fn name(self) -> &'static str {
        match (self.field, self.descending) {
            (OrderField::UpdatedAt, true) => "updated",
            (OrderField::UpdatedAt, false) => "updated-asc",
            (OrderField::Title, true) => "title-desc",
            (OrderField::Title, false) => "title",
            (OrderField::SessionCount, true) => "sessions",
            (OrderField::SessionCount, false) => "sessions-asc",
        }
    }

    pub fn position(self, tree: &Tree) -> Position {
        match self.field {
            OrderField::UpdatedAt => Position::Time(tree.updated_at, tree.id),
            OrderField::SessionCount => Position::Number(tree.session_count, tree.id),
            OrderField::Title => Position::Text(tree.title.clone(), tree.id),
        }
    }
}

type Query = trees::BoxedQuery<'static, diesel::pg::Pg>;

pub async fn list(conn: &mut Conn, actor: &Actor, filter: &Filter, order: Order, args: PageArgs) -> Result<Slice<Tree>, Error> {
    let page: Page<Position> = args.page(order.name())?;
    if !page.after.iter().chain(&page.before).all(Position::is_storable) {
        return Err(Error::BadInput("the cursor is none of this list".into()));
    }
    let mut query = filtered(actor, filter);
    // Read backwards, the list's order is turned round, and the rows are turned back afterwards.
    let descending = order.descending != page.backward;
    if let Some(position) = &page.after {
        query = query.filter(beyond(position, order.descending));
    }
    if let Some(position) = &page.before {
        query = query.filter(beyond(position, !order.descending));
    }
    query = match (order.field, descending) {
        (OrderField::UpdatedAt, true) => query.order((trees::updated_at.desc(), trees::id.desc())),
        (OrderField::UpdatedAt, false) => query.order((trees::updated_at, trees::id)),
        (OrderField::SessionCount, true) => query.order((trees::session_count.desc(), trees::id.desc())),
        (OrderField::SessionCount, false) => query.order((trees::session_count, trees::id)),
        (OrderField::Title, true) => query.order((lower(trees::title).desc(), trees::id.desc())),
        (OrderField::Title, false) => query.order((lower(trees::title), trees::id)),
    };
    // The text depends only on which filters are there: a bounded number of statements, each prepared once.
    let rows = Cached(query.select(Tree::as_select()).limit(page.limit())).load(conn).await?;
    Ok(page.cut(rows))
}

pub async fn count(conn: &mut Conn, actor: &Actor, filter: &Filter) -> Result<i32, Error> {
    let count: i64 = filtered(actor, filter).count().get_result(conn).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

fn filtered(actor: &Actor, filter: &Filter) -> Query {
    let mut query = trees::table.filter(trees::account_id.eq(actor.account)).into_boxed();
    if actor.role < Role::Engineer {
        query = query.filter(trees::status.eq(Status::Published.as_str()));
    }
    if let Some(status) = &filter.status {
        let names: Vec<&'static str> = status.iter().map(|status| status.as_str()).collect();
        query = query.filter(trees::status.eq_any(names));
    }
    if let Some(category) = &filter.category {
        query = query.filter(trees::category.eq(category.clone()));
    }
    if !filter.tags.is_empty() {
        let tags: Vec<String> = filter.tags.iter().map(|tag| tag.trim().to_lowercase()).collect();
        query = query.filter(trees::tags.contains(tags));
    }
    if let Some(author) = filter.author {
        query = query.filter(trees::created_by.eq(author));
    }
    query
}

/// A row comparison, which an index on (key, id) answers by seeking.
fn beyond(position: &Position, descending: bool) -> Box<dyn BoxableExpression<trees::table, diesel::pg::Pg, SqlType = Bool>> {
    let sign = if descending { "<" } else { ">" };
    match position {
        Position::Time(time, id) => Box::new(
            sql::<Bool>(&format!("(updated_at, id) {sign} (")).bind::<Timestamptz, _>(*time).sql(", ").bind::<Uuid, _>(*id).sql(")"),
        ),
        Position::Number(number, id) => Box::new(
            sql::<Bool>(&format!("(session_count, id) {sign} (")).bind::<Integer, _>(*number).sql(", ").bind::<Uuid, _>(*id).sql(")"),
        ),
        Position::Text(text, id) => Box::new(
            sql::<Bool>(&format!("(lower(title), id) {sign} (lower("))
                .bind::<Text, _>(text.clone())
                .sql("), ")
                .bind::<Uuid, _>(*id)
                .sql(")"),
        ),
    }
}
