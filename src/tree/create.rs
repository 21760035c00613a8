//! `createTree`.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::attributes;
use super::category::Category;
use super::document::Document;
use super::source::Source;
use super::stored::Stored;
use super::texts::{self, Edition};
use super::tree::{Status, Tree};
use crate::app::App;
use crate::billing::plan::LimitKey;
use crate::billing::usage;
use crate::db::Conn;
use crate::db::schema::trees;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, TreeId};
use crate::identity::actor::{Actor, Role};

#[derive(Clone, Debug, Default)]
pub struct CreateTree {
    pub title: String,
    pub slug: Option<String>,
    pub summary: Option<String>,
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub locale: Option<String>,
    /// None: an empty document.
    pub source: Option<Source>,
}

/// The new tree and its draft.
pub async fn create(app: &App, actor: &Actor, input: CreateTree) -> Result<(Tree, Arc<Document>), Error> {
    actor.require(Role::Engineer)?;
    let title = attributes::title(&input.title)?;
    let wanted_slug = input.slug.as_deref().map(attributes::slug).transpose()?;
    let summary = attributes::summary(input.summary.as_deref())?;
    let tags = attributes::tags(&input.tags)?;
    let locale = attributes::locale(input.locale.as_deref().unwrap_or(attributes::DEFAULT_LOCALE))?;
    // Read before the transaction: a long text keeps no connection and no lock waiting.
    let document = match input.source {
        Some(source) => source.read(app, actor).await?,
        None => Document::empty(),
    };
    let digest = document.digest();
    let now = app.clock.now();
    let id = TreeId::at(now);

    let tree = app
        .db
        .transaction(async |conn| {
            if let Some(category) = &input.category {
                Category::require(conn, category).await?;
            }
            // Locks the account: of two that race for the last tree, the second sees the first one's.
            usage::lock_and_check(conn, actor.account, LimitKey::Trees, now).await?;
            let slug = match &wanted_slug {
                Some(slug) => slug.clone(),
                None => free_slug(conn, actor, &attributes::slugify(&title)).await?,
            };
            let tree: Tree = diesel::insert_into(trees::table)
                .values((
                    trees::account_id.eq(actor.account),
                    trees::id.eq(id),
                    trees::slug.eq(slug),
                    trees::title.eq(&title),
                    trees::summary.eq(&summary),
                    trees::category.eq(&input.category),
                    trees::tags.eq(&tags),
                    trees::locale.eq(&locale),
                    trees::status.eq(Status::Draft.as_str()),
                    trees::revision.eq(1),
                    trees::draft_digest.eq(&digest),
                    trees::draft.eq(Stored(document.clone())),
                    trees::created_by.eq(actor.user),
                    trees::created_at.eq(now),
                    trees::updated_at.eq(now),
                ))
                .returning(Tree::as_returning())
                .get_result(conn)
                .await
                .map_err(slug_taken)?;
            texts::write(conn, &tree, Edition::Draft, &document).await?;
            Ok(tree)
        })
        .await?;
    Ok((tree, Arc::new(document)))
}

/// The first of `slug`, `slug-2`, `slug-3`… that is free. The account is locked, so it stays free.
async fn free_slug(conn: &mut Conn, actor: &Actor, slug: &str) -> QueryResult<String> {
    let taken: HashSet<String> = trees::table
        .filter(trees::account_id.eq(actor.account))
        .filter(trees::slug.like(format!("{}%", attributes::slug_stem(slug))))
        .select(trees::slug)
        .load(conn)
        .await?
        .into_iter()
        .collect();
    let free = |candidate: &String| !taken.contains(candidate);
    let numbered = (2..=u32::MAX).map(|number| attributes::numbered_slug(slug, number));
    Ok(std::iter::once(slug.to_owned()).chain(numbered).find(free).unwrap_or_else(|| slug.to_owned()))
}

/// The database decides uniqueness; its constraint's name says what is taken.
pub fn slug_taken(error: diesel::result::Error) -> Error {
    match &error {
        diesel::result::Error::DatabaseError(_, info) if info.constraint_name() == Some("trees_slug_key") => {
            Refusal::at(Code::Taken, "slug", "Another tree of this account has this slug.").into()
        }
        _ => error.into(),
    }
}
