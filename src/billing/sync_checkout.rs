//! `syncCheckout`, for the page that the browser returns to: asks Stripe what came of the session, and applies it as the webhook would.
//! Whichever comes first, the other one finds that there is nothing left to do.

use stripe_billing::subscription::RetrieveSubscription;
use stripe_checkout::checkout_session::RetrieveCheckoutSession;

use super::apply::Source;
use super::checkout::Checkout;
use super::refetch::{apply_object, apply_subscription};
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Role};
use crate::stripe::object::CheckoutSession;

const MAX_ID: usize = 200;

pub async fn sync_checkout(app: &App, actor: &Actor, session: &str) -> Result<(), Error> {
    actor.require(Role::Owner)?;
    let unknown = || Refusal::at(Code::NotFound, "checkoutSessionId", "There is no such checkout of this account.");
    if session.len() > MAX_ID || session.contains('\0') {
        return Err(unknown().into());
    }
    let known = Checkout::of_session(&mut *app.db.conn().await?, session, None).await?;
    known.filter(|checkout| checkout.account_id == actor.account).ok_or_else(unknown)?;
    sync_session(app, session).await.map(|_| ())
}

/// How Stripe's page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    Open,
    Complete,
    Expired,
}

pub async fn sync_session(app: &App, session: &str) -> Result<Synced, Error> {
    let answer = app.stripe.read("retrieve_checkout_session", &RetrieveCheckoutSession::new(session)).await?;
    let told = CheckoutSession::read(&answer.body);
    let (kind, synced) = match told.status.as_deref() {
        Some("complete") => ("checkout.session.completed", Synced::Complete),
        Some("expired") => ("checkout.session.expired", Synced::Expired),
        // Nobody has paid yet.
        _ => return Ok(Synced::Open),
    };
    apply_object(app, kind, &answer, Source::Refetch).await?;
    if let Some(subscription) = told.subscription {
        let answer = app.stripe.read("retrieve_subscription", &RetrieveSubscription::new(subscription)).await?;
        apply_subscription(app, &answer, Source::Refetch).await?;
    }
    Ok(synced)
}
