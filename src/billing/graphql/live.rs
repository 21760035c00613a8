//! Live billing.

use std::time::Duration;

use async_graphql::{Context, Subscription};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::broadcast;

use crate::db::notices::Notice;
use crate::error::Error;
use crate::graphql::{actor, app};
use crate::identity::account::Account;
use crate::identity::graphql::AccountObject;

/// Between two tries while the database does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct BillingSubscription;

#[Subscription]
impl BillingSubscription {
    /// The viewer's account now, then after each change of its subscription, credits or purchases.
    async fn billing_updated(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = AccountObject> + use<>, async_graphql::Error> {
        Ok(watch(ctx).await?)
    }
}

async fn watch(ctx: &Context<'_>) -> Result<impl Stream<Item = AccountObject> + use<>, Error> {
    let (app, actor) = (app(ctx)?.clone(), *actor(ctx)?);
    // Listens before the first answer is read: what is written in between is then heard.
    let notices = app.notices.subscribe();
    Ok(stream::unfold((app, actor, notices, true), move |(app, actor, mut notices, mut heard)| async move {
        loop {
            if !heard {
                match notices.recv().await {
                    Ok(Notice::Billing(account)) if account == actor.account => {}
                    // Anything may have been missed: read again.
                    Ok(Notice::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Ok(_) => continue,
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
            let found = async {
                let mut conn = app.db.conn().await?;
                Ok::<_, Error>(Account::find_many(&mut conn, &[actor.account]).await?.pop())
            };
            match found.await {
                Ok(None) => return None,
                Ok(Some(account)) => return Some((AccountObject::new(account, &actor), (app, actor, notices, false))),
                // What was heard is not forgotten: it is read when the database can.
                Err(error) => {
                    tracing::warn!(?error, "a live account could not be read; trying again");
                    tokio::time::sleep(ASK_AGAIN).await;
                    heard = true;
                }
            }
        }
    })
    .boxed())
}
