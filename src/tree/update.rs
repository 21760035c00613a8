//! `updateTree`: fields left out stay, null clears.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::attributes;
use super::category::Category;
use super::create::slug_taken;
use super::document::Document;
use super::source;
use super::stored::Stored;
use super::texts::{self, Edition};
use super::tree::Tree;
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::trees;
use crate::error::Error;
use crate::id::TreeId;
use crate::identity::actor::{Actor, Role};

#[derive(Clone, Debug)]
pub struct UpdateTree {
    pub id: TreeId,
    pub revision: i32,
    pub title: Option<String>,
    pub slug: Option<String>,
    pub summary: Option<Option<String>>,
    pub category: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    pub locale: Option<String>,
    pub document: Option<serde_json::Value>,
}

/// The tree and its draft, as they are now.
pub async fn update(app: &App, actor: &Actor, input: UpdateTree) -> Result<(Tree, Arc<Document>), Error> {
    actor.require(Role::Engineer)?;
    let title = input.title.as_deref().map(attributes::title).transpose()?;
    let slug = input.slug.as_deref().map(attributes::slug).transpose()?;
    let summary = input.summary.map(|summary| attributes::summary(summary.as_deref())).transpose()?;
    let tags = input.tags.as_deref().map(attributes::tags).transpose()?;
    let locale = input.locale.as_deref().map(attributes::locale).transpose()?;
    let document = input.document.map(|value| source::document(&["document"], value)).transpose()?;
    let now = app.clock.now();

    let updated = app
        .db
        .transaction(async |conn| {
            let tree = Tree::lock(conn, actor.account, input.id, input.revision).await?;
            tree.require_in_use()?;
            if let Some(Some(category)) = &input.category {
                Category::require(conn, category).await?;
            }
            let tree: Tree = diesel::update(trees::table.find((tree.account_id, tree.id)))
                .set((
                    title.as_ref().map(|title| trees::title.eq(title)),
                    slug.as_ref().map(|slug| trees::slug.eq(slug)),
                    summary.as_ref().map(|summary| trees::summary.eq(summary)),
                    input.category.as_ref().map(|category| trees::category.eq(category)),
                    tags.as_ref().map(|tags| trees::tags.eq(tags)),
                    locale.as_ref().map(|locale| trees::locale.eq(locale)),
                    document
                        .as_ref()
                        .map(|document| (trees::draft.eq(Stored(document.clone())), trees::draft_digest.eq(document.digest()))),
                    trees::revision.eq(tree.revision + 1),
                    trees::updated_at.eq(now),
                ))
                .returning(Tree::as_returning())
                .get_result(conn)
                .await
                .map_err(slug_taken)?;
            let about = title.is_some() || summary.is_some() || tags.is_some();
            let draft = match &document {
                Some(document) => document.clone(),
                None => Tree::draft(conn, tree.account_id, tree.id).await?,
            };
            index(app, conn, &tree, &draft, about).await?;
            Ok((tree, Arc::new(draft)))
        })
        .await?;
    app.trees.forget(actor.account, input.id);
    Ok(updated)
}

/// Titles, tags and summaries belong to both editions: a renamed tree is found by its new name everywhere. `about`: whether any of these
/// was given.
async fn index(app: &App, conn: &mut Conn, tree: &Tree, draft: &Document, about: bool) -> Result<(), Error> {
    texts::write(conn, tree, Edition::Draft, draft).await?;
    if about
        && let Some(version) = tree.published_version_id
        && let Some(version) = app.versions.get(conn, tree.account_id, version).await?
    {
        texts::write(conn, tree, Edition::Published, &version.document).await?;
    }
    Ok(())
}
