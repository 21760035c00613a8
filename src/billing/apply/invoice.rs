//! `invoice.*`: one payment for each invoice, and what it says about its subscription.

use super::super::checkout::{Checkout, Purpose};
use super::super::derive::{self, Bought};
use super::super::jobs;
use super::super::mails::{self, BillingMail};
use super::super::payment::{InvoiceStatus, Payment};
use super::super::payment_link::Link;
use super::super::place::Hints;
use super::super::subscription::Subscription;
use super::settle::settle;
use super::{Outcome, Source, Told, paid_for_nothing, placed};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::{AccountId, Id};
use crate::staff::alerts;
use crate::stripe::object::{self, Invoice};

pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let invoice = Invoice::read(told.object);
    let Some(id) = invoice.id.as_deref() else { return Ok(Outcome::ignored("the invoice has no id")) };
    let hints = Hints {
        customer: invoice.customer.as_deref(),
        subscription: invoice.subscription.as_deref(),
        account: invoice.account.as_deref(),
        user: invoice.user.as_deref(),
        email: invoice.customer_email.as_deref(),
        ..Hints::default()
    };
    let (account, linked) = match placed(conn, app, told, hints).await? {
        Ok(place) => place,
        Err(outcome) => {
            if outcome.status == super::Status::Tombstone {
                watch_money(conn, app, told, &invoice, id).await?;
            }
            return Ok(outcome);
        }
    };
    let link = link(&invoice, id);
    link.store(conn).await?;
    let checkout = checkout(conn, &invoice, account).await?;
    let known = known(conn, &invoice, id, checkout.as_ref(), &link).await?;
    let mut payment = merged(app, told, &invoice, account, known.as_ref());
    if let Some(checkout) = &checkout {
        payment.buys(checkout);
    }
    let seller = write(conn, app, known.as_ref(), payment.clone(), id).await?;
    if let Some(subscription) = invoice.subscription.as_deref() {
        show_facts(conn, app, subscription).await?;
    }
    tell(conn, app, told, &invoice, known.as_ref(), &payment).await?;
    watch(conn, app, told, known.as_ref(), &payment, id).await?;

    let was_paid = known.as_ref().is_some_and(Payment::paid);
    let outcome = match told.kind {
        "invoice.paid" | "invoice.payment_succeeded" => Outcome::completed(account, "the invoice is paid"),
        _ if was_paid => Outcome::stale(account, "the invoice is paid already"),
        _ => Outcome::completed(account, format!("the payment is {} now", payment.status.as_str())),
    };
    let customer = invoice.customer.clone().filter(|_| linked);
    let outcome = outcome.with_appeared(invoice.payment_intent.into_iter().chain(invoice.charge).chain(customer));
    Ok(Outcome { seller, ..outcome })
}

fn link(invoice: &Invoice, id: &str) -> Link {
    Link {
        payment_intent: invoice.payment_intent.clone(),
        charge: invoice.charge.clone(),
        invoice: Some(id.to_owned()),
        customer: invoice.customer.clone(),
    }
}

/// A debit that was on its way when its customer was deleted arrives all the same.
async fn watch_money(conn: &mut Conn, app: &App, told: &Told<'_>, invoice: &Invoice, id: &str) -> Result<(), Error> {
    let Some(customer) = invoice.customer.as_deref() else { return Ok(()) };
    let came = told.source == Source::Event && matches!(told.kind, "invoice.paid" | "invoice.payment_succeeded");
    if !came || invoice.amount_paid.unwrap_or_default() <= 0 {
        return Ok(());
    }
    // What was had before they were deleted may be told late, or once more.
    let checkout = match told.customer.and_then(|customer| customer.account_id) {
        Some(account) => checkout(conn, invoice, account).await?,
        None => None,
    };
    let mut had = known(conn, invoice, id, checkout.as_ref(), &link(invoice, id)).await?.is_some_and(|known| known.paid());
    if let Some(subscription) = invoice.subscription.as_deref()
        && let Some(row) = Subscription::find_by_provider_id(conn, subscription).await?
    {
        let paid_at = invoice.paid_at.unwrap_or(told.from);
        had |= row.status.has_begun() && row.ended_at.is_none_or(|end| paid_at <= end);
    }
    if !had {
        paid_for_nothing(conn, app, customer).await?;
    }
    Ok(())
}

/// An invoice that Stripe could not finish charges nobody until somebody looks at it.
async fn watch(conn: &mut Conn, app: &App, told: &Told<'_>, known: Option<&Payment>, payment: &Payment, id: &str) -> Result<(), Error> {
    let now = app.clock.now();
    let is_draft = |payment: &Payment| payment.invoice_status.as_deref().and_then(InvoiceStatus::read) <= Some(InvoiceStatus::Draft);
    if !is_draft(payment) {
        if known.is_some_and(is_draft) {
            alerts::close(conn, alerts::Kind::UnfinishedInvoice, id, now).await?;
        }
    } else if told.kind == "invoice.finalization_failed" {
        let message = format!("Stripe could not finish the invoice {id}, and charges nobody for it: look at it there.");
        alerts::open(conn, alerts::Kind::UnfinishedInvoice, id, &message, now).await?;
    }
    Ok(())
}

/// `invoice.finalized` and `invoice.deleted`: of one that could not be finished, nobody has to think any more.
pub async fn apply_end_of_draft(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    if let Some(id) = Invoice::read(told.object).id {
        alerts::close(conn, alerts::Kind::UnfinishedInvoice, &id, app.clock.now()).await?;
    }
    Ok(Outcome::ignored("it only ends what was said of the draft"))
}

/// What was paid once on a page of ours, and got this invoice afterwards.
async fn checkout(conn: &mut Conn, invoice: &Invoice, account: AccountId) -> Result<Option<Checkout>, Error> {
    let Some(id) = invoice.checkout.as_deref().and_then(|id| Id::decode(id).ok()) else { return Ok(None) };
    let checkout = Checkout::find(conn, account, id).await?;
    Ok(checkout.filter(|checkout| checkout.purpose != Purpose::Subscription))
}

/// The payment of this invoice; or the one that a checkout has made before its invoice was heard of.
async fn known(conn: &mut Conn, invoice: &Invoice, id: &str, checkout: Option<&Checkout>, link: &Link) -> Result<Option<Payment>, Error> {
    if let Some(checkout) = checkout
        && let Some(known) = Payment::of_checkout(conn, checkout.id).await?
    {
        return Ok(Some(known));
    }
    match Payment::of_invoice(conn, id).await? {
        // What came first is known by its payment.
        None if invoice.payment_intent.is_some() || invoice.subscription.is_none() => Ok(link.payment(conn).await?),
        known => Ok(known),
    }
}

/// What was known, and what is told now. In whatever order all of it comes, the same is left.
fn merged(app: &App, told: &Told<'_>, invoice: &Invoice, account: AccountId, known: Option<&Payment>) -> Payment {
    let now = app.clock.now();
    let mut payment = known.cloned().unwrap_or_else(|| Payment::new(&app.clock, account));
    let before = payment.invoice_status.as_deref().and_then(InvoiceStatus::read);
    let said = invoice.status.as_deref().and_then(InvoiceStatus::read);
    let implied = match told.kind {
        "invoice.paid" | "invoice.payment_succeeded" => Some(InvoiceStatus::Paid),
        "invoice.voided" => Some(InvoiceStatus::Void),
        "invoice.marked_uncollectible" => Some(InvoiceStatus::Uncollectible),
        _ => said,
    };
    let status = before.max(implied);
    // Amounts are those of the furthest state that was told.
    if implied >= before {
        let paid = status == Some(InvoiceStatus::Paid);
        let amount = if paid { invoice.amount_paid.or(invoice.amount_due) } else { invoice.amount_due };
        payment.amount = amount.unwrap_or(payment.amount).max(payment.refunded);
        payment.currency = invoice.currency.clone().unwrap_or(payment.currency);
        payment.hosted_invoice_url = invoice.hosted_url.clone().or(payment.hosted_invoice_url);
        if payment.checkout_id.is_none() {
            payment.description = invoice.description.clone().or(payment.description);
        }
        payment.billing_reason = invoice.billing_reason.clone().or(payment.billing_reason);
        payment.period_start = invoice.period.map(|(start, _)| start).or(payment.period_start);
        payment.period_end = invoice.period.map(|(_, end)| end).or(payment.period_end);
        if paid {
            let paid_at = invoice.paid_at.unwrap_or(told.from);
            payment.paid_at = Some(payment.paid_at.map_or(paid_at, |known| known.min(paid_at)));
        }
    }
    payment.invoice_status = status.map(|status| status.as_str().to_owned());
    payment.provider_invoice_id = invoice.id.clone().or(payment.provider_invoice_id);
    payment.provider_customer_id = invoice.customer.clone().or(payment.provider_customer_id);
    payment.provider_subscription_id = invoice.subscription.clone().or(payment.provider_subscription_id);
    if payment.provider_subscription_id.is_some() {
        payment.purpose = "subscription".to_owned();
    }
    match told.kind {
        "invoice.payment_failed" => payment.failed_at = payment.failed_at.max(Some(told.from)),
        "invoice.payment_action_required" => payment.action_required_at = payment.action_required_at.max(Some(told.from)),
        _ => {}
    }
    payment.updated_at = now;
    payment
}

/// Returns who has sold what it is for.
async fn write(
    conn: &mut Conn,
    app: &App,
    known: Option<&Payment>,
    mut payment: Payment,
    invoice: &str,
) -> Result<Option<AccountId>, Error> {
    match known {
        None => {
            payment.status = payment.standing(0);
            Payment::insert(conn, payment).await?;
        }
        Some(known) => {
            let touched = known.touched();
            payment.status = if touched { known.status } else { payment.standing(0) };
            if payment != *known {
                Payment::update(conn, payment.clone()).await?;
            }
            if touched {
                return settle(conn, app, payment, invoice).await;
            }
        }
    }
    Ok(None)
}

/// Shows on the subscription what its invoices say by now.
pub(super) async fn show_facts(conn: &mut Conn, app: &App, subscription: &str) -> Result<(), Error> {
    let Some(row) = Subscription::lock(conn, subscription).await? else { return Ok(()) };
    // We have ended it, and Stripe has not: that it lives is for its own events to say, or for reading it again.
    if row.status.is_terminal() && row.needs_refetch {
        return jobs::refetch_later(conn, app, subscription).await;
    }
    let facts = Payment::facts(conn, subscription).await?;
    let mut shown = row.clone();
    match (&row.raw, row.version_created) {
        (Some(raw), Some(told_at)) => {
            let bought = Bought { plan: row.plan_id, interval: row.interval.clone(), seats: row.seats };
            let pending = row.pending_plan_id.map(|plan| Bought {
                plan,
                interval: row.pending_interval.clone(),
                seats: row.pending_seats.unwrap_or(row.seats),
            });
            derive::show(&mut shown, &object::Subscription::read(raw), &bought, pending.as_ref(), &facts, told_at);
        }
        // Made from a checkout: its invoices are all that is known.
        _ => derive::show_facts(&mut shown, &facts),
    }
    if shown != row {
        Subscription::update(conn, Subscription { updated_at: app.clock.now(), ..shown }).await?;
    }
    Ok(())
}

async fn tell(
    conn: &mut Conn,
    app: &App,
    told: &Told<'_>,
    invoice: &Invoice,
    known: Option<&Payment>,
    payment: &Payment,
) -> Result<(), Error> {
    let Some(id) = invoice.id.as_deref() else { return Ok(()) };
    let was_paid = known.is_some_and(Payment::paid);
    let payment_id = known.map_or(payment.id, |known| known.id);
    let (about, mail) = match told.kind {
        // Nobody is thanked for a payment of nothing.
        "invoice.paid" | "invoice.payment_succeeded" if !was_paid && payment.amount > 0 => {
            let mail = match invoice.billing_reason.as_deref() {
                Some("subscription_create") => BillingMail::Created { payment: payment_id },
                Some("subscription_cycle") => BillingMail::Renewed { payment: payment_id },
                Some("subscription_update") => BillingMail::PlanChanged { payment: payment_id },
                _ => return Ok(()),
            };
            (format!("paid:{id}"), mail)
        }
        "invoice.payment_failed" if !payment.paid() => {
            let about = format!("payment_failed:{id}:{}", invoice.attempt_count.unwrap_or_default());
            (about, BillingMail::PaymentFailed { payment: payment_id })
        }
        "invoice.payment_action_required" if !payment.paid() => {
            (format!("action_required:{id}"), BillingMail::ActionRequired { payment: payment_id })
        }
        _ => return Ok(()),
    };
    mails::send_once(conn, app, &about, mail).await
}
