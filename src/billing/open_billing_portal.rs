//! `openBillingPortal`: Stripe's own page for cards, invoices and cancellation.

use stripe_billing::billing_portal_session::CreateBillingPortalSession;

use super::make_customer::make_customer;
use super::return_url;
use super::subscription_change::SubscriptionChange;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::object::field::text;

pub async fn open_billing_portal(app: &App, actor: &Actor, from: &Requester, return_url: &str) -> Result<String, Error> {
    actor.require(Role::Owner)?;
    let back = return_url::allowed(&app.config, "returnUrl", return_url)?.to_string();
    if !app.stripe.is_set_up() {
        return Err(Refusal::new(Code::StripeUnavailable, "payments are not set up on this server").into());
    }
    let change = SubscriptionChange::begin(app, actor, from, "openBillingPortal", &back, None).await?;
    let customer = make_customer(app, actor.account).await?;
    let request = CreateBillingPortalSession::new().customer(customer).return_url(back);
    let answer = app.stripe.write("create_portal_session", &request, &change.key("portal")).await?;
    change.finish(app).await?;
    text(&answer.body, "url").ok_or_else(|| Error::internal("Stripe made a portal session without a URL"))
}
