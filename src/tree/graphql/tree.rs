//! A tree on the wire.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::version::TreeVersion;
use crate::error::Error;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::{Page, PageArgs};
use crate::graphql::scalars::DateTime;
use crate::graphql::{actor, app, loaders};
use crate::id::{Id, TreeId};
use crate::identity::actor::Role;
use crate::identity::graphql::UserObject;
use crate::marketplace::graphql::ListingObject;
use crate::tree::category::Category;
use crate::tree::tree::{Status, Tree};
use crate::tree::version::{Part, Version};

/// One's own tree, or another account's: one that was bought, or that a session walks.
#[derive(Clone)]
pub struct TreeObject(pub Tree);

impl TreeObject {
    /// A tree of the viewer's account that they may see, or one that the account has bought.
    pub async fn find(ctx: &Context<'_>, id: TreeId) -> Result<Option<Self>, Error> {
        let actor = actor(ctx)?;
        if let Some(own) = loaders::one::<loaders::Trees>(ctx, id).await? {
            return Ok(own.visible_to(actor).then_some(Self(own)));
        }
        Ok(loaders::one::<loaders::Bought>(ctx, id).await?.map(Self))
    }

    fn is_own(&self, ctx: &Context<'_>) -> Result<bool, Error> {
        Ok(self.0.account_id == actor(ctx)?.account)
    }

    /// Whether the viewer may read what is published at present: whoever has bought a tree, as long as the purchase is active.
    async fn is_open(&self, ctx: &Context<'_>) -> Result<bool, Error> {
        Ok(self.is_own(ctx)? || loaders::one::<loaders::Bought>(ctx, self.0.id).await?.is_some())
    }

    async fn current(&self, ctx: &Context<'_>) -> Result<Option<Arc<Version>>, Error> {
        let Some(id) = self.0.published_version_id else { return Ok(None) };
        // Most published content is in memory: no loader has to be waited for.
        match app(ctx)?.versions.cached(self.0.account_id, id) {
            Some(version) => Ok(Some(version)),
            None => loaders::one::<loaders::VersionsAnywhere>(ctx, (self.0.account_id, id)).await,
        }
    }
}

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
        CategoryObject::load(ctx, self.0.category.as_deref()).await
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

    /// Null for those who may not author, and for whoever has bought the tree.
    async fn draft(&self, ctx: &Context<'_>) -> Result<Option<TreeVersion>, Error> {
        if actor(ctx)?.role < Role::Engineer || !self.is_own(ctx)? {
            return Ok(None);
        }
        let document = loaders::one::<loaders::Drafts>(ctx, self.0.id).await?;
        Ok(document.map(|document| TreeVersion::draft(self.0.clone(), document)))
    }

    /// Null until first published, and for a bought tree once the purchase is no longer active.
    async fn published(&self, ctx: &Context<'_>) -> Result<Option<TreeVersion>, Error> {
        if !self.is_open(ctx).await? {
            return Ok(None);
        }
        Ok(self.current(ctx).await?.map(|version| TreeVersion::published(version, Some(self.0.clone()))))
    }

    /// Published versions, newest first. Of a bought tree, only the present one is shown.
    async fn versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<TreeVersion>, Error> {
        let page: Page<i32> = PageArgs::forward(first, after).page("versions")?;
        let node = |version| TreeVersion::published(version, Some(self.0.clone()));
        if !self.is_own(ctx)? {
            let current = if self.is_open(ctx).await? { self.current(ctx).await? } else { None };
            let shown = current.into_iter().filter(|version| page.after.is_none_or(|before| version.number < before)).collect();
            return Ok(page.cut(shown).connection("versions", EmptyFields, |version: &Arc<Version>| version.number, node));
        }
        let part = Part { tree: self.0.id, before: page.after.unwrap_or(i32::MAX), limit: page.limit() };
        let versions = loaders::one::<loaders::VersionLists>(ctx, part).await?.unwrap_or_default();
        Ok(page.cut(versions).connection("versions", EmptyFields, |version: &Arc<Version>| version.number, node))
    }

    /// How many sessions have walked it, its buyers' included.
    async fn session_count(&self, ctx: &Context<'_>) -> Result<i32, Error> {
        // Of now: sessions start while the tree is in memory.
        let key = (self.0.account_id, self.0.id);
        Ok(loaders::one::<loaders::SessionCounts>(ctx, key).await?.unwrap_or(self.0.session_count))
    }

    /// Set while the tree is on sale in the marketplace.
    async fn listing(&self, ctx: &Context<'_>) -> Result<Option<ListingObject>, Error> {
        let key = (self.0.account_id, self.0.id);
        Ok(loaders::one::<loaders::Listings>(ctx, key).await?.map(ListingObject))
    }

    /// Who made it; null if it is another account's.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<UserObject>, Error> {
        if !self.is_own(ctx)? {
            return Ok(None);
        }
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

impl CategoryObject {
    /// None where a tree is filed nowhere.
    pub async fn load(ctx: &Context<'_>, slug: Option<&str>) -> Result<Option<Self>, Error> {
        let Some(slug) = slug else { return Ok(None) };
        Ok(loaders::one::<loaders::Categories>(ctx, slug.to_owned()).await?.map(|category| Self { category, trees: None }))
    }
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
            None => loaders::one::<loaders::TreeCounts>(ctx, self.category.slug.clone()).await?.unwrap_or(0),
        };
        Ok(i32::try_from(trees).unwrap_or(i32::MAX))
    }
}
