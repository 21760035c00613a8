//! Live billing.

use std::time::Duration;

use async_graphql::{Context, Subscription};
use futures_util::{Stream, stream};
use tokio::sync::broadcast;

use crate::app::App;
use crate::db::notices::Notice;
use crate::error::Error;
use crate::graphql::{actor, app};
use crate::identity::account::Account;
use crate::identity::actor::Actor;
use crate::identity::graphql::AccountObject;

/// Between two tries while the database does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct BillingSubscription;

#[Subscription]
impl BillingSubscription {
    /// The viewer's account, now and after each change of its subscription, credits, purchases or sales.
    async fn billing_updated(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = AccountObject> + use<>, async_graphql::Error> {
        let (app, actor): (App, Actor) = (app(ctx)?.clone(), *actor(ctx)?);
        // Listens before it reads: what is written in between is then heard.
        let notices = app.notices.subscribe();
        Ok(stream::unfold((app, actor, notices, true), async |(app, actor, mut notices, first)| {
            if !first && !heard(&mut notices, &actor).await {
                return None;
            }
            loop {
                match read(&app, &actor).await {
                    Ok(account) => return Some((AccountObject::new(account?, &actor), (app, actor, notices, false))),
                    Err(error) => {
                        tracing::warn!(?error, "live billing could not be read; trying again");
                        tokio::time::sleep(ASK_AGAIN).await;
                    }
                }
            }
        }))
    }
}

/// Waits until something may have changed. False: nothing will be heard any more.
async fn heard(notices: &mut broadcast::Receiver<Notice>, actor: &Actor) -> bool {
    loop {
        match notices.recv().await {
            Ok(Notice::Billing(account)) if account == actor.account => return true,
            // Anything may have been missed.
            Ok(Notice::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => return true,
            Ok(Notice::Session(..) | Notice::Requester(_) | Notice::Tree(..) | Notice::Billing(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return false,
        }
    }
}

/// None: the account is gone.
async fn read(app: &App, actor: &Actor) -> Result<Option<Account>, Error> {
    Ok(Account::find_many(&mut *app.db.conn().await?, &[actor.account]).await?.pop())
}
