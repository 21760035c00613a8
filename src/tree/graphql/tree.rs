//! A tree on the wire.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{Context, ID, Object};

use super::version::TreeVersion;
use crate::error::Error;
use crate::graphql::page::{Cursor, Page, PageArgs};
use crate::graphql::scalars::DateTime;
use crate::graphql::{actor, app, loaders};
use crate::id::{Id, VersionId};
use crate::identity::actor::Role;
use crate::identity::graphql::UserObject;
use crate::tree::category::Category;
use crate::tree::tree::{Status, Tree};
use crate::tree::version::Version;

#[derive(Clone)]
pub struct TreeObject(pub Tree);

/// A decision tree: what it is called, its draft, and its published versions.
#[Object(name = "Tree")]
impl TreeObject {
    /// Opaque and global.
    pub async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// Its name in addresses and in other trees' documents; unique in the account.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// What it is called.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it is for, in a sentence or two.
    async fn summary(&self) -> Option<&str> {
        self.0.summary.as_deref()
    }

    /// Where it is filed.
    async fn category(&self, ctx: &Context<'_>) -> Result<Option<CategoryObject>, Error> {
        let Some(slug) = self.0.category.clone() else { return Ok(None) };
        Ok(loaders::one(&loaders::of(ctx)?.categories, slug).await?.map(|category| CategoryObject { category, trees: None }))
    }

    /// Words to find it by.
    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// The language it is written in, e.g. `en` or `pt-BR`.
    async fn locale(&self) -> &str {
        &self.0.locale
    }

    /// Where it stands.
    async fn status(&self) -> Status {
        self.0.status
    }

    /// Optimistic lock: send it back with every edit.
    async fn revision(&self) -> i32 {
        self.0.revision
    }

    /// Null for those who may not author.
    async fn draft(&self, ctx: &Context<'_>) -> Result<Option<TreeVersion>, Error> {
        if actor(ctx)?.role < Role::Engineer {
            return Ok(None);
        }
        let document = loaders::one(&loaders::of(ctx)?.drafts, self.0.id).await?;
        Ok(document.map(|document| TreeVersion::draft(self.0.clone(), document)))
    }

    /// Null until first published.
    async fn published(&self, ctx: &Context<'_>) -> Result<Option<TreeVersion>, Error> {
        let Some(id) = self.0.published_version_id else { return Ok(None) };
        // Most published content is in memory: no loader has to be waited for.
        let version = match app(ctx)?.versions.cached(self.0.account_id, id) {
            Some(version) => Some(version),
            None => loaders::one(&loaders::of(ctx)?.versions, id).await?,
        };
        Ok(version.map(|version| TreeVersion::published(version, Some(self.0.clone()))))
    }

    /// Published versions, newest first.
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<Cursor, TreeVersion, EmptyFields, EmptyFields>, Error> {
        let app = app(ctx)?;
        let page: Page<i32> = PageArgs::forward(first, after).page("versions")?;
        let mut conn = app.db.conn().await?;
        let before = page.after.unwrap_or(i32::MAX);
        let ids: Vec<VersionId> = Version::of_tree(&mut conn, self.0.account_id, self.0.id, before, page.limit()).await?;
        let mut found: HashMap<VersionId, Arc<Version>> = app.versions.get_many(&mut conn, self.0.account_id, &ids).await?;
        let versions = ids.iter().filter_map(|id| found.remove(id)).collect();
        let node = |version| TreeVersion::published(version, Some(self.0.clone()));
        Ok(page.cut(versions).connection("versions", EmptyFields, |version: &Arc<Version>| version.number, node))
    }

    /// How many sessions have walked it.
    async fn session_count(&self) -> i32 {
        self.0.session_count
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<UserObject>, Error> {
        UserObject::load(ctx, self.0.created_by).await
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it was last changed.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

#[derive(Clone)]
pub struct CategoryObject {
    pub category: Category,
    /// Known already where all categories are listed.
    pub trees: Option<i64>,
}

/// Where trees are filed; shared by all accounts.
#[Object(name = "Category")]
impl CategoryObject {
    /// Its name in filters.
    async fn slug(&self) -> &str {
        &self.category.slug
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.category.name
    }

    /// How many of its trees you may see.
    async fn tree_count(&self, ctx: &Context<'_>) -> Result<i32, Error> {
        let trees = match self.trees {
            Some(trees) => trees,
            None => Category::count_trees(&mut *app(ctx)?.db.conn().await?, actor(ctx)?, &self.category.slug).await?,
        };
        Ok(i32::try_from(trees).unwrap_or(i32::MAX))
    }
}
