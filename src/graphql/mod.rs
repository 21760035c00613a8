//! The schema: its roots, and what all types share. Each feature's types and resolvers live in its own `graphql.rs`.

use async_graphql::{EmptySubscription, MergedObject, Schema};

use crate::app::App;

pub mod error;
pub mod guard; // what an operation may ask for
pub mod list_sizes;
pub mod page;
pub mod payload;
pub mod scalars;
pub mod shape; // the schema as the guard sees it
pub mod text;

#[derive(MergedObject, Default)]
pub struct Query(Health);

#[derive(Default)]
struct Health;

#[async_graphql::Object]
impl Health {
    /// To be replaced by the features' queries.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

pub type FixpathSchema = Schema<Query, async_graphql::EmptyMutation, EmptySubscription>;

pub fn schema(app: &App) -> FixpathSchema {
    Schema::build(Query::default(), async_graphql::EmptyMutation, EmptySubscription).data(app.clone()).disable_suggestions().finish()
}
