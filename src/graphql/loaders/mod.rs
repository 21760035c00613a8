//! Data loaders: what many fields of one request ask for is read in one statement a table. Made for each request, so nothing is
//! cached across tenants.

use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, Data};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::oneshot;

use crate::app::App;
use crate::error::Error;
use crate::identity::actor::Actor;

mod account;
mod batches;
mod bought;
mod category;
mod closure;
mod delivery;
mod draft;
mod identity;
mod invitation;
mod listing;
mod payment;
mod plan;
mod purchase;
mod resolved_rate;
mod session;
mod step;
mod subscription;
mod tree;
mod user;
mod version;
mod walked;

pub use account::Accounts;
pub use batches::Batches;
pub use bought::{Bought, BoughtVersions};
pub use category::{Categories, TreeCounts};
pub use closure::Closures;
pub use delivery::Deliveries;
pub use draft::Drafts;
pub use identity::Identities;
pub use invitation::Invitations;
pub use listing::Listings;
pub use payment::Payments;
pub use plan::Plans;
pub use purchase::Purchases;
pub use resolved_rate::ResolvedRates;
pub use session::Sessions;
pub use step::Steps;
pub use subscription::Subscriptions;
pub use tree::{Trees, TreesBySlug};
pub use user::Users;
pub use version::{VersionLists, Versions, VersionsAnywhere};
pub use walked::Walked;

/// One way to read many of a kind at once.
pub trait Loader: 'static {
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    type Value: Clone + Send + Sync + 'static;

    /// Those that are not there are left out.
    fn load(reader: &Reader, keys: &[Self::Key]) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, Error>> + Send;
}

/// For whom it is read.
pub struct Reader {
    app: App,
    actor: Option<Actor>,
}

impl Reader {
    /// Content belongs to an account. People do not: whoever was signed out may be signed in by a mutation, and then see themselves.
    fn actor(&self) -> Result<&Actor, Error> {
        self.actor.as_ref().ok_or(Error::Unauthenticated)
    }
}

/// The batches of one request that are being filled: one a loader, none where nobody asks.
struct Loaders {
    reader: Arc<Reader>,
    filling: Arc<Mutex<HashMap<TypeId, Box<dyn Any + Send>>>>,
    batches: Batches,
}

struct Batch<L: Loader> {
    keys: HashSet<L::Key>,
    answer: Shared<oneshot::Receiver<Answer<L>>>,
}

/// For all fields that waited for it.
type Answer<L> = Arc<Result<HashMap<<L as Loader>::Key, <L as Loader>::Value>, Error>>;

impl Loaders {
    async fn load<L: Loader>(&self, keys: impl Iterator<Item = L::Key>) -> Result<Answer<L>, Error> {
        let answer = {
            let mut filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
            let batch = filling.entry(TypeId::of::<L>()).or_insert_with(|| Box::new(self.batch::<L>()));
            let batch = batch.downcast_mut::<Batch<L>>().ok_or_else(|| Error::internal("a batch of another kind"))?;
            batch.keys.extend(keys);
            batch.answer.clone()
        };
        Ok(answer.await?)
    }

    /// A new batch.
    fn batch<L: Loader>(&self) -> Batch<L> {
        let (sender, answer) = oneshot::channel();
        let (reader, filling) = (self.reader.clone(), self.filling.clone());
        let close = move || {
            let batch = filling.lock().unwrap_or_else(PoisonError::into_inner).remove(&TypeId::of::<L>());
            let batch = batch.and_then(|batch| batch.downcast::<Batch<L>>().ok());
            let keys: Vec<L::Key> = batch.map(|batch| batch.keys.into_iter().collect()).unwrap_or_default();
            // Nobody waits for it any more when the request was ended.
            async move { drop(sender.send(Arc::new(L::load(&reader, &keys).await))) }.boxed()
        };
        self.batches.add(Box::new(close));
        Batch { keys: HashSet::new(), answer: answer.shared() }
    }
}

/// Puts fresh loaders into a request's data. Whoever runs the request runs what they return with it.
pub fn attach(data: &mut Data, app: &App, actor: Option<&Actor>) -> Batches {
    let batches = Batches::default();
    let reader = Arc::new(Reader { app: app.clone(), actor: actor.copied() });
    data.insert(Loaders { reader, filling: Arc::default(), batches: batches.clone() });
    batches
}

/// Loads one, if it is there.
pub async fn one<L: Loader>(ctx: &Context<'_>, key: L::Key) -> Result<Option<L::Value>, Error> {
    Ok(many::<L>(ctx, std::iter::once(key.clone())).await?.remove(&key))
}

/// Loads many; those that are not there are left out.
pub async fn many<L: Loader>(ctx: &Context<'_>, keys: impl Iterator<Item = L::Key>) -> Result<HashMap<L::Key, L::Value>, Error> {
    let keys: Vec<L::Key> = keys.collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let loaders = ctx.data_opt::<Loaders>().ok_or_else(|| Error::internal("the request came without loaders"))?;
    match &*loaders.load::<L>(keys.iter().cloned()).await? {
        Ok(found) => Ok(keys.into_iter().filter_map(|key| found.get(&key).cloned().map(|value| (key, value))).collect()),
        Err(Error::Unauthenticated) => Err(Error::Unauthenticated),
        // Each field that waited for it has an error of its own.
        Err(error) => Err(Error::internal(format!("{error:?}"))),
    }
}
