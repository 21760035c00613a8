//! For connections that live long: whoever may no longer do what they could at their beginning is shut out at once.

use futures_util::future::pending;
use tokio::sync::broadcast::error::RecvError;

use super::requester::Claim;
use crate::app::App;
use crate::db::notices::Notice;
use crate::identity::actor::Actor;

/// Returns when `actor` has lost access, or has another role; never for anonymous senders, who have nothing to lose.
pub async fn lost(app: &App, claim: &Claim, actor: Option<Actor>, request_id: &str) {
    let Some(actor) = actor else { return pending().await };
    let mut notices = app.notices.subscribe();
    loop {
        // Also at once: what changed before the subscription was not heard. While the database is away nobody knows; the notice that
        // follows its return asks again.
        if let Ok(now) = claim.resolve(app, true, request_id).await
            && now != Some(actor)
        {
            return;
        }
        loop {
            match notices.recv().await {
                Ok(Notice::Requester(user)) if user == actor.user => break,
                Ok(Notice::Resync) | Err(RecvError::Lagged(_)) => break,
                Ok(Notice::Requester(_) | Notice::Session(..) | Notice::Billing(_)) => {}
                Err(RecvError::Closed) => return pending().await,
            }
        }
    }
}
