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

/// Returns when `actor` has lost access, has another role, or their token's time is over; never for anonymous senders, who have
/// nothing to lose. Whoever is shut out because of the time comes back with a new token.
pub async fn lost(app: &App, claim: &Claim, actor: Option<Actor>, request_id: &str) {
    let (Some(actor), Some(token)) = (actor, &claim.token) else { return pending().await };
    tokio::select! {
        () = changed(app, claim, actor, request_id) => {}
        () = expired(app, token) => {}
    }
}

async fn expired(app: &App, token: &str) {
    while let Some(bearer) = app.tokens.read(token, app.clock.now()) {
        let left = bearer.expires_at - app.clock.now();
        tokio::time::sleep(left.to_std().unwrap_or_default().max(Duration::from_millis(1))).await;
    }
}

async fn changed(app: &App, claim: &Claim, actor: Actor, request_id: &str) {
    let mut notices = app.notices.subscribe();
    loop {
        // Also at once: what changed before the subscription was not heard.
        match claim.resolve(app, true, request_id).await {
            // Whoever has proved their address meanwhile loses nothing: what asks for that asks anew each time.
            Ok(Some(now)) if (Actor { verified: actor.verified, ..now }) == actor => {}
            Ok(_) => return,
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
                Ok(Notice::Requester(_) | Notice::Tree(..) | Notice::Session(..) | Notice::Billing(_)) => {}
                Err(RecvError::Closed) => return pending().await,
            }
        }
    }
}
