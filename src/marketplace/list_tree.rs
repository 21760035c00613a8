//! `listTree`: puts a published tree on sale, or changes its price. Payment pages that are open keep the price that they show.

use super::listing;
use super::price::Price;
use crate::app::App;
use crate::billing::plan::Feature;
use crate::billing::{money, usage};
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, TreeId};
use crate::identity::actor::{Actor, Requester, Role};
use crate::identity::audit::{self, Entry};
use crate::tree::tree::{Status, Tree};

pub async fn list_tree(app: &App, actor: &Actor, from: &Requester, id: TreeId, price: Price) -> Result<Tree, Error> {
    actor.require(Role::Admin)?;
    actor.require_verified()?;
    price.check()?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            usage::require(conn, actor.account, Feature::MarketplaceSelling, now).await?;
            let tree = Tree::hold(conn, actor.account, id).await?.ok_or_else(not_found)?;
            match tree.status {
                Status::Published => {}
                Status::Draft => return Err(not_published("This tree was never published: publish it first.")),
                Status::Archived => return Err(not_published("This tree is archived: restore it first.")),
            }
            match listing::lock(conn, actor.account, id).await? {
                Some((_, known)) if known == price => return Ok(tree),
                Some((listing, _)) => listing::set_price(conn, listing, &price, now).await?,
                None => listing::insert(conn, &app.clock, actor.account, id, &price).await?,
            }
            let subject = format!("{} for {}", id.encode(), money::shown(price.amount, &price.currency));
            audit::record(conn, &Entry::by(actor, "listTree", now).about(subject).from(from)).await?;
            Ok(tree)
        })
        .await
}

pub fn not_found() -> Refusal {
    Refusal::at(Code::NotFound, "treeId", "There is no such tree in this account.")
}

fn not_published(message: &str) -> Error {
    Refusal::at(Code::NotPublished, "treeId", message).into()
}
