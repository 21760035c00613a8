//! Mutations of trees.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::input::{CreateTreeInput, PublishTreeInput, RevertTreeInput, TreeRevisionInput, UpdateTreeInput};
use super::tree::TreeObject;
use super::version::TreeVersion;
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::{actor, app};
use crate::id::{Id, TreeId, VersionId};
use crate::tree::document::Document;
use crate::tree::tree::Tree;
use crate::tree::{archive, create, delete, publish, revert, update};

#[derive(Default)]
pub struct TreeMutation;

#[Object]
impl TreeMutation {
    /// Makes a draft, from nothing or from any of the sources.
    async fn create_tree(&self, ctx: &Context<'_>, input: CreateTreeInput) -> Result<TreePayload, Error> {
        answer(async { create::create(app(ctx)?, actor(ctx)?, input.try_into()?).await.map(TreePayload::drafted) }.await)
    }

    /// Changes the draft or what the tree is called.
    async fn update_tree(&self, ctx: &Context<'_>, input: UpdateTreeInput) -> Result<TreePayload, Error> {
        answer(async { update::update(app(ctx)?, actor(ctx)?, input.try_into()?).await.map(TreePayload::drafted) }.await)
    }

    /// Makes a version of the draft that sessions start from; refuses a tree with errors.
    async fn publish_tree(&self, ctx: &Context<'_>, input: PublishTreeInput) -> Result<TreePayload, Error> {
        let published = async {
            let id = TreeId::decode(&input.id)?;
            publish::publish(app(ctx)?, actor(ctx)?, id, input.revision, input.notes.as_deref()).await
        };
        answer(
            published
                .await
                .map(|(tree, version)| TreePayload { version: Some(TreeVersion::published(version, Some(tree.clone()))), ..tree.into() }),
        )
    }

    /// Puts an earlier version's content back into the draft.
    async fn revert_tree(&self, ctx: &Context<'_>, input: RevertTreeInput) -> Result<TreePayload, Error> {
        let reverted = async {
            let (id, version) = (TreeId::decode(&input.id)?, VersionId::decode(&input.version_id)?);
            revert::revert(app(ctx)?, actor(ctx)?, id, input.revision, version).await
        };
        answer(reverted.await.map(TreePayload::drafted))
    }

    /// Takes a tree out of use; sessions that began go on.
    async fn archive_tree(&self, ctx: &Context<'_>, input: TreeRevisionInput) -> Result<TreePayload, Error> {
        let archived = async { archive::archive(app(ctx)?, actor(ctx)?, TreeId::decode(&input.id)?, input.revision).await };
        answer(archived.await.map(TreePayload::from))
    }

    /// Puts an archived tree back into use.
    async fn restore_tree(&self, ctx: &Context<'_>, input: TreeRevisionInput) -> Result<TreePayload, Error> {
        let restored = async { archive::restore(app(ctx)?, actor(ctx)?, TreeId::decode(&input.id)?, input.revision).await };
        answer(restored.await.map(TreePayload::from))
    }

    /// Deletes a tree that no session has walked and no other tree calls.
    async fn delete_tree(&self, ctx: &Context<'_>, input: TreeRevisionInput) -> Result<DeleteTreePayload, Error> {
        let deleted = async { delete::delete(app(ctx)?, actor(ctx)?, TreeId::decode(&input.id)?, input.revision).await };
        answer(deleted.await.map(|id| DeleteTreePayload { deleted_id: Some(id.encode().into()), user_errors: Vec::new() }))
    }
}

/// What became of a tree.
#[derive(SimpleObject, Default)]
pub struct TreePayload {
    /// The tree as it is now; null when refused.
    tree: Option<TreeObject>,
    /// The content that was made: the draft, or the version that was published.
    version: Option<TreeVersion>,
    /// Why it was refused.
    user_errors: Vec<UserError>,
}

impl TreePayload {
    fn drafted((tree, draft): (Tree, Arc<Document>)) -> Self {
        Self { version: Some(TreeVersion::draft(tree.clone(), draft)), ..tree.into() }
    }
}

impl From<Tree> for TreePayload {
    fn from(tree: Tree) -> Self {
        Self { tree: Some(TreeObject(tree)), ..Self::default() }
    }
}

impl Payload for TreePayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }
}

/// What was deleted.
#[derive(SimpleObject, Default)]
pub struct DeleteTreePayload {
    /// Null when refused.
    deleted_id: Option<ID>,
    /// Why it was refused.
    user_errors: Vec<UserError>,
}

impl Payload for DeleteTreePayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }
}
