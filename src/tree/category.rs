//! The `categories` table: shared by all accounts, filled by a migration.

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Uuid};
use diesel_async::RunQueryDsl;

use super::tree::Status;
use crate::db::Conn;
use crate::db::schema::{categories, trees};
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Role};
use crate::text::shortened;

#[derive(Clone, Debug, Queryable, Selectable, QueryableByName)]
#[diesel(table_name = categories)]
pub struct Category {
    pub slug: String,
    pub name: String,
}

/// A category, and how many of its trees the actor may see.
#[derive(Clone, Debug, QueryableByName)]
pub struct Counted {
    #[diesel(embed)]
    pub category: Category,
    #[diesel(sql_type = BigInt)]
    pub trees: i64,
}

impl Category {
    pub async fn find_many(conn: &mut Conn, slugs: &[String]) -> QueryResult<Vec<Self>> {
        categories::table.filter(categories::slug.eq_any(slugs)).select(Self::as_select()).load(conn).await
    }

    /// All of them, by name.
    pub async fn counted(conn: &mut Conn, actor: &Actor) -> QueryResult<Vec<Counted>> {
        let author = actor.role >= Role::Engineer;
        diesel::sql_query(
            "SELECT c.slug, c.name, count(t.id) AS trees FROM categories c \
             LEFT JOIN trees t ON t.account_id = $1 AND t.category = c.slug AND ($2 OR t.status = 'published') \
             GROUP BY c.slug, c.name ORDER BY c.name",
        )
        .bind::<Uuid, _>(actor.account)
        .bind::<Bool, _>(author)
        .load(conn)
        .await
    }

    /// How many trees of these categories the actor may see, where there are any.
    pub async fn count_trees(conn: &mut Conn, actor: &Actor, slugs: &[String]) -> QueryResult<Vec<(String, i64)>> {
        let of_account = trees::table.filter(trees::account_id.eq(actor.account)).filter(trees::category.eq_any(slugs));
        let visible = of_account.filter(trees::status.eq(Status::Published.as_str()).or((actor.role >= Role::Engineer).into_sql::<Bool>()));
        visible.group_by(trees::category).select((trees::category.assume_not_null(), count_star())).load(conn).await
    }

    /// Refuses a slug that is no category, and names those that are.
    pub async fn require(conn: &mut Conn, slug: &str) -> Result<(), Error> {
        let known: Vec<String> = categories::table.select(categories::slug).order(categories::slug).load(conn).await?;
        if known.iter().any(|category| category == slug) {
            return Ok(());
        }
        let message = format!("There is no category `{}`; there are {}.", shortened(slug), known.join(", "));
        Err(Refusal::at(Code::NotFound, "category", message).into())
    }
}
