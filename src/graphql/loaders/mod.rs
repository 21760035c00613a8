//! Data loaders: what many fields of one request ask for is read in one statement a table. Made for each request, so nothing is
//! cached across tenants.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader, NoCache};
use async_graphql::{Context, Data};

use crate::app::App;
use crate::error::Error;
use crate::identity::actor::Actor;

pub mod account;
mod batches;
pub mod bought;
pub mod category;
pub mod closure;
pub mod delivery;
pub mod draft;
pub mod identity;
pub mod invitation;
pub mod listing;
pub mod payment;
pub mod plan;
pub mod purchase;
pub mod resolved_rate;
pub mod session;
pub mod step;
pub mod subscription;
pub mod tree;
pub mod user;
pub mod version;
pub mod walked;

pub use batches::Batches;

pub struct Loaders {
    pub bought: DataLoader<bought::Bought, NoCache>,
    pub categories: DataLoader<category::Categories, NoCache>,
    pub closures: DataLoader<closure::Closures, NoCache>,
    pub deliveries: DataLoader<delivery::Deliveries, NoCache>,
    pub drafts: DataLoader<draft::Drafts, NoCache>,
    pub invitations: DataLoader<invitation::Invitations, NoCache>,
    pub listings: DataLoader<listing::Listings, NoCache>,
    pub payments: DataLoader<payment::Payments, NoCache>,
    pub plans: DataLoader<plan::Plans, NoCache>,
    pub purchases: DataLoader<purchase::Purchases, NoCache>,
    pub resolved_rates: DataLoader<resolved_rate::ResolvedRates, NoCache>,
    pub sessions: DataLoader<session::Sessions, NoCache>,
    pub steps: DataLoader<step::Steps, NoCache>,
    pub subscriptions: DataLoader<subscription::Subscriptions, NoCache>,
    pub tree_counts: DataLoader<category::TreeCounts, NoCache>,
    pub trees: DataLoader<tree::Trees, NoCache>,
    pub versions: DataLoader<version::PublishedVersions, NoCache>,
    pub walked: DataLoader<walked::Walked, NoCache>,
}

impl Loaders {
    /// For requests that speak for an account. Drafts, trees and versions are its own, what it has bought leads to others', and the
    /// marketplace is everybody's.
    fn new(app: &App, actor: &Actor, batches: &Batches) -> Self {
        let account = actor.account;
        Self {
            bought: batched(batches, bought::Bought(app.clone(), account)),
            categories: batched(batches, category::Categories(app.clone())),
            closures: batched(batches, closure::Closures(app.clone())),
            deliveries: batched(batches, delivery::Deliveries(app.clone())),
            drafts: batched(batches, draft::Drafts(app.clone(), account)),
            invitations: batched(batches, invitation::Invitations(app.clone())),
            listings: batched(batches, listing::Listings(app.clone())),
            payments: batched(batches, payment::Payments(app.clone(), account)),
            plans: batched(batches, plan::Plans(app.clone())),
            purchases: batched(batches, purchase::Purchases(app.clone())),
            resolved_rates: batched(batches, resolved_rate::ResolvedRates(app.clone())),
            sessions: batched(batches, session::Sessions(app.clone(), account)),
            steps: batched(batches, step::Steps(app.clone(), account)),
            subscriptions: batched(batches, subscription::Subscriptions(app.clone(), account)),
            tree_counts: batched(batches, category::TreeCounts(app.clone(), *actor)),
            trees: batched(batches, tree::Trees(app.clone(), account)),
            versions: batched(batches, version::PublishedVersions(app.clone(), account)),
            walked: batched(batches, walked::Walked(app.clone())),
        }
    }
}

/// People and accounts: for all requests, since whoever was signed out may be signed in by a mutation, and then see themselves.
pub struct People {
    pub accounts: DataLoader<account::Accounts, NoCache>,
    pub identities: DataLoader<identity::Identities, NoCache>,
    pub users: DataLoader<user::Users, NoCache>,
}

/// Puts fresh loaders into a request's data. Whoever runs the request runs what they return with it.
pub fn attach(data: &mut Data, app: &App, actor: Option<&Actor>) -> Batches {
    let batches = Batches::default();
    let account = actor.map(|actor| actor.account);
    let people = People {
        accounts: batched(&batches, account::Accounts(app.clone())),
        identities: batched(&batches, identity::Identities(app.clone())),
        users: batched(&batches, user::Users(app.clone(), account)),
    };
    data.insert(people);
    if let Some(actor) = actor {
        data.insert(Loaders::new(app, actor, &batches));
    }
    batches
}

fn batched<L>(batches: &Batches, loader: L) -> DataLoader<L, NoCache> {
    let batches = batches.clone();
    DataLoader::new(loader, move |batch| batches.add(batch)).delay(Duration::ZERO)
}

/// The loaders of a signed-in request.
pub fn of<'a>(ctx: &Context<'a>) -> Result<&'a Loaders, Error> {
    ctx.data_opt::<Loaders>().ok_or(Error::Unauthenticated)
}

/// The loaders of people and accounts.
pub fn people<'a>(ctx: &Context<'a>) -> Result<&'a People, Error> {
    ctx.data_opt::<People>().ok_or_else(|| Error::internal("the request came without loaders"))
}

/// Loads one key. A loader's error is shared by all fields that waited for it, so only its text is kept.
pub async fn one<K, L>(loader: &DataLoader<L, NoCache>, key: K) -> Result<Option<L::Value>, Error>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
    L: Loader<K, Error = Shared>,
{
    loader.load_one(key).await.map_err(|Shared(message)| Error::internal(message))
}

/// Loads many keys; those that are not there are left out.
pub async fn many<K, L>(loader: &DataLoader<L, NoCache>, keys: impl Iterator<Item = K>) -> Result<HashMap<K, L::Value>, Error>
where
    K: Send + Sync + std::hash::Hash + Eq + Clone + 'static,
    L: Loader<K, Error = Shared>,
{
    loader.load_many(keys).await.map_err(|Shared(message)| Error::internal(message))
}

/// Why a batch failed, as many times as fields waited for it.
#[derive(Clone)]
pub struct Shared(String);

impl From<Error> for Shared {
    fn from(error: Error) -> Self {
        Self(format!("{error:?}"))
    }
}

impl From<diesel::result::Error> for Shared {
    fn from(error: diesel::result::Error) -> Self {
        Self(error.to_string())
    }
}
