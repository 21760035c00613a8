//! Buying and selling.

use async_graphql::{Context, ID, InputObject, Object};

use crate::billing::graphql::checkout::CheckoutPayload;
use crate::billing::graphql::plan_mutation::MoneyInput;
use crate::error::Error;
use crate::graphql::payload::answer;
use crate::graphql::scalars::Url;
use crate::graphql::{actor, app, requester};
use crate::id::{Id, TreeId};
use crate::marketplace::price::Price;
use crate::marketplace::purchase_tree::{self, PurchaseTree};
use crate::marketplace::{list_tree, unlist_tree};
use crate::tree::graphql::TreePayload;

/// What to sell.
#[derive(InputObject)]
struct ListTreeInput {
    /// A published tree of your account.
    tree_id: ID,
    /// What it costs, once and for a whole account.
    price: MoneyInput,
}

/// What to sell no longer.
#[derive(InputObject)]
struct UnlistTreeInput {
    /// A tree on sale.
    tree_id: ID,
}

/// What to buy.
#[derive(InputObject)]
struct PurchaseTreeInput {
    /// As the marketplace names it.
    tree_id: ID,
    /// Where the browser goes after the payment; the session's id is added as `session_id`, or takes the place of
    /// `{CHECKOUT_SESSION_ID}`.
    success_url: Url,
    /// Where the browser goes when somebody turns back.
    cancel_url: Url,
    /// Same key, same page.
    idempotency_key: Option<String>,
}

#[derive(Default)]
pub struct MarketplaceMutation;

#[Object]
impl MarketplaceMutation {
    /// Puts a published tree on sale, or changes its price. For admins with a verified address, on a plan that includes selling.
    async fn list_tree(&self, ctx: &Context<'_>, input: ListTreeInput) -> Result<TreePayload, Error> {
        let listed = async {
            let price = Price { amount: input.price.amount, currency: input.price.currency };
            list_tree::list_tree(app(ctx)?, actor(ctx)?, requester(ctx)?, TreeId::decode(&input.tree_id)?, price).await
        };
        answer(listed.await.map(TreePayload::from))
    }

    /// Takes a tree off sale. Whoever has bought it keeps it.
    async fn unlist_tree(&self, ctx: &Context<'_>, input: UnlistTreeInput) -> Result<TreePayload, Error> {
        let unlisted = async { unlist_tree::unlist_tree(app(ctx)?, actor(ctx)?, requester(ctx)?, TreeId::decode(&input.tree_id)?).await };
        answer(unlisted.await.map(TreePayload::from))
    }

    /// Opens a page on which a listed tree is paid, once for the whole account. For owners. After a refund of the whole, or while the payment
    /// is disputed, no session can be started; sessions that began go on, and stay readable.
    async fn purchase_tree(&self, ctx: &Context<'_>, input: PurchaseTreeInput) -> Result<CheckoutPayload, Error> {
        let opened = async {
            let wish = PurchaseTree {
                tree: TreeId::decode(&input.tree_id)?,
                success_url: input.success_url.0,
                cancel_url: input.cancel_url.0,
                idempotency_key: input.idempotency_key,
            };
            purchase_tree::purchase_tree(app(ctx)?, actor(ctx)?, requester(ctx)?, wish).await
        };
        answer(opened.await.map(CheckoutPayload::from))
    }
}
