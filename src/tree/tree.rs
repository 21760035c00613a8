//! The `trees` table: what a tree is called and where it stands. Its content is loaded apart: drafts by `draft`, published
//! content through `version`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use super::document::Document;
use super::stored::Stored;
use crate::db::Conn;
use crate::db::schema::trees;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, Id, TreeId, UserId, VersionId};
use crate::identity::actor::{Actor, Role};

/// Everything but the draft, which may be large.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = trees)]
pub struct Tree {
    pub account_id: AccountId,
    pub id: TreeId,
    pub slug: String,
    pub title: String,
    pub summary: Option<String>,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub locale: String,
    #[diesel(deserialize_as = String)]
    pub status: Status,
    pub revision: i32,
    pub draft_digest: String,
    pub published_version_id: Option<VersionId>,
    /// When it was read: every session that starts counts, and what is in memory does not hear of it.
    pub session_count: i32,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// Where a tree stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "TreeStatus")]
pub enum Status {
    /// Never published.
    Draft,
    /// Has a published version that sessions can start from.
    Published,
    /// Out of use; sessions that began go on.
    Archived,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Archived => "archived",
        }
    }
}

/// The column's CHECK allows no other value.
impl From<String> for Status {
    fn from(name: String) -> Self {
        match name.as_str() {
            "published" => Self::Published,
            "archived" => Self::Archived,
            _ => Self::Draft,
        }
    }
}

/// How a tree is named by those who ask for one.
#[derive(Clone, Debug)]
pub enum TreeRef {
    Id(TreeId),
    Slug(String),
}

impl TreeRef {
    /// As subtree nodes write it: an id, or else a slug.
    pub fn parse(text: &str) -> Self {
        TreeId::decode(text).map_or_else(|_| Self::Slug(text.to_owned()), Self::Id)
    }
}

impl Tree {
    pub async fn find(conn: &mut Conn, account: AccountId, id: TreeId) -> QueryResult<Option<Self>> {
        trees::table.find((account, id)).select(Self::as_select()).first(conn).await.optional()
    }

    pub async fn find_by(conn: &mut Conn, account: AccountId, by: &TreeRef) -> QueryResult<Option<Self>> {
        match by {
            TreeRef::Id(id) => Self::find(conn, account, *id).await,
            TreeRef::Slug(slug) => {
                let query = trees::table.filter(trees::account_id.eq(account)).filter(trees::slug.eq(slug));
                query.select(Self::as_select()).first(conn).await.optional()
            }
        }
    }

    /// In no particular order; those that are not there are left out.
    pub async fn find_many(conn: &mut Conn, account: AccountId, ids: &[TreeId]) -> QueryResult<Vec<Self>> {
        // PostgreSQL plans a statement with a list anew each time, which costs more than reading a row.
        if let [id] = ids {
            return Ok(Self::find(conn, account, *id).await?.into_iter().collect());
        }
        let query = trees::table.filter(trees::account_id.eq(account)).filter(trees::id.eq_any(ids));
        query.select(Self::as_select()).load(conn).await
    }

    /// Nobody else writes this tree until the transaction ends.
    pub async fn hold(conn: &mut Conn, account: AccountId, id: TreeId) -> QueryResult<Option<Self>> {
        trees::table.find((account, id)).select(Self::as_select()).for_no_key_update().first(conn).await.optional()
    }

    /// Of any accounts, in no particular order.
    pub async fn find_anywhere(conn: &mut Conn, trees: &[(AccountId, TreeId)]) -> QueryResult<Vec<Self>> {
        let (accounts, ids): (Vec<_>, Vec<_>) = trees.iter().copied().unzip();
        let query = trees::table.filter(trees::account_id.eq_any(accounts)).filter(trees::id.eq_any(ids));
        query.select(Self::as_select()).load(conn).await
    }

    pub async fn session_counts(conn: &mut Conn, trees: &[(AccountId, TreeId)]) -> QueryResult<Vec<(AccountId, TreeId, i32)>> {
        let (accounts, ids): (Vec<_>, Vec<_>) = trees.iter().copied().unzip();
        let query = trees::table.filter(trees::account_id.eq_any(accounts)).filter(trees::id.eq_any(ids));
        query.select((trees::account_id, trees::id, trees::session_count)).load(conn).await
    }

    /// For an edit: holds the tree. Refuses one that is not there, or has moved on.
    pub async fn lock(conn: &mut Conn, account: AccountId, id: TreeId, revision: i32) -> Result<Self, Error> {
        let tree = Self::hold(conn, account, id).await?.ok_or_else(not_found)?;
        if tree.revision != revision {
            return Err(Refusal::revision_conflict(tree.revision).into());
        }
        Ok(tree)
    }

    pub async fn draft(conn: &mut Conn, account: AccountId, id: TreeId) -> QueryResult<Document> {
        trees::table.find((account, id)).select(trees::draft).first::<Stored>(conn).await.map(|Stored(document)| document)
    }

    pub async fn drafts(conn: &mut Conn, account: AccountId, ids: &[TreeId]) -> QueryResult<Vec<(TreeId, Document)>> {
        let query = trees::table.filter(trees::account_id.eq(account)).filter(trees::id.eq_any(ids));
        let rows: Vec<(TreeId, Stored)> = query.select((trees::id, trees::draft)).load(conn).await?;
        Ok(rows.into_iter().map(|(id, Stored(document))| (id, document)).collect())
    }

    pub async fn find_by_slugs(conn: &mut Conn, account: AccountId, slugs: &[String]) -> QueryResult<Vec<Self>> {
        if let [slug] = slugs {
            return Ok(Self::find_by(conn, account, &TreeRef::Slug(slug.clone())).await?.into_iter().collect());
        }
        let query = trees::table.filter(trees::account_id.eq(account)).filter(trees::slug.eq_any(slugs));
        query.select(Self::as_select()).load(conn).await
    }

    /// Authors see every tree of their account, technicians the published ones.
    pub fn visible_to(&self, actor: &Actor) -> bool {
        self.account_id == actor.account && (actor.role >= Role::Engineer || self.status == Status::Published)
    }

    /// An archived tree is read, restored or deleted, and nothing else.
    pub fn require_in_use(&self) -> Result<(), Error> {
        match self.status {
            Status::Draft | Status::Published => Ok(()),
            Status::Archived => Err(Refusal::at(Code::WrongState, "id", "This tree is archived: restore it first.").into()),
        }
    }
}

pub fn not_found() -> Error {
    Refusal::at(Code::NotFound, "id", "There is no such tree in this account.").into()
}

diesel::define_sql_function! {
    /// For orders that ignore case.
    fn lower(text: Text) -> Text;
}
