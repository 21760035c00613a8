//! `unlistTree`: takes a tree off sale. Whoever has bought it keeps it, and whoever is on a payment page may still pay what was agreed.

use super::list_tree::not_found;
use super::listing;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, TreeId};
use crate::identity::actor::{Actor, Requester, Role};
use crate::identity::audit::{self, Entry};
use crate::tree::tree::Tree;

pub async fn unlist_tree(app: &App, actor: &Actor, from: &Requester, id: TreeId) -> Result<Tree, Error> {
    actor.require(Role::Admin)?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let tree = Tree::hold(conn, actor.account, id).await?.ok_or_else(not_found)?;
            if !listing::withdraw_in_txn(conn, actor.account, id, now).await? {
                return Err(Refusal::at(Code::WrongState, "treeId", "This tree is not on sale.").into());
            }
            audit::record(conn, &Entry::by(actor, "unlistTree", now).about(id.encode()).from(from)).await?;
            Ok(tree)
        })
        .await
}
