//! Live sessions.

use std::time::Duration;

use async_graphql::{Context, ID, Subscription};
use futures_util::{Stream, stream};
use tokio::sync::broadcast;

use super::session::SessionObject;
use crate::db::notices::Notice;
use crate::error::Error;
use crate::graphql::{actor, app};
use crate::id::{Id, SessionId};
use crate::session::session::Session;

/// Between two tries while the database does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct SessionSubscription;

#[Subscription]
impl SessionSubscription {
    /// Each step of a session, to everybody who may see it: the session now, then after every change.
    async fn session_updated(&self, ctx: &Context<'_>, id: ID) -> Result<impl Stream<Item = SessionObject> + use<>, async_graphql::Error> {
        Ok(watch(ctx, &id).await?)
    }
}

async fn watch(ctx: &Context<'_>, id: &str) -> Result<impl Stream<Item = SessionObject> + use<>, Error> {
    let (app, actor, id) = (app(ctx)?.clone(), *actor(ctx)?, SessionId::decode(id)?);
    // Listens before it reads: what is written in between is then heard.
    let notices = app.notices.subscribe();
    let first = read(&app, &actor, id).await?.ok_or_else(|| Error::BadInput("there is no such session".into()))?;
    let seen = first.state.revision;
    let later = stream::unfold((app, actor, notices, seen), move |(app, actor, mut notices, seen)| async move {
        let mut heard = false;
        loop {
            if !heard {
                match notices.recv().await {
                    Ok(Notice::Session(account, session)) if (account, session) == (actor.account, id) => {}
                    // Anything may have been missed: read again.
                    Ok(Notice::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Ok(Notice::Session(..) | Notice::Requester(_) | Notice::Tree(..) | Notice::Billing(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
            heard = false;
            match read(&app, &actor, id).await {
                // Handed over to somebody else, for those who see only their own.
                Ok(None) => return None,
                Ok(Some(session)) if session.state.revision == seen => continue,
                Ok(Some(session)) => {
                    let seen = session.state.revision;
                    return Some((SessionObject(session), (app, actor, notices, seen)));
                }
                // What was heard is not forgotten: it is read when the database can.
                Err(error) => {
                    tracing::warn!(?error, "a live session could not be read; trying again");
                    tokio::time::sleep(ASK_AGAIN).await;
                    heard = true;
                }
            }
        }
    });
    let now = stream::once(std::future::ready(SessionObject(first)));
    Ok(futures_util::StreamExt::chain(now, later))
}

async fn read(app: &crate::app::App, actor: &crate::identity::actor::Actor, id: SessionId) -> Result<Option<Session>, Error> {
    let session = Session::find(&mut *app.db.conn().await?, actor.account, id).await?;
    Ok(session.filter(|session| session.visible_to(actor)))
}
