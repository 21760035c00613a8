//! Data loaders: what many fields of one request ask for is read in one statement a table. Made for each request, so nothing is
//! cached across tenants.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::{Context, Data};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
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
mod entitled;
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
use batches::Batch;
pub use batches::Batches;
pub use bought::{Bought, BoughtVersions};
pub use category::{Categories, TreeCounts};
pub use closure::Closures;
pub use delivery::Deliveries;
pub use draft::Drafts;
pub use entitled::Entitled;
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
pub use tree::{SessionCounts, Trees, TreesBySlug};
pub use user::Users;
pub use version::{VersionLists, Versions, VersionsAnywhere};
pub use walked::Walked;

/// One way to read many of a kind at once.
pub trait Loader: Send + 'static {
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    type Value: Clone + Send + Sync + 'static;

    /// Whether it reads for the signed out, too: what whoever is signed in by this very request sees of themselves.
    const FOR_ANYBODY: bool = false;

    /// Those that are not there are left out.
    fn load(reader: &Reader, keys: &[Self::Key]) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, Error>> + Send;
}

/// For whom it is read.
pub struct Reader {
    app: App,
    actor: Option<Actor>,
}

impl Reader {
    fn actor(&self) -> Result<&Actor, Error> {
        self.actor.as_ref().ok_or(Error::Unauthenticated)
    }
}

struct Loaders {
    reader: Arc<Reader>,
    batches: Batches,
}

/// Keys that are asked for, and who waits for the answer.
struct Filling<L: Loader> {
    reader: Arc<Reader>,
    keys: HashSet<L::Key>,
    waiting: Vec<oneshot::Sender<Answer<L>>>,
}

/// For all fields that waited for it.
type Answer<L> = Arc<Result<HashMap<<L as Loader>::Key, <L as Loader>::Value>, Error>>;

impl<L: Loader> Batch for Filling<L> {
    fn read(self: Box<Self>) -> BoxFuture<'static, ()> {
        let read = async move {
            let keys: Vec<L::Key> = self.keys.into_iter().collect();
            let answer = Arc::new(L::load(&self.reader, &keys).await);
            for field in self.waiting {
                // A field may have ended meanwhile, for another one's error.
                field.send(answer.clone()).ok();
            }
        };
        read.boxed()
    }
}

/// Puts fresh loaders into a request's data. Whoever runs the request runs what they return with it.
pub fn attach(data: &mut Data, app: &App, actor: Option<&Actor>) -> Batches {
    let batches = Batches::default();
    let reader = Arc::new(Reader { app: app.clone(), actor: actor.copied() });
    data.insert(Loaders { reader, batches: batches.clone() });
    batches
}

/// Loads one, if it is there.
pub async fn one<L: Loader>(ctx: &Context<'_>, key: L::Key) -> Result<Option<L::Value>, Error> {
    let answer = load::<L>(ctx, [key.clone()]).await?;
    Ok(found::<L>(&answer)?.get(&key).cloned())
}

/// Loads many; those that are not there are left out.
pub async fn many<L: Loader>(ctx: &Context<'_>, keys: impl Iterator<Item = L::Key>) -> Result<HashMap<L::Key, L::Value>, Error> {
    let keys: Vec<L::Key> = keys.collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let answer = load::<L>(ctx, keys.iter().cloned()).await?;
    let found = found::<L>(&answer)?;
    Ok(keys.into_iter().filter_map(|key| found.get(&key).cloned().map(|value| (key, value))).collect())
}

async fn load<L: Loader>(ctx: &Context<'_>, keys: impl IntoIterator<Item = L::Key>) -> Result<Answer<L>, Error> {
    let loaders = ctx.data_opt::<Loaders>().ok_or_else(|| Error::internal("the request came without loaders"))?;
    if !L::FOR_ANYBODY {
        loaders.reader.actor()?;
    }
    let (field, answer) = oneshot::channel();
    let empty = || Filling::<L> { reader: loaders.reader.clone(), keys: HashSet::new(), waiting: Vec::new() };
    loaders.batches.fill(empty, |batch| {
        batch.keys.extend(keys);
        batch.waiting.push(field);
    });
    Ok(answer.await?)
}

/// Each field that waited has an error of its own.
fn found<L: Loader>(answer: &Answer<L>) -> Result<&HashMap<L::Key, L::Value>, Error> {
    match &**answer {
        Ok(found) => Ok(found),
        Err(Error::Internal(cause)) => Err(Error::internal(format!("{cause:?}"))),
        Err(error) => Err(Error::internal(format!("{error:?}"))),
    }
}
