//! Queries about trees.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::input::{TreeFilter, TreeOrder, TreeRef};
use super::tree::{CategoryObject, TreeObject};
use crate::error::Error;
use crate::graphql::connection::{Connection, PageInfo};
use crate::graphql::page::{Cursor, PageArgs};
use crate::graphql::scalars::Json;
use crate::graphql::{actor, app, loaders};
use crate::tree::category::Category;
use crate::tree::list::{self, Filter, Order};
use crate::tree::search;
use crate::tree::template;
use crate::tree::tree;

#[derive(Default)]
pub struct TreeQuery;

#[Object]
impl TreeQuery {
    /// One tree of your account, or by its id one that it has bought; null if there is none, or none that you may see.
    async fn tree(&self, ctx: &Context<'_>, by: TreeRef) -> Result<Option<TreeObject>, Error> {
        match by.try_into()? {
            tree::TreeRef::Id(id) => TreeObject::find(ctx, id).await,
            tree::TreeRef::Slug(slug) => {
                let (actor, tree) = (actor(ctx)?, loaders::one::<loaders::TreesBySlug>(ctx, slug).await?);
                Ok(tree.filter(|tree| tree.visible_to(actor)).map(TreeObject))
            }
        }
    }

    /// The trees of your account that you may see.
    async fn trees(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<TreeFilter>,
        order_by: Option<TreeOrder>,
    ) -> Result<Option<Connection<TreeObject, TreeTotal>>, Error> {
        let (app, actor) = (app(ctx)?, actor(ctx)?);
        let filter: Filter = filter.unwrap_or_default().try_into()?;
        let order = Order::from(order_by);
        let args = PageArgs { first, after, last, before };
        let slice = list::list(&mut *app.db.read().await?, actor, &filter, order, args).await?;
        Ok(Some(slice.connection(order.name(), TreeTotal(Arc::new(filter)), |tree| order.position(tree), TreeObject)))
    }

    /// Full-text over titles, summaries, tags and node texts; forgives typos; lands on the node that matched.
    async fn search_trees(
        &self,
        ctx: &Context<'_>,
        query: String,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<Option<TreeSearchConnection>, Error> {
        let (app, actor) = (app(ctx)?, actor(ctx)?);
        let args = PageArgs::forward(first, after);
        let slice = search::search(&mut *app.db.read().await?, actor, &query, args).await?;
        let found = loaders::many::<loaders::Trees>(ctx, slice.rows.iter().map(|hit| hit.tree_id)).await?;
        let order = search::order(&query);
        let edges = slice.rows.into_iter().filter_map(|hit| {
            Some(TreeSearchEdge {
                node: TreeObject(found.get(&hit.tree_id)?.clone()),
                cursor: Cursor::seal(&order, &hit.position()).into(),
                score: hit.score,
                node_key: hit.node_key,
                snippet: Some(hit.snippet),
            })
        });
        let edges: Vec<_> = edges.collect();
        let page_info = PageInfo {
            has_next_page: slice.has_next,
            has_previous_page: slice.has_previous,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        Ok(Some(TreeSearchConnection { edges, page_info }))
    }

    /// Where trees are filed, by name.
    async fn categories(&self, ctx: &Context<'_>) -> Result<Option<Vec<CategoryObject>>, Error> {
        let (app, actor) = (app(ctx)?, actor(ctx)?);
        let counted = Category::counted(&mut *app.db.read().await?, actor).await?;
        Ok(Some(counted.into_iter().map(|counted| CategoryObject { category: counted.category, trees: Some(counted.trees) }).collect()))
    }

    /// Starting points shipped with the server.
    async fn templates(&self) -> Result<Vec<Template>, Error> {
        let shaped = template::all().iter().map(|template| {
            Ok(Template {
                key: &template.key,
                title: &template.title,
                summary: &template.summary,
                document: Json(serde_json::to_value(&template.document)?),
            })
        });
        shaped.collect()
    }
}

/// What a list of trees knows beside its page.
pub struct TreeTotal(Arc<Filter>);

#[Object]
impl TreeTotal {
    /// How many there are in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, Error> {
        list::count(&mut *app(ctx)?.db.read().await?, actor(ctx)?, &self.0).await
    }
}

/// A starting point for a new tree.
#[derive(SimpleObject)]
pub struct Template {
    /// For `createTree(source: {template})`.
    key: &'static str,
    /// What it is called.
    title: &'static str,
    /// What it is for.
    summary: &'static str,
    /// Its content.
    document: Json,
}

/// What a search found, best first.
#[derive(SimpleObject)]
pub struct TreeSearchConnection {
    /// One a tree.
    edges: Vec<TreeSearchEdge>,
    /// Where this page lies.
    page_info: PageInfo,
}

/// One tree that a search found.
#[derive(SimpleObject)]
pub struct TreeSearchEdge {
    /// The tree.
    node: TreeObject,
    /// For `after`.
    cursor: String,
    /// The higher, the better.
    score: f64,
    /// The node whose text matched; null if the tree's own title, tags or summary did.
    node_key: Option<String>,
    /// The words around the match.
    snippet: Option<String>,
}
