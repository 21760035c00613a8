//! One state of a tree's content on the wire: the draft, or a published version.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::diff::TreeDiff;
use super::input::TreeFormat;
use super::issue::TreeIssue;
use super::node::{Content, Nodes, TreeNode};
use super::node_part::Variable;
use super::tree::TreeObject;
use crate::error::Error;
use crate::graphql::in_order::InOrder;
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::{actor, loaders};
use crate::id::{DraftId, Id, TreeId, VersionId};
use crate::identity::actor::Role;
use crate::identity::graphql::UserObject;
use crate::tree::calls::{Calls, References};
use crate::tree::diff::diff;
use crate::tree::document::Document;
use crate::tree::formats;
use crate::tree::tree::Tree;
use crate::tree::validate::{Stage, validate};
use crate::tree::version::Version;

#[derive(Clone)]
pub struct TreeVersion {
    source: Source,
    content: Content,
}

#[derive(Clone)]
enum Source {
    Draft(Tree),
    /// With its tree, where that is at hand.
    Published(Arc<Version>, Option<Tree>),
}

impl TreeVersion {
    pub fn draft(tree: Tree, document: Arc<Document>) -> Self {
        Self { source: Source::Draft(tree), content: Content { document, pins: None } }
    }

    pub fn published(version: Arc<Version>, tree: Option<Tree>) -> Self {
        Self { content: Content::from(&version), source: Source::Published(version, tree) }
    }

    fn version(&self) -> Option<&Version> {
        match &self.source {
            Source::Draft(_) => None,
            Source::Published(version, _) => Some(version),
        }
    }

    async fn owner(&self, ctx: &Context<'_>) -> Result<Tree, Error> {
        match &self.source {
            Source::Draft(tree) | Source::Published(_, Some(tree)) => Ok(tree.clone()),
            Source::Published(version, None) => {
                let tree = match version.account_id == actor(ctx)?.account {
                    true => loaders::one::<loaders::Trees>(ctx, version.tree_id).await?,
                    false => loaders::one::<loaders::Walked>(ctx, (version.account_id, version.tree_id)).await?,
                };
                tree.ok_or_else(|| Error::internal(format!("{:?} has no tree", version.id)))
            }
        }
    }

    /// What is published at present of a tree that the account has bought.
    async fn bought(ctx: &Context<'_>, id: VersionId) -> Result<Option<Self>, Error> {
        let Some(tree) = loaders::one::<loaders::BoughtVersions>(ctx, id).await? else { return Ok(None) };
        let version = loaders::one::<loaders::VersionsAnywhere>(ctx, (tree.account_id, id)).await?;
        Ok(version.map(|version| Self::published(version, Some(tree))))
    }

    /// Whether it belongs to another account: it was bought, or a session walks it.
    fn is_foreign(&self, ctx: &Context<'_>) -> Result<bool, Error> {
        let account = actor(ctx)?.account;
        Ok(self.version().is_some_and(|version| version.account_id != account))
    }

    /// What content of the viewer's own account calls.
    async fn calls(&self, ctx: &Context<'_>) -> Result<Calls, Error> {
        let document = &self.content.document;
        let References { ids, slugs } = References::of(document);
        let by_id = loaders::many::<loaders::Trees>(ctx, ids.into_iter());
        let by_slug = loaders::many::<loaders::TreesBySlug>(ctx, slugs.into_iter());
        let (by_id, by_slug) = tokio::try_join!(by_id, by_slug)?;
        let calls = Calls::among(&by_id.into_values().chain(by_slug.into_values()).collect::<Vec<_>>(), document);
        let closures = loaders::many::<loaders::Closures>(ctx, calls.roots().into_iter()).await?;
        Ok(calls.with(closures.into_values().next().unwrap_or_default()))
    }

    /// The content behind an id, if the actor may see it: drafts are for authors, versions for all who see the tree.
    pub async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Self>, Error> {
        let actor = actor(ctx)?;
        if let Ok(draft) = DraftId::decode(id) {
            let tree = TreeId::from(uuid::Uuid::from(draft));
            let Some(tree) = loaders::one::<loaders::Trees>(ctx, tree).await?.filter(|_| actor.role >= Role::Engineer) else {
                return Ok(None);
            };
            let document = loaders::one::<loaders::Drafts>(ctx, tree.id).await?;
            return Ok(document.map(|document| Self::draft(tree, document)));
        }
        let id = VersionId::decode(id)?;
        let Some(version) = loaders::one::<loaders::Versions>(ctx, id).await? else { return Self::bought(ctx, id).await };
        // Memory may still hold the version of a tree that was deleted.
        let tree = loaders::one::<loaders::Trees>(ctx, version.tree_id).await?.filter(|tree| tree.visible_to(actor));
        Ok(tree.map(|tree| Self::published(version, Some(tree))))
    }
}

/// One state of a tree's content. Published versions never change.
#[Object]
impl TreeVersion {
    /// Opaque and global.
    pub async fn id(&self) -> ID {
        match &self.source {
            Source::Draft(tree) => DraftId::from(uuid::Uuid::from(tree.id)).encode().into(),
            Source::Published(version, _) => version.id.encode().into(),
        }
    }

    /// The tree whose content this is.
    async fn tree(&self, ctx: &Context<'_>) -> Result<TreeObject, Error> {
        self.owner(ctx).await.map(TreeObject)
    }

    /// 1, 2, 3… once published; null for the draft.
    async fn number(&self) -> Option<i32> {
        self.version().map(|version| version.number)
    }

    /// SHA-256 of the canonical document: equal content, equal digest.
    async fn digest(&self) -> &str {
        match &self.source {
            Source::Draft(tree) => &tree.draft_digest,
            Source::Published(version, _) => &version.digest,
        }
    }

    /// The node that sessions start from.
    async fn root_key(&self) -> &str {
        &self.content.document.root
    }

    /// All nodes, in the author's order.
    async fn nodes(&self) -> Nodes {
        Nodes { content: self.content.clone(), version: self.version().map(|version| version.id) }
    }

    /// One node; null if there is none with this key.
    async fn tree_node(&self, key: String) -> Option<InOrder<TreeNode>> {
        TreeNode::find(&self.content, &key)
    }

    /// What sessions keep in mind.
    async fn variables(&self) -> Vec<Variable> {
        self.content.document.variables.iter().map(Variable::from).collect()
    }

    /// What stands between this content and being published. Of another account's tree: nothing.
    async fn issues(&self, ctx: &Context<'_>) -> Result<Vec<TreeIssue>, Error> {
        if self.is_foreign(ctx)? {
            return Ok(Vec::new());
        }
        let (owner, calls) = (self.owner(ctx).await?, self.calls(ctx).await?);
        let issues = validate(&self.content.document, Stage::Draft, &calls.callees(Some(owner.id)));
        Ok(issues.into_iter().map(TreeIssue).collect())
    }

    /// All of it, as JSON.
    async fn document(&self) -> Result<Json, Error> {
        Ok(Json(serde_json::to_value(&*self.content.document)?))
    }

    /// All of it, as text.
    async fn export(&self, ctx: &Context<'_>, format: TreeFormat) -> Result<String, Error> {
        let owner = self.owner(ctx).await?;
        Ok(formats::export(&self.content.document, &owner.title, format.into()))
    }

    /// What changed since `from`, matched by node key.
    async fn diff(&self, ctx: &Context<'_>, from: ID) -> Result<Option<TreeDiff>, Error> {
        let Some(before) = Self::find(ctx, &from).await? else { return Ok(None) };
        let diff = diff(&before.content.document, &self.content.document);
        Ok(Some(TreeDiff { diff, before: before.content, after: self.content.clone() }))
    }

    /// What its publisher said about it, to their own account.
    async fn notes(&self, ctx: &Context<'_>) -> Result<Option<&str>, Error> {
        let foreign = self.is_foreign(ctx)?;
        Ok(self.version().filter(|_| !foreign).and_then(|version| version.notes.as_deref()))
    }

    /// Who published it; null if it is another account's.
    async fn published_by(&self, ctx: &Context<'_>) -> Result<Option<UserObject>, Error> {
        let foreign = self.is_foreign(ctx)?;
        match self.version().filter(|_| !foreign) {
            Some(version) => UserObject::load(ctx, version.published_by).await,
            None => Ok(None),
        }
    }

    /// When it was published.
    async fn published_at(&self) -> Option<DateTime> {
        self.version().map(|version| version.published_at.into())
    }
}
