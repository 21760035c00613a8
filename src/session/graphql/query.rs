//! Queries about sessions.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::input::SessionFilter;
use super::session::SessionObject;
use crate::error::Error;
use crate::graphql::connection::Connection;
use crate::graphql::page::PageArgs;
use crate::graphql::{actor, app};
use crate::id::{Id, SessionId};
use crate::session::list::{self, Filter};

#[derive(Default)]
pub struct SessionQuery;

#[Object]
impl SessionQuery {
    /// One session; null if there is none, or none that you may see.
    async fn session(&self, ctx: &Context<'_>, id: ID) -> Result<Option<SessionObject>, Error> {
        SessionObject::find(ctx, SessionId::decode(&id)?).await
    }

    /// Sessions that you may see, newest first.
    async fn sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<SessionFilter>,
    ) -> Result<Option<Connection<SessionObject, SessionTotal>>, Error> {
        let (app, actor) = (app(ctx)?, actor(ctx)?);
        let filter: Filter = filter.unwrap_or_default().try_into()?;
        let args = PageArgs { first, after, last, before };
        let slice = list::list(&mut *app.db.read().await?, actor, &filter, args).await?;
        Ok(Some(slice.connection(list::ORDER, SessionTotal(Arc::new(filter)), list::position, SessionObject)))
    }
}

/// What a list of sessions knows beside its page.
pub struct SessionTotal(Arc<Filter>);

#[Object]
impl SessionTotal {
    /// How many there are in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, Error> {
        list::count(&mut *app(ctx)?.db.read().await?, actor(ctx)?, &self.0).await
    }
}
