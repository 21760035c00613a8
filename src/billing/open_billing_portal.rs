//! `openBillingPortal`: Stripe's own page for cards, invoices and cancellation.

use stripe_billing::billing_portal_session::CreateBillingPortalSession;

use super::customer::Customer;
use super::make_customer::make_customer;
use super::return_url;
use super::subscription_change::SubscriptionChange;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::client::StripeError;
use crate::stripe::object::field::text;

pub async fn open_billing_portal(app: &App, actor: &Actor, from: &Requester, return_url: &str) -> Result<String, Error> {
    actor.require(Role::Owner)?;
    let back = return_url::allowed(&app.config, "returnUrl", return_url)?.to_string();
    if !app.stripe.is_set_up() {
        return Err(Refusal::new(Code::StripeUnavailable, "payments are not set up on this server").into());
    }
    let change = SubscriptionChange::begin(app, actor, from, "openBillingPortal", &back, None).await?;
    let mut tries = 2;
    let answer = loop {
        tries -= 1;
        let customer = make_customer(app, actor.account).await?;
        let request = CreateBillingPortalSession::new().customer(customer.as_str()).return_url(back.as_str());
        match app.stripe.write("create_portal_session", &request, &change.key(&format!("portal:{customer}"))).await {
            // Deleted at Stripe, or Stripe's data is elsewhere now: the account becomes another customer.
            Err(StripeError::Refused(refused)) if refused.is_missing() && refused.names("customer") && tries > 0 => {
                Customer::bury(&mut *app.db.conn().await?, &app.clock, &customer, Some(actor.account)).await?;
            }
            answer => break answer?,
        }
    };
    change.finish(app).await?;
    text(&answer.body, "url").ok_or_else(|| Error::internal("Stripe made a portal session without a URL"))
}
