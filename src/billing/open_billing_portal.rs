//! `openBillingPortal`: Stripe's own page for cards, invoices and cancellation.

use stripe_billing::billing_portal_session::CreateBillingPortalSession;

use super::customer::Customer;
use super::make_customer::make_customer;
use super::return_url;
use super::subscription::Subscription;
use super::subscription_change::SubscriptionChange;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;
use crate::identity::actor::{Actor, Requester, Role};
use crate::stripe::client::StripeError;
use crate::stripe::object::field::text;

pub async fn open_billing_portal(app: &App, actor: &Actor, from: &Requester, return_url: &str) -> Result<String, Error> {
    actor.require(Role::Owner)?;
    let back = return_url::allowed(&app.config, "returnUrl", return_url)?.to_string();
    app.stripe.require_set_up()?;
    let change = SubscriptionChange::begin(app, actor, from, "openBillingPortal", &back, None).await?;
    // Of the one who pays, of the one that checkouts use, and of a new one.
    let mut tries = 3;
    let answer = loop {
        tries -= 1;
        let customer = payer(app, actor.account).await?;
        let request = CreateBillingPortalSession::new().customer(customer.as_str()).return_url(back.as_str());
        match app.stripe.write("create_portal_session", &request, &change.key(&format!("portal:{customer}"))).await {
            // Deleted at Stripe, or Stripe's data is elsewhere now: the account becomes another customer.
            Err(StripeError::Refused(refused)) if refused.is_missing() && refused.names("customer") && tries > 0 => {
                Customer::bury(&mut *app.db.conn().await?, &app.clock, &customer, Some(actor.account)).await?;
            }
            // Nobody has saved its settings at Stripe; there is no code for that.
            Err(StripeError::Refused(refused)) if refused.status == 400 && refused.message.contains("default configuration") => {
                tracing::error!(cause = refused.message, "Stripe's billing portal has to be set up");
                return Err(Refusal::new(Code::StripeUnavailable, "The billing portal is not set up on this server yet.").into());
            }
            answer => break answer?,
        }
    };
    change.finish(app).await?;
    text(&answer.body, "url").ok_or_else(|| Error::internal("Stripe made a portal session without a URL"))
}

/// Who pays for the subscription that counts: where that was made elsewhere, perhaps not the customer that checkouts use.
async fn payer(app: &App, account: AccountId) -> Result<String, Error> {
    let conn = app.db.conn().await?;
    let rows = Subscription::of_account(&conn, account).await?;
    let counts = rows.iter().find(|row| row.is_primary && row.is_live());
    let customer = Customer::named(&conn, counts.and_then(|row| row.provider_customer_id.as_deref())).await?;
    drop(conn);
    match customer.filter(|customer| customer.account_id == Some(account) && customer.deleted_at.is_none()) {
        Some(customer) => Ok(customer.provider_customer_id),
        None => make_customer(app, account).await,
    }
}
