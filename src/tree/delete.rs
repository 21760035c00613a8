//! `deleteTree`: only while nothing depends on it. Sessions keep their versions, other trees what they call, and buyers what they have bought.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::select;
use diesel_async::RunQueryDsl;

use super::calls;
use super::tree::Tree;
use crate::app::App;
use crate::billing::purchase::Purchase;
use crate::db::Conn;
use crate::db::schema::{sessions, tree_versions, trees, version_pins};
use crate::error::{Code, Error, Refusal};
use crate::id::TreeId;
use crate::identity::actor::{Actor, Role};
use crate::marketplace::listing;

pub async fn delete(app: &App, actor: &Actor, id: TreeId, revision: i32) -> Result<TreeId, Error> {
    actor.require(Role::Admin)?;
    let now = app.clock.now();
    let deleted = app
        .db
        // Publishing a caller waits for the lock, and starting a session for the row: whoever comes second sees the other.
        .transaction_under(&calls::lock(actor.account), &async |conn| {
            let tree = Tree::lock(conn, actor.account, id, revision).await?;
            // Whoever is about to buy it holds the listing: this waits for them, and sees their checkout.
            listing::withdraw_in_txn(conn, tree.account_id, tree.id, now).await?;
            refuse_while_in_use(conn, &tree, now).await?;
            let row = trees::table.find((tree.account_id, tree.id));
            diesel::update(row).set(trees::published_version_id.eq(None::<uuid::Uuid>)).execute(conn).await?;
            let versions =
                tree_versions::table.filter(tree_versions::account_id.eq(tree.account_id)).filter(tree_versions::tree_id.eq(tree.id));
            diesel::delete(versions).execute(conn).await?;
            diesel::delete(row).execute(conn).await?;
            Ok(tree.id)
        })
        .await?;
    app.trees.forget(actor.account, id);
    Ok(deleted)
}

async fn refuse_while_in_use(conn: &mut Conn, tree: &Tree, now: DateTime<Utc>) -> Result<(), Error> {
    let walked = sessions::table.filter(sessions::tree_account_id.eq(tree.account_id)).filter(sessions::tree_id.eq(tree.id));
    if select(exists(walked)).get_result(conn).await? {
        return Err(in_use("Sessions have walked this tree, and keep its versions: archive it instead."));
    }
    if Purchase::is_sold(conn, tree.account_id, tree.id, now).await? {
        return Err(in_use("Other accounts have bought this tree, or are about to: archive it instead."));
    }
    let called =
        version_pins::table.filter(version_pins::callee_account_id.eq(tree.account_id)).filter(version_pins::callee_tree_id.eq(tree.id));
    if select(exists(called)).get_result(conn).await? {
        return Err(in_use("A published version of another tree calls this tree: archive it instead."));
    }
    Ok(())
}

fn in_use(message: &str) -> Error {
    Refusal::at(Code::InUse, "id", message).into()
}
