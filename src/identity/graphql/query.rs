//! Queries about people.

use async_graphql::{Context, Object};

use super::viewer::Viewer;
use crate::error::Error;
use crate::graphql::requester;

#[derive(Default)]
pub struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// Who asks, and for which account. Null when signed out.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Option<Viewer>, Error> {
        Ok(requester(ctx)?.actor.map(Viewer))
    }
}
