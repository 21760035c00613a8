//! `archiveTree` and `restoreTree`: out of use and back. Sessions that began go on.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tree::{Status, Tree};
use crate::app::App;
use crate::db::schema::trees;
use crate::error::{Code, Error, Refusal};
use crate::id::TreeId;
use crate::identity::actor::{Actor, Role};

pub async fn archive(app: &App, actor: &Actor, id: TreeId, revision: i32) -> Result<Tree, Error> {
    change(app, actor, id, revision, |tree| match tree.status {
        Status::Draft | Status::Published => Ok(Status::Archived),
        Status::Archived => Err(Refusal::at(Code::WrongState, "id", "This tree is archived already.")),
    })
    .await
}

pub async fn restore(app: &App, actor: &Actor, id: TreeId, revision: i32) -> Result<Tree, Error> {
    change(app, actor, id, revision, |tree| match (tree.status, tree.published_version_id) {
        (Status::Archived, Some(_)) => Ok(Status::Published),
        (Status::Archived, None) => Ok(Status::Draft),
        (Status::Draft | Status::Published, _) => Err(Refusal::at(Code::WrongState, "id", "This tree is not archived.")),
    })
    .await
}

async fn change(
    app: &App,
    actor: &Actor,
    id: TreeId,
    revision: i32,
    next: impl Fn(&Tree) -> Result<Status, Refusal> + Send + Sync,
) -> Result<Tree, Error> {
    actor.require(Role::Engineer)?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let tree = Tree::lock(conn, actor.account, id, revision).await?;
            let status = next(&tree)?;
            let changed = diesel::update(trees::table.find((tree.account_id, tree.id)))
                .set((trees::status.eq(status.as_str()), trees::revision.eq(tree.revision + 1), trees::updated_at.eq(now)))
                .returning(Tree::as_returning())
                .get_result(conn)
                .await?;
            Ok(changed)
        })
        .await
}
