//! The schema: its roots, and what all types share. Each feature's types and resolvers live in its own `graphql` module.

use async_graphql::{Context, MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};

use self::node::NodeQuery;
use crate::app::App;
use crate::billing::graphql::change::ChangeMutation;
use crate::billing::graphql::checkout::CheckoutMutation;
use crate::billing::graphql::credits::CreditQuery;
use crate::billing::graphql::delivery::DeliveryMutation;
use crate::billing::graphql::live::BillingSubscription;
use crate::billing::graphql::plan::PlanQuery;
use crate::billing::graphql::plan_mutation::PlanMutation;
use crate::billing::graphql::staff::StaffMutation;
use crate::error::Error;
use crate::identity::actor::{Actor, Requester};
use crate::identity::graphql::{AccountMutation, EmailMutation, IdentityMutation, IdentityQuery};
use crate::marketplace::graphql::{MarketplaceMutation, MarketplaceQuery};
use crate::session::graphql::{SessionMutation, SessionQuery, SessionSubscription};
use crate::staff::graphql::StaffQuery;
use crate::tree::graphql::{TreeMutation, TreeQuery};

pub mod connection;
pub mod error;
pub mod guard; // what an operation may ask for
pub mod in_order; // a faster walk through objects whose fields are at hand
pub mod kept; // answers about what never changes
pub mod list_sizes;
pub mod loaders;
pub mod node; // anything by its id
pub mod page;
pub mod payload;
pub mod query_text; // the first look at a query
pub mod scalars;
pub mod shape; // the schema as the guard sees it
pub mod written; // values as the JSON that leaves

/// What can be read.
#[derive(MergedObject, Default)]
pub struct Query(NodeQuery, IdentityQuery, TreeQuery, SessionQuery, PlanQuery, CreditQuery, MarketplaceQuery, StaffQuery);

/// What can be done. Refusals are `userErrors`.
#[derive(MergedObject, Default)]
pub struct Mutation(
    IdentityMutation,
    EmailMutation,
    AccountMutation,
    TreeMutation,
    SessionMutation,
    CheckoutMutation,
    ChangeMutation,
    MarketplaceMutation,
    DeliveryMutation,
    StaffMutation,
    PlanMutation,
);

/// What can be watched, over SSE or graphql-transport-ws.
#[derive(MergedSubscription, Default)]
pub struct Subscription(SessionSubscription, BillingSubscription);

pub type FixpathSchema = Schema<Query, Mutation, Subscription>;

pub fn schema(app: &App) -> FixpathSchema {
    builder().data(app.clone()).data(kept::Answers::default()).finish()
}

/// The schema's text, sorted, so that a change of the code's order is no change of the API.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by();
    builder().finish().sdl_with_options(options)
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default()).disable_suggestions()
}

/// In the data of a mutation whose sender has used up their allowance: so many seconds are to wait.
pub struct OverLimit(pub u64);

/// What operations run with. A mutation beyond its sender's allowance does not get it, and answers why in its `userErrors`.
pub fn app<'a>(ctx: &Context<'a>) -> Result<&'a App, Error> {
    if let Some(OverLimit(seconds)) = ctx.data_opt() {
        return Err(Error::RateLimited(*seconds));
    }
    ctx.data_opt::<App>().ok_or_else(|| Error::internal("the schema was built without an app"))
}

/// Who asks, signed in or not.
pub fn requester<'a>(ctx: &Context<'a>) -> Result<&'a Requester, Error> {
    ctx.data_opt::<Requester>().ok_or_else(|| Error::internal("the request came without a requester"))
}

/// Who asks; signed out is an error.
pub fn actor<'a>(ctx: &Context<'a>) -> Result<&'a Actor, Error> {
    requester(ctx)?.actor()
}
