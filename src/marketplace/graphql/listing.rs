//! What is on sale.

use async_graphql::{Context, ID, Object};

use crate::billing::graphql::plan::Money;
use crate::error::Error;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::PageArgs;
use crate::graphql::{actor, app, loaders};
use crate::id::{Id, ListingId};
use crate::marketplace::listing::Listing;
use crate::tree::graphql::CategoryObject;
use crate::tree::search;

#[derive(Clone)]
pub struct ListingObject(pub Listing);

/// A tree on sale.
#[Object(name = "Listing")]
impl ListingObject {
    /// What is known of it before it is bought.
    async fn tree(&self) -> ListedTree<'_> {
        ListedTree(&self.0)
    }

    /// What it costs, once and for the whole account.
    async fn price(&self) -> Money {
        Money { amount: self.0.amount, currency: self.0.currency.clone() }
    }

    /// The account that sells it.
    async fn seller(&self) -> &str {
        &self.0.seller
    }

    /// Whether your account has bought it, and may walk it.
    async fn purchased(&self, ctx: &Context<'_>) -> Result<bool, Error> {
        Ok(loaders::one::<loaders::Bought>(ctx, self.0.tree_id).await?.is_some())
    }
}

pub struct ListedTree<'a>(&'a Listing);

/// What a buyer sees before buying.
#[Object]
impl ListedTree<'_> {
    /// `tree_…`, for `purchaseTree`; once it is bought, for `startSession`.
    async fn id(&self) -> ID {
        self.0.tree_id.encode().into()
    }

    /// What it is called.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// What it is for, in a sentence or two.
    async fn summary(&self) -> Option<&str> {
        self.0.summary.as_deref()
    }

    /// Where it is filed.
    async fn category(&self, ctx: &Context<'_>) -> Result<Option<CategoryObject>, Error> {
        CategoryObject::load(ctx, self.0.category.as_deref()).await
    }

    /// How many nodes it has, without those of the trees that it calls.
    async fn node_count(&self) -> i32 {
        i32::try_from(self.0.node_count).unwrap_or(i32::MAX)
    }

    /// How many of its completed sessions have solved the problem, from 0 to 1; null before the first one.
    async fn resolved_rate(&self, ctx: &Context<'_>) -> Result<Option<f64>, Error> {
        loaders::one::<loaders::ResolvedRates>(ctx, (self.0.seller_id, self.0.tree_id)).await
    }
}

#[derive(Default)]
pub struct MarketplaceQuery;

#[Object]
impl MarketplaceQuery {
    /// Trees that other accounts sell, the newest first.
    async fn marketplace(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "Words of titles, summaries and tags. Forgives typos in titles.")] query: Option<String>,
    ) -> Result<Option<Connection<ListingObject>>, Error> {
        const ORDER: &str = "marketplace";
        let (app, actor) = (app(ctx)?, actor(ctx)?);
        let page = PageArgs::forward(first, after).page::<ListingId>(ORDER)?;
        let query = query.as_deref().map(str::trim).filter(|query| !query.is_empty());
        query.map(search::check).transpose()?;
        let rows = Listing::page(&mut *app.db.read().await?, actor.account, query, app.clock.now(), &page).await?;
        Ok(Some(page.cut(rows).connection(ORDER, EmptyFields, |row| row.id, ListingObject)))
    }
}
