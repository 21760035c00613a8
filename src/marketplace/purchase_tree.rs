//! `purchaseTree`: a page on which a tree is paid, once. What it costs is the listing's word, and stays so once the page is open.

use super::listing::{self, Listing};
use super::price::Price;
use crate::app::App;
use crate::billing::checkout::{Checkout, NewCheckout, Purpose};
use crate::billing::open_checkout::{agreed, open_checkout};
use crate::billing::plan::Feature;
use crate::billing::purchase::{Purchase, Status};
use crate::billing::subscription_change::MAX_KEY;
use crate::billing::{entitlement, return_url};
use crate::db::Conn;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, TreeId};
use crate::identity::actor::{Actor, Requester, Role};
use crate::text;

#[derive(Clone, Debug)]
pub struct PurchaseTree {
    pub tree: TreeId,
    pub success_url: String,
    pub cancel_url: String,
    pub idempotency_key: Option<String>,
}

/// What is offered: the listing's terms.
#[derive(Clone, Debug)]
struct Offer {
    seller: AccountId,
    title: String,
    price: Price,
}

pub async fn purchase_tree(app: &App, actor: &Actor, from: &Requester, wish: PurchaseTree) -> Result<Checkout, Error> {
    actor.require(Role::Owner)?;
    actor.require_verified()?;
    let success_url = return_url::with_session(return_url::allowed(&app.config, "successUrl", &wish.success_url)?);
    let cancel_url = return_url::allowed(&app.config, "cancelUrl", &wish.cancel_url)?.to_string();
    let key = text::optional("idempotencyKey", wish.idempotency_key.as_deref(), MAX_KEY)?;
    let asked = NewCheckout {
        idempotency_key: key,
        tree_id: Some(wish.tree),
        ..NewCheckout::of(actor, Purpose::Purchase, success_url, cancel_url)
    };
    if let Some(known) = agreed(app, &asked).await? {
        return Ok(known);
    }
    let offer = on_sale(&mut *app.db.conn().await?, app, actor, wish.tree).await?;
    let checkout = NewCheckout {
        tree_account_id: Some(offer.seller),
        tree_title: Some(offer.title.clone()),
        amount: Some(offer.price.amount),
        currency: Some(offer.price.currency.clone()),
        ..asked
    };
    let (buyer, tree) = (actor.account, wish.tree);
    open_checkout(app, from, checkout, async |conn: &mut Conn| refuse(conn, buyer, tree, &offer).await.map(|()| Vec::new())).await
}

async fn on_sale(conn: &mut Conn, app: &App, actor: &Actor, tree: TreeId) -> Result<Offer, Error> {
    let listing = Listing::of_tree(conn, tree).await?.ok_or_else(not_on_sale)?;
    if listing.seller_id == actor.account {
        return Err(Refusal::at(Code::Invalid, "treeId", "This tree is your account's own.").into());
    }
    // The plan may have ended since the tree was listed.
    if !entitlement::load(conn, listing.seller_id, app.clock.now()).await?.plan.has(Feature::MarketplaceSelling) {
        return Err(Refusal::at(Code::WrongState, "treeId", "The seller's plan does not include selling at present.").into());
    }
    let price = Price { amount: listing.amount, currency: listing.currency };
    Ok(Offer { seller: listing.seller_id, title: listing.title, price })
}

/// In the transaction that writes the checkout: the account is locked, so no other checkout of it comes in between.
async fn refuse(conn: &mut Conn, buyer: AccountId, tree: TreeId, offer: &Offer) -> Result<(), Error> {
    if let Some(purchase) = Purchase::live(conn, buyer, tree).await? {
        let (code, sentence) = match purchase.status {
            Status::Pending => (Code::CheckoutOpen, "A payment for this tree is on its way: wait for it."),
            Status::Disputed => (Code::WrongState, "The payment for this tree is disputed: it can be bought anew when that is settled."),
            Status::Active | Status::Refunded | Status::Failed | Status::Expired => {
                (Code::WrongState, "This account has bought this tree already.")
            }
        };
        return Err(Refusal::at(code, "treeId", sentence).into());
    }
    match listing::share(conn, offer.seller, tree).await? {
        Some(price) if price == offer.price => Ok(()),
        Some(_) => Err(Refusal::at(Code::WrongState, "treeId", "The price has changed just now: look again.").into()),
        None => Err(not_on_sale().into()),
    }
}

fn not_on_sale() -> Refusal {
    Refusal::at(Code::NotFound, "treeId", "There is no such tree on sale.")
}
