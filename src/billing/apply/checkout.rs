//! `checkout.session.*`: somebody has paid, or has not. What they get is what our own row offered them, never what the session says.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::checkout::{COMPLETED, Checkout, EXPIRED, FAILED, OPEN, Purpose};
use super::super::credit::{self, Cause, Kind};
use super::super::derive::{self, Bought};
use super::super::jobs;
use super::super::payment::Payment;
use super::super::payment_link::Link;
use super::super::place::Hints;
use super::super::purchase::{self, Purchase};
use super::super::start_trial::remember_trial;
use super::super::subscription::{Status, Subscription};
use super::settle::settle;
use super::subscription::{blank, store};
use super::{Outcome, Source, Told, paid_for_nothing, placed};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::Error;
use crate::id::Id;
use crate::identity::account::Account;
use crate::staff::alerts;
use crate::stripe::object::CheckoutSession;

pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let session = CheckoutSession::read(told.object);
    let Some(id) = session.id.as_deref() else { return Ok(Outcome::ignored("the session has no id")) };
    let ours = session.checkout.as_deref().and_then(|id| Id::decode(id).ok());
    let checkout = Checkout::of_session(conn, id, ours).await?;
    let named = checkout.as_ref().map(|checkout| checkout.account_id.encode());
    let hints = Hints {
        customer: session.customer.as_deref(),
        subscription: session.subscription.as_deref(),
        client_reference: named.as_deref().or(session.client_reference.as_deref()),
        account: session.account.as_deref(),
        user: session.user.as_deref(),
        email: session.email.as_deref(),
    };
    let (account, linked) = match placed(conn, app, told, hints).await? {
        Ok(place) => place,
        // Who has bought without becoming a customer is known by our own row.
        Err(outcome) => match (&checkout, &session.customer) {
            (Some(checkout), None) => (checkout.account_id, false),
            (Some(checkout), Some(customer)) if outcome.status == super::Status::Tombstone => {
                watch_money(conn, app, told, &session, customer, checkout).await?;
                // Whatever is told of a page, it is over.
                Checkout::expire(conn, &[checkout.id], OPEN, app.clock.now()).await?;
                return Ok(outcome);
            }
            _ => return Ok(outcome),
        },
    };
    let link = link(&session);
    link.store(conn).await?;
    let outcome = match checkout {
        None => Outcome::completed(account, "the session was not made here: its own events say the rest"),
        Some(checkout) => ours_ended(conn, app, told, &session, id, &checkout).await?,
    };
    let appeared = session.payment_intent.into_iter().chain(session.customer.filter(|_| linked));
    Ok(Outcome { account: Some(account), ..outcome.with_appeared(appeared) })
}

fn has_paid(told: &Told<'_>, session: &CheckoutSession) -> bool {
    session.paid() || told.kind == "checkout.session.async_payment_succeeded"
}

/// Of a customer who was deleted nothing is applied any more; but money that comes from them all the same has to go back.
async fn watch_money(
    conn: &mut Conn,
    app: &App,
    told: &Told<'_>,
    session: &CheckoutSession,
    customer: &str,
    checkout: &Checkout,
) -> Result<(), Error> {
    // Whoever looks at the page again may find what was given back since.
    let came = told.source == Source::Event && has_paid(told, session);
    let amount = session.amount.or(checkout.amount).unwrap_or_default();
    // What was had before they were deleted may be told once more.
    let had = match session.subscription.as_deref() {
        Some(id) => Subscription::find_by_provider_id(conn, id).await?.is_some_and(|row| row.status.has_begun()),
        None => Payment::of_checkout(conn, checkout.id).await?.is_some_and(|payment| payment.paid()),
    };
    if came && amount > 0 && !had {
        paid_for_nothing(conn, app, customer).await?;
    }
    Ok(())
}

async fn ours_ended(
    conn: &mut Conn,
    app: &App,
    told: &Told<'_>,
    session: &CheckoutSession,
    id: &str,
    checkout: &Checkout,
) -> Result<Outcome, Error> {
    let account = checkout.account_id;
    let now = app.clock.now();
    let subscription = session.subscription.as_deref();
    if has_paid(told, session) {
        checkout.end(conn, COMPLETED, id, subscription, now).await?;
        return paid(conn, app, told, session, id, checkout).await;
    }
    let status = match told.kind {
        "checkout.session.async_payment_failed" => FAILED,
        "checkout.session.expired" => EXPIRED,
        _ => COMPLETED,
    };
    // What is paid stays paid, and what has failed does not wait again.
    let settled = match checkout.purpose {
        Purpose::Subscription => checkout.status == COMPLETED && status == EXPIRED,
        Purpose::Credits | Purpose::Purchase => Payment::of_checkout(conn, checkout.id).await?.is_some_and(|payment| payment.paid()),
    };
    if settled || (checkout.status == FAILED && status != FAILED) || (checkout.status == EXPIRED && status == EXPIRED) {
        return Ok(Outcome::stale(account, format!("the checkout is {} already", checkout.status)));
    }
    checkout.end(conn, status, id, subscription, now).await?;
    if checkout.purpose == Purpose::Subscription && status == COMPLETED {
        on_its_way(conn, app, session, checkout).await?;
    }
    if checkout.purpose != Purpose::Subscription && status != EXPIRED {
        let failed = (status == FAILED).then_some(told.from);
        let payment = Payment { failed_at: failed, ..payment(conn, app, session, checkout).await? };
        write(conn, Payment { status: payment.standing(0), ..payment }).await?;
    }
    if checkout.purpose == Purpose::Purchase {
        // What was never paid for, nor is going to be, is no purchase.
        if status != EXPIRED {
            Purchase::begin(conn, &app.clock, checkout, app.config.platform_fee_per_mille).await?;
        }
        let status = match status {
            FAILED => purchase::Status::Failed,
            EXPIRED => purchase::Status::Expired,
            _ => purchase::Status::Pending,
        };
        Purchase::set_status(conn, Some(checkout.id), status, None, now).await?;
    }
    Ok(Outcome::completed(
        account,
        match status {
            COMPLETED => "the checkout is complete; its payment is on the way",
            FAILED => "the payment was refused",
            _ => "the checkout has expired",
        },
    ))
}

/// A bank debit takes days, and until then no event of the invoice is about money: what is to come is shown all the same.
async fn on_its_way(conn: &mut Conn, app: &App, session: &CheckoutSession, checkout: &Checkout) -> Result<(), Error> {
    let Some(invoice) = session.invoice.as_deref() else { return Ok(()) };
    if Payment::of_invoice(conn, invoice).await?.is_some() {
        return Ok(());
    }
    let blank = Payment::new(&app.clock, checkout.account_id);
    let payment = Payment {
        purpose: checkout.purpose.as_str().to_owned(),
        provider_customer_id: session.customer.clone(),
        provider_subscription_id: session.subscription.clone(),
        provider_invoice_id: session.invoice.clone(),
        amount: session.amount.or(checkout.amount).unwrap_or_default().max(0),
        currency: session.currency.clone().or(checkout.currency.clone()).unwrap_or(blank.currency.clone()),
        ..blank
    };
    Ok(Payment::insert(conn, payment).await?)
}

async fn paid(
    conn: &mut Conn,
    app: &App,
    told: &Told<'_>,
    session: &CheckoutSession,
    id: &str,
    checkout: &Checkout,
) -> Result<Outcome, Error> {
    let account = checkout.account_id;
    if checkout.purpose == Purpose::Subscription {
        remember_trial_of(conn, app, checkout).await?;
        return match session.subscription.as_deref() {
            Some(subscription) => subscribe(conn, app, session, subscription, checkout).await,
            None => Ok(Outcome::completed(account, "the checkout is paid; its subscription is not known yet")),
        };
    }
    // Locked: an account is erased before this, or after it.
    let gone = Account::lock(conn, account).await?.is_none();
    let mut payment = payment(conn, app, session, checkout).await?;
    let (first, touched) = (!payment.paid(), payment.touched());
    payment.paid_at = Some(payment.paid_at.map_or(told.from, |known| known.min(told.from)));
    if first && !touched {
        payment.status = payment.standing(0);
    }
    let known = Purchase::of_checkout(conn, checkout.id).await?;
    let had = payment.credits_granted > 0 || known.is_some_and(|known| known.status.is_sold());
    let granted = checkout.credits.unwrap_or_default();
    if checkout.purpose == Purpose::Credits && !had && !gone {
        let cause = Cause { source: id, reason: "credits bought" };
        credit::add(conn, &app.clock, account, granted, Kind::Purchase, cause).await?;
        payment.credits_granted = granted;
    }
    payment.account_gone |= gone && !had;
    write(conn, payment.clone()).await?;
    let mut stands = !payment.account_gone;
    let mut missing = payment.account_gone.then_some("an account");
    if checkout.purpose == Purpose::Purchase && !had {
        Purchase::begin(conn, &app.clock, checkout, app.config.platform_fee_per_mille).await?;
        let status = if gone { purchase::Status::Refunded } else { purchase::Status::Active };
        let changed = Purchase::set_status(conn, Some(checkout.id), status, Some(payment.id), app.clock.now()).await?;
        stands &= changed.stands;
        missing = missing.or((!changed.has_tree).then_some("a tree"));
    }
    if let Some(missing) = missing {
        let subject = payment.id.encode();
        let message = format!("{subject} paid for {missing} that was deleted: it goes back by itself, which closes this alert.");
        alerts::open(conn, alerts::Kind::PaidForNothing, &subject, &message, app.clock.now()).await?;
    }
    if !stands {
        jobs::pay_back(conn, payment.id).await?;
    }
    // A payment that takes days may be told to have come and gone before it is told to have come.
    if touched {
        settle(conn, app, payment, id).await?;
    }
    let reason = match stands {
        true => "the checkout is paid",
        false => "what it paid for was bought already, or is gone: the payment is given back",
    };
    Ok(Outcome { seller: checkout.tree_account_id, ..Outcome::completed(account, reason) })
}

/// A trial at Stripe is one as well: the mailbox of whoever took it gets no other, neither here nor there.
async fn remember_trial_of(conn: &mut Conn, app: &App, checkout: &Checkout) -> Result<(), Error> {
    let Some(user) = checkout.user_id.filter(|_| checkout.trial_days > 0) else { return Ok(()) };
    let email: Option<String> = users::table.find(user).select(users::email).first(conn).await.optional()?;
    if let Some(email) = email {
        remember_trial(conn, checkout.account_id, &email, app.clock.now()).await?;
    }
    Ok(())
}

/// Until the subscription itself is heard of, our own row says what it is. Whatever Stripe tells of it counts more.
async fn subscribe(conn: &mut Conn, app: &App, session: &CheckoutSession, id: &str, checkout: &Checkout) -> Result<Outcome, Error> {
    let account = checkout.account_id;
    if Subscription::find_by_provider_id(conn, id).await?.is_some() {
        return Ok(Outcome::completed(account, "the checkout is paid; its subscription is known already"));
    }
    let Some(plan) = checkout.plan_id else { return Ok(Outcome::completed(account, "the checkout is paid")) };
    let bought = Bought { plan, interval: checkout.interval.clone(), seats: checkout.seats.unwrap_or(1) };
    let mut row = Subscription {
        status: if checkout.trial_days > 0 { Status::Trialing } else { Status::Active },
        provider_customer_id: session.customer.clone(),
        source: Some("event".to_owned()),
        needs_refetch: true,
        ..blank(app, account, id, &bought)
    };
    derive::show_facts(&mut row, &Payment::facts(conn, id).await?);
    let rows = Subscription::lock_all(conn, account).await?;
    store(conn, &rows, None, row, None).await?;
    jobs::refetch_later(conn, app, id).await?;
    Ok(Outcome::completed(account, "the checkout is paid, and its subscription begins").with_appeared([id.to_owned()]))
}

fn link(session: &CheckoutSession) -> Link {
    Link {
        payment_intent: session.payment_intent.clone(),
        charge: None,
        invoice: session.invoice.clone(),
        customer: session.customer.clone(),
    }
}

/// The payment of a checkout: what is known of it, or a new one. An invoice may have told of it first.
async fn payment(conn: &mut Conn, app: &App, session: &CheckoutSession, checkout: &Checkout) -> Result<Payment, Error> {
    let known = match Payment::of_checkout(conn, checkout.id).await? {
        None => link(session).payment(conn).await?,
        known => known,
    };
    let mut payment = known.unwrap_or_else(|| Payment::new(&app.clock, checkout.account_id));
    payment.buys(checkout);
    payment.provider_customer_id = payment.provider_customer_id.or(session.customer.clone());
    payment.provider_invoice_id = payment.provider_invoice_id.or(session.invoice.clone());
    payment.payment_intent_id = payment.payment_intent_id.or(session.payment_intent.clone());
    payment.amount = session.amount.or(checkout.amount).unwrap_or(payment.amount).max(payment.refunded);
    payment.currency = session.currency.clone().or(checkout.currency.clone()).unwrap_or(payment.currency);
    payment.updated_at = app.clock.now();
    Ok(payment)
}

/// Known ones have been read in this transaction, under the customer's lock.
async fn write(conn: &mut Conn, payment: Payment) -> Result<(), Error> {
    let known = match payment.checkout_id {
        Some(_) => Payment::exists(conn, payment.id).await?,
        None => false,
    };
    match known {
        true => Payment::update(conn, payment).await?,
        false => Payment::insert(conn, payment).await?,
    }
    Ok(())
}
