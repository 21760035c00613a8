//! The `categories` table: shared by all accounts, filled by a migration.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Uuid};
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::schema::categories;
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

    /// How many of one category's trees the actor may see.
    pub async fn count_trees(conn: &mut Conn, actor: &Actor, slug: &str) -> QueryResult<i64> {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            trees: i64,
        }
        let author = actor.role >= Role::Engineer;
        let count: Count = diesel::sql_query(
            "SELECT count(*) AS trees FROM trees WHERE account_id = $1 AND category = $2 AND ($3 OR status = 'published')",
        )
        .bind::<Uuid, _>(actor.account)
        .bind::<Text, _>(slug)
        .bind::<Bool, _>(author)
        .get_result(conn)
        .await?;
        Ok(count.trees)
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
