//! `archiveTree` and `restoreTree`: out of use and back. Sessions that began go on. An archived tree is on sale no longer, and is not put on
//! sale again by restoring it; whoever has bought it keeps it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tree::{Status, Tree};
use crate::app::App;
use crate::db::schema::trees;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, TreeId};
use crate::identity::actor::{Actor, Role};
use crate::identity::audit::{self, Entry};
use crate::marketplace::listing;

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
    let changed = app
        .db
        .transaction(async |conn| {
            let tree = Tree::lock(conn, actor.account, id, revision).await?;
            let status = next(&tree)?;
            if status == Status::Archived && listing::withdraw_in_txn(conn, tree.account_id, tree.id, now).await? {
                audit::record(conn, &Entry::by(actor, "unlistTree", now).about(tree.id.encode())).await?;
            }
            let changed = diesel::update(trees::table.find((tree.account_id, tree.id)))
                .set((trees::status.eq(status.as_str()), trees::revision.eq(tree.revision + 1), trees::updated_at.eq(now)))
                .returning(Tree::as_returning())
                .get_result(conn)
                .await?;
            Ok(changed)
        })
        .await?;
    app.trees.forget(actor.account, id);
    Ok(changed)
}
