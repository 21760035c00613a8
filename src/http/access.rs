//! For connections that live long: whoever may no longer do what they could at their beginning is shut out at once.

use std::time::Duration;

use futures_util::future::pending;
use tokio::sync::broadcast::error::RecvError;

use super::requester::Claim;
use crate::app::App;
use crate::db::notices::Notice;
use crate::identity::actor::Actor;

/// Between two tries while the database does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Returns when `actor` has lost access, or has another role; never for anonymous senders, who have nothing to lose.
pub async fn lost(app: &App, claim: &Claim, actor: Option<Actor>, request_id: &str) {
    let Some(actor) = actor else { return pending().await };
    let mut notices = app.notices.subscribe();
    loop {
        // Also at once: what changed before the subscription was not heard.
        match claim.resolve(app, true, request_id).await {
            Ok(now) if now != Some(actor) => return,
            Ok(_) => {}
            // Nobody knows; so ask until somebody does.
            Err(_) => {
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
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
