//! `revertTree`: an earlier version's content becomes the draft again.

use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::document::Document;
use super::stored::Stored;
use super::texts::{self, Edition};
use super::tree::Tree;
use crate::app::App;
use crate::db::schema::trees;
use crate::error::{Code, Error, Refusal};
use crate::id::{TreeId, VersionId};
use crate::identity::actor::{Actor, Role};

/// The tree and its draft, as they are now.
pub async fn revert(app: &App, actor: &Actor, id: TreeId, revision: i32, version: VersionId) -> Result<(Tree, Arc<Document>), Error> {
    actor.require(Role::Engineer)?;
    let now = app.clock.now();
    let reverted = app
        .db
        .transaction(async |conn| {
            let tree = Tree::lock(conn, actor.account, id, revision).await?;
            tree.require_in_use()?;
            let version = app.versions.get(conn, actor.account, version).await?.filter(|version| version.tree_id == tree.id);
            let Some(version) = version else {
                return Err(Refusal::at(Code::NotFound, "versionId", "This tree has no such version.").into());
            };
            let tree: Tree = diesel::update(trees::table.find((tree.account_id, tree.id)))
                .set((
                    trees::draft.eq(Stored(version.document.as_ref().clone())),
                    trees::draft_digest.eq(&version.digest),
                    trees::revision.eq(tree.revision + 1),
                    trees::updated_at.eq(now),
                ))
                .returning(Tree::as_returning())
                .get_result(conn)
                .await?;
            texts::write(conn, &tree, Edition::Draft, &version.document).await?;
            Ok((tree, version.document.clone()))
        })
        .await?;
    app.trees.forget(actor.account, id);
    Ok(reverted)
}
