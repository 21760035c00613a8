//! A payment page for whatever somebody wants to buy. First our own row, which says what is offered; then the customer; then the
//! session at Stripe, made from the row alone under keys of the row. So whoever asks at the same time gets the same page, and what was
//! lost on the way is found by asking again. One page is open for each purpose: another wish closes the one before.

use std::collections::HashMap;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionDiscounts, CreateCheckoutSessionInvoiceCreation,
    CreateCheckoutSessionInvoiceCreationInvoiceData, CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData, CreateCheckoutSessionSubscriptionData, ExpireCheckoutSession, ProductData,
};
use stripe_shared::CheckoutSessionMode;

use super::alter::NOT_NOW;
use super::checkout::{Checkout, NewCheckout, OPEN, Purpose, Unpaid};
use super::customer::Customer;
use super::give_up_refused::give_up_refused;
use super::make_customer::make_customer;
use super::offer::Offer;
use super::offer_plans::{forget_plan, offered};
use super::sync_checkout::{Synced, sync_session};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::checkouts;
use crate::error::{Code, Error, Refusal};
use crate::id::Id;
use crate::identity::account::Account;
use crate::identity::actor::Requester;
use crate::identity::audit;
use crate::stripe::client::{Answer, Refused, StripeError};
use crate::stripe::object::CheckoutSession;

/// Stripe's limits are half an hour and a day, by its own clock.
const LIFETIME: TimeDelta = TimeDelta::hours(23);
/// With less than this left, a page is not given to anybody any more.
const USEFUL: TimeDelta = TimeDelta::hours(1);
/// How often a page of another wish may stand in the way: somebody asks for two things in turns.
const TURNS: u32 = 3;

/// The page that this key has opened before, as it was agreed then: whoever repeats a key gets the same one, whatever became of what is
/// on sale. Of the wish, only what the client names is looked at.
pub async fn agreed(app: &App, wish: &NewCheckout) -> Result<Option<Checkout>, Error> {
    if wish.idempotency_key.is_none() {
        return Ok(None);
    }
    match app.db.transaction(async |conn| lock_and_find(conn, wish).await).await? {
        Some(known) => with_page(app, known).await.map(Some),
        None => Ok(None),
    }
}

/// Opens the page, or finds the one that is open for the same. `refuse` is asked in the transaction that writes the row, and tells what
/// has to be given up first.
pub async fn open_checkout<F>(app: &App, from: &Requester, wish: NewCheckout, refuse: F) -> Result<Checkout, Error>
where
    F: AsyncFn(&mut Conn) -> Result<Vec<Unpaid>, Error> + for<'conn> Refuse<'conn> + Send + Sync,
{
    app.stripe.require_set_up()?;
    for _ in 0..TURNS {
        match begin(app, from, &wish, &refuse).await? {
            Begun::Row(row) => return with_page(app, row).await,
            Begun::InTheWay(other) => close(app, other).await?,
            Begun::Unpaid(unpaid) => give_up_refused(app, wish.account_id, &unpaid).await?,
        }
    }
    Err(Refusal::new(Code::CheckoutOpen, "another checkout is being opened at the same time: try again").into())
}

/// Says that the closure's future can move between threads.
pub trait Refuse<'conn>: Fn(&'conn mut Conn) -> Self::Future {
    type Future: Future<Output = Result<Vec<Unpaid>, Error>> + Send;
}

impl<'conn, F, Fut> Refuse<'conn> for F
where
    F: Fn(&'conn mut Conn) -> Fut,
    Fut: Future<Output = Result<Vec<Unpaid>, Error>> + Send,
{
    type Future = Fut;
}

enum Begun {
    Row(Checkout),
    /// A page for something else, to be closed first.
    InTheWay(Checkout),
    /// What was never paid, to be given up first.
    Unpaid(Vec<Unpaid>),
}

async fn begin<F>(app: &App, from: &Requester, wish: &NewCheckout, refuse: &F) -> Result<Begun, Error>
where
    F: AsyncFn(&mut Conn) -> Result<Vec<Unpaid>, Error> + for<'conn> Refuse<'conn> + Send + Sync,
{
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            // Somebody may have asked with the same key at the same time.
            if let Some(known) = lock_and_find(conn, wish).await? {
                return Ok(Begun::Row(known));
            }
            let unpaid = refuse(conn).await?;
            if !unpaid.is_empty() {
                return Ok(Begun::Unpaid(unpaid));
            }
            if let Some(open) = Checkout::open(conn, wish.account_id, wish.purpose).await? {
                let keyed = wish.idempotency_key.is_some();
                if !keyed && wish.is_for(&open) && open.expires_at > now + USEFUL {
                    return Ok(Begun::Row(open));
                }
                return Ok(Begun::InTheWay(open));
            }
            let row = Checkout::insert(conn, &app.clock, wish, now + LIFETIME).await?;
            let (account, actor) = (Some(wish.account_id), Some(wish.user_id));
            let line = audit::Entry { account, actor, ..audit::Entry::new(wish.purpose.operation(), now) };
            audit::record(conn, &line.about(row.id.encode()).from(from)).await?;
            Ok(Begun::Row(row))
        })
        .await
}

/// The account stays locked: all that open a checkout for it, one after the other. The checkout of the wish's key, if it was used.
async fn lock_and_find(conn: &mut Conn, wish: &NewCheckout) -> Result<Option<Checkout>, Error> {
    Account::lock(conn, wish.account_id).await?.ok_or(Error::Unauthenticated)?.require_staying()?;
    let Some(key) = &wish.idempotency_key else { return Ok(None) };
    let Some(known) = Checkout::of_key(conn, wish.account_id, key).await? else { return Ok(None) };
    if !wish.names(&known) {
        return Err(Refusal::at(Code::Invalid, "idempotencyKey", "This key was used for another checkout.").into());
    }
    if known.status != OPEN && known.url.is_none() {
        let message = format!("The checkout of this key is {} already: ask with another key.", known.status);
        return Err(Refusal::at(Code::WrongState, "idempotencyKey", message).into());
    }
    Ok(Some(known))
}

/// So that nobody pays on two pages: what cannot be closed any more was paid, and is applied instead.
async fn close(app: &App, open: Checkout) -> Result<(), Error> {
    let id = open.id;
    if open.expires_at <= app.clock.now() && open.provider_session_id.is_none() {
        return set_expired(app, &open).await;
    }
    // Made by somebody who has not heard the answer, perhaps: the same key finds out.
    let open = match open.provider_session_id {
        Some(_) => open,
        None => match with_session(app, open.clone()).await {
            // It can have none: nothing is in the way any more.
            Err(_) if !is_open(app, &open).await? => return Ok(()),
            made => made?,
        },
    };
    let Some(session) = open.provider_session_id.as_deref() else { return set_expired(app, &open).await };
    let request = ExpireCheckoutSession::new(session);
    match app.stripe.insist("expire_checkout_session", &request, &format!("{}:expire", id.encode())).await {
        Ok(_) => set_expired(app, &open).await,
        Err(StripeError::Refused(refused)) if refused.is_missing() => set_expired(app, &open).await,
        // Of a customer who was deleted, nothing is applied any more; but neither does the page stand in the way.
        Err(StripeError::Refused(_)) => match sync_session(app, session).await? {
            Synced::Expired => set_expired(app, &open).await,
            Synced::Open | Synced::Complete => Ok(()),
        },
        Err(error) => Err(error.into()),
    }
}

async fn set_expired(app: &App, open: &Checkout) -> Result<(), Error> {
    Ok(Checkout::expire(&mut *app.db.conn().await?, &[open.id], OPEN, app.clock.now()).await?)
}

async fn is_open(app: &App, row: &Checkout) -> Result<bool, Error> {
    let now = Checkout::find(&mut *app.db.conn().await?, row.account_id, row.id).await?;
    Ok(now.is_some_and(|now| now.status == OPEN))
}

async fn with_page(app: &App, row: Checkout) -> Result<Checkout, Error> {
    if row.url.is_some() || row.status != OPEN { Ok(row) } else { with_session(app, row).await }
}

async fn with_session(app: &App, row: Checkout) -> Result<Checkout, Error> {
    // A customer may be gone, and then a price.
    let mut tries = 3;
    loop {
        tries -= 1;
        let customer = make_customer(app, row.account_id).await?;
        let refused = match create_session(app, &row, &customer).await {
            Ok(answer) => return store(app, row, &answer).await,
            Err(Failure::Refused(refused)) => refused,
            Err(Failure::Other(error)) => return Err(error),
        };
        // Deleted at Stripe, or Stripe's data is elsewhere now. Each is told again, and the next try finds it.
        match row.plan_id {
            _ if refused.is_missing() && refused.names("customer") && tries > 0 => {
                Customer::bury(&mut *app.db.conn().await?, &app.clock, &customer, Some(row.account_id)).await?;
            }
            Some(plan) if refused.is_missing() && refused.names("price") && tries > 0 => {
                forget_plan(app, plan).await?;
            }
            _ if refused.is_about_promotion() => {
                set_expired(app, &row).await?;
                return Err(Refusal::at(Code::Invalid, "promotionCode", refused.message).into());
            }
            // A page that cannot be made must not stand in the way of others. (What was made under this key before may still be paid.)
            _ if refused.is_of_the_request() => {
                set_expired(app, &row).await?;
                return Err(match row.purpose {
                    Purpose::Purchase => {
                        Refusal::at(Code::WrongState, "treeId", format!("It cannot be sold so: {}", refused.message)).into()
                    }
                    Purpose::Subscription if refused.is_archived() || refused.names("line_items") => {
                        tracing::error!(checkout = ?row.id, cause = refused.message, "Stripe refuses to sell a plan");
                        Refusal::at(Code::PlanUnavailable, "planKey", NOT_NOW).into()
                    }
                    Purpose::Subscription | Purpose::Credits => StripeError::Refused(refused).into(),
                });
            }
            _ => return Err(StripeError::Refused(refused).into()),
        }
    }
}

enum Failure {
    Refused(Refused),
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

async fn create_session(app: &App, row: &Checkout, customer: &str) -> Result<Answer, Failure> {
    let price = match row.plan_price_id {
        Some(_) => Some(provider_price(app, row).await?),
        None => None,
    };
    // Whatever may differ between two tries is part of the key: under one key a request is always the same.
    let key = format!("{}:{customer}:{}", row.id.encode(), price.as_deref().unwrap_or_default());
    match app.stripe.write("create_checkout_session", &request(row, customer, price), &key).await {
        Ok(answer) => Ok(answer),
        Err(StripeError::Refused(refused)) => Err(Failure::Refused(refused)),
        // So it stays for a day, under the keys of this row.
        Err(error @ StripeError::Kept(_)) => {
            set_expired(app, row).await?;
            Err(Failure::Other(error.into()))
        }
        Err(error) => Err(Failure::Other(error.into())),
    }
}

/// What Stripe calls the row's price; it is told now if it was not yet. What it cannot be told never had a page, and must not stand in the
/// way of others.
async fn provider_price(app: &App, row: &Checkout) -> Result<String, Error> {
    let gone = || Error::internal("a checkout without a price");
    let price = row.plan_price_id.ok_or_else(gone)?;
    let offer = Offer::of_price(&mut *app.db.conn().await?, price).await?.ok_or_else(gone)?;
    let offered = offered(app, offer).await;
    if let Err(Error::Refused(refusals)) = &offered
        && refusals.iter().any(|refusal| refusal.code == Code::PlanUnavailable)
    {
        set_expired(app, row).await?;
    }
    offered?.provider_price.ok_or_else(gone)
}

fn request(row: &Checkout, customer: &str, price: Option<String>) -> CreateCheckoutSession {
    let metadata = metadata(row);
    let mut request = CreateCheckoutSession::new()
        .customer(customer)
        .client_reference_id(row.account_id.encode())
        .metadata(metadata.clone())
        .success_url(row.success_url.as_deref().unwrap_or_default())
        .cancel_url(row.cancel_url.as_deref().unwrap_or_default())
        .expires_at(row.expires_at.timestamp());
    if let Some(price) = price {
        let mut item = CreateCheckoutSessionLineItems::new();
        item.price = Some(price);
        item.quantity = u64::try_from(row.seats.unwrap_or(1)).ok();
        let mut data = CreateCheckoutSessionSubscriptionData::new();
        data.metadata = Some(metadata);
        data.trial_period_days = u32::try_from(row.trial_days).ok().filter(|days| *days > 0);
        request = request.mode(CheckoutSessionMode::Subscription).line_items(vec![item]).subscription_data(data);
    } else {
        let currency = row.currency.as_deref().unwrap_or("USD").to_lowercase();
        let mut sold = CreateCheckoutSessionLineItemsPriceData::new(currency.parse::<stripe_types::Currency>().unwrap_or_default());
        sold.unit_amount = row.amount.map(|amount| amount / i64::from(row.quantity.max(1)));
        sold.product_data = Some(ProductData::new(title(row)));
        let mut item = CreateCheckoutSessionLineItems::new();
        item.price_data = Some(sold);
        item.quantity = u64::try_from(row.quantity).ok();
        let mut data = CreateCheckoutSessionPaymentIntentData::new();
        data.metadata = Some(metadata.clone());
        // Only subscriptions have invoices by themselves.
        let mut about = CreateCheckoutSessionInvoiceCreationInvoiceData::new();
        about.metadata = Some(metadata);
        let mut invoice = CreateCheckoutSessionInvoiceCreation::new(true);
        invoice.invoice_data = Some(about);
        request = request.mode(CheckoutSessionMode::Payment).line_items(vec![item]).payment_intent_data(data).invoice_creation(invoice);
    }
    match &row.promotion_code {
        Some(code) => {
            let mut discount = CreateCheckoutSessionDiscounts::new();
            discount.promotion_code = Some(code.clone());
            request.discounts(vec![discount])
        }
        // On the page somebody can still type one.
        None => request.allow_promotion_codes(row.purpose == Purpose::Subscription),
    }
}

/// Leads every event of what comes of it back to us, whatever else is lost.
fn metadata(row: &Checkout) -> HashMap<String, String> {
    let mut metadata = HashMap::from([("account".to_owned(), row.account_id.encode()), ("checkout".to_owned(), row.id.encode())]);
    metadata.extend(row.user_id.map(|user| ("user".to_owned(), user.encode())));
    metadata.extend(row.plan_id.map(|plan| ("plan".to_owned(), plan.encode())));
    metadata
}

fn title(row: &Checkout) -> String {
    match row.purpose {
        Purpose::Purchase => row.tree_title.clone().unwrap_or_default(),
        Purpose::Credits | Purpose::Subscription => {
            let each = row.credits.unwrap_or_default() / row.quantity.max(1);
            format!("{each} credits")
        }
    }
}

async fn store(app: &App, row: Checkout, answer: &Answer) -> Result<Checkout, Error> {
    let session = CheckoutSession::read(&answer.body);
    let (Some(id), Some(url)) = (session.id, session.url) else {
        // Only an open one has a URL: this one was paid while we asked.
        return Err(Refusal::new(Code::CheckoutOpen, "this checkout was completed already").into());
    };
    diesel::update(checkouts::table.find(row.id))
        .set((
            checkouts::provider_session_id.eq(&id),
            checkouts::provider_customer_id.eq(&session.customer),
            checkouts::url.eq(&url),
            checkouts::updated_at.eq(app.clock.now()),
        ))
        .execute(&mut *app.db.conn().await?)
        .await?;
    Ok(Checkout { provider_session_id: Some(id), url: Some(url), ..row })
}
