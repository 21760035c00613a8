//! Payment pages on the wire.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::change::SubscriptionPayload;
use crate::billing::buy_credits::{self, BuyCredits};
use crate::billing::checkout::Checkout;
use crate::billing::plan::Interval;
use crate::billing::start_checkout::{self, StartCheckout};
use crate::billing::{open_billing_portal, sync_checkout};
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::scalars::{DateTime, Url};
use crate::graphql::{actor, app, requester};

/// A page to pay on.
#[derive(SimpleObject)]
#[graphql(name = "Checkout")]
pub struct CheckoutObject {
    /// `cs_…`
    id: String,
    /// Send the browser here.
    url: Url,
    /// Nobody can pay on it afterwards.
    expires_at: DateTime,
}

/// A page to pay on, opened.
#[derive(SimpleObject)]
pub struct CheckoutPayload {
    /// The same for who asks for the same.
    checkout: Option<CheckoutObject>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl From<Checkout> for CheckoutPayload {
    fn from(row: Checkout) -> Self {
        let opened = row.provider_session_id.zip(row.url);
        let checkout = opened.map(|(id, url)| CheckoutObject { id, url: Url(url), expires_at: DateTime(row.expires_at) });
        Self { checkout, user_errors: Vec::new() }
    }
}

impl Payload for CheckoutPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { checkout: None, user_errors }
    }
}

/// A page of the payment provider's for cards, invoices and cancellation.
#[derive(SimpleObject)]
pub struct PortalPayload {
    /// Send the browser here.
    url: Option<Url>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl From<String> for PortalPayload {
    fn from(url: String) -> Self {
        Self { url: Some(Url(url)), user_errors: Vec::new() }
    }
}

impl Payload for PortalPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { url: None, user_errors }
    }
}

/// What somebody wants to subscribe to.
#[derive(InputObject)]
struct StartCheckoutInput {
    /// A plan on sale that costs something.
    plan_key: String,
    /// How often it is paid.
    #[graphql(default_with = "Interval::Month")]
    interval: Interval,
    /// How many people may belong to the account.
    #[graphql(default = 1)]
    seats: i32,
    /// Where the browser goes after the payment; the session's id is added as `session_id`, or takes the place of
    /// `{CHECKOUT_SESSION_ID}`.
    success_url: Url,
    /// Where the browser goes when somebody turns back.
    cancel_url: Url,
    /// Without one, the page lets people type one.
    promotion_code: Option<String>,
    /// Same key, same page.
    idempotency_key: Option<String>,
}

/// Which page.
#[derive(InputObject)]
struct SyncCheckoutInput {
    /// `cs_…`, as in the URL that the browser returned to.
    checkout_session_id: String,
}

/// How many credits.
#[derive(InputObject)]
struct BuyCreditsInput {
    /// One of `creditPacks`.
    pack_key: String,
    /// From 1 to 100.
    #[graphql(default = 1)]
    quantity: i32,
    /// Where the browser goes after the payment.
    success_url: Url,
    /// Where the browser goes when somebody turns back.
    cancel_url: Url,
    /// Same key, same page.
    idempotency_key: Option<String>,
}

/// Where to come back to.
#[derive(InputObject)]
struct OpenBillingPortalInput {
    /// A page of the app's.
    return_url: Url,
}

#[derive(Default)]
pub struct CheckoutMutation;

#[Object]
impl CheckoutMutation {
    /// Opens a page on which a plan is subscribed to and paid. For owners. Refused while a subscription lives.
    async fn start_checkout(&self, ctx: &Context<'_>, input: StartCheckoutInput) -> Result<CheckoutPayload, Error> {
        let wish = StartCheckout {
            plan_key: input.plan_key,
            interval: input.interval.as_str(),
            seats: input.seats,
            success_url: input.success_url.0,
            cancel_url: input.cancel_url.0,
            promotion_code: input.promotion_code,
            idempotency_key: input.idempotency_key,
        };
        let result = async { start_checkout::start_checkout(app(ctx)?, actor(ctx)?, requester(ctx)?, wish).await };
        answer(result.await.map(CheckoutPayload::from))
    }

    /// For the page the browser returns to: applies what the webhook would, once, if it has not arrived yet.
    async fn sync_checkout(&self, ctx: &Context<'_>, input: SyncCheckoutInput) -> Result<SubscriptionPayload, Error> {
        let result = async {
            let (app, actor) = (app(ctx)?, actor(ctx)?);
            sync_checkout::sync_checkout(app, actor, &input.checkout_session_id).await?;
            SubscriptionPayload::now(ctx, app, actor).await
        };
        answer(result.await)
    }

    /// Opens a page on which credits are paid. For owners.
    async fn buy_credits(&self, ctx: &Context<'_>, input: BuyCreditsInput) -> Result<CheckoutPayload, Error> {
        let wish = BuyCredits {
            pack_key: input.pack_key,
            quantity: input.quantity,
            success_url: input.success_url.0,
            cancel_url: input.cancel_url.0,
            idempotency_key: input.idempotency_key,
        };
        let result = async { buy_credits::buy_credits(app(ctx)?, actor(ctx)?, requester(ctx)?, wish).await };
        answer(result.await.map(CheckoutPayload::from))
    }

    /// Opens the payment provider's own page for cards, invoices and cancellation. For owners.
    async fn open_billing_portal(&self, ctx: &Context<'_>, input: OpenBillingPortalInput) -> Result<PortalPayload, Error> {
        let back = &input.return_url.0;
        let result = async { open_billing_portal::open_billing_portal(app(ctx)?, actor(ctx)?, requester(ctx)?, back).await };
        answer(result.await.map(PortalPayload::from))
    }
}
