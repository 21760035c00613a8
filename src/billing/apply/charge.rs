//! `charge.*` and `invoice_payment.paid`: which money belongs to which payment, and which card it came from.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::payment::Payment;
use super::super::payment_link::Link;
use super::super::place::Hints;
use super::refund;
use super::settle::settle;
use super::{Outcome, Told, placed};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::card_fingerprints;
use crate::error::Error;
use crate::id::AccountId;
use crate::staff::alerts;
use crate::stripe::object::{Charge, InvoicePayment};

pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let charge = Charge::read(told.object);
    let Some(id) = charge.id.clone() else { return Ok(Outcome::ignored("the charge has no id")) };
    let hints = Hints { customer: charge.customer.as_deref(), email: charge.email.as_deref(), ..Hints::default() };
    let (account, linked) = match placed(conn, app, told, hints).await? {
        Ok(place) => place,
        Err(outcome) => {
            // What a deleted customer has paid for nothing.
            if told.kind == "charge.refunded" && charge.amount_refunded >= charge.amount {
                let customer = charge.customer.as_deref().unwrap_or_default();
                alerts::close(conn, alerts::Kind::PaidForNothing, customer, app.clock.now()).await?;
            }
            return Ok(outcome);
        }
    };
    let link = Link {
        payment_intent: charge.payment_intent.clone(),
        charge: Some(id.clone()),
        invoice: charge.invoice.clone(),
        customer: charge.customer.clone(),
    };
    link.store(conn).await?;
    if let Some(fingerprint) = &charge.fingerprint {
        remember_card(conn, account, fingerprint, told.from).await?;
    }
    let payment = link.payment(conn).await?;
    let appeared = [charge.payment_intent.clone(), Some(id.clone()), charge.customer.clone().filter(|_| linked)];
    let outcome = match (told.kind, payment) {
        ("charge.refunded", Some(payment)) => {
            let highest = charge.amount_refunded.unwrap_or_default().max(payment.charge_refunded);
            let mut payment = payment;
            for told in &charge.refunds {
                refund::store(conn, app, &payment, told).await?;
            }
            if highest > payment.charge_refunded {
                payment.charge_refunded = highest;
                Payment::update(conn, payment.clone()).await?;
            }
            let seller = settle(conn, app, payment, &id).await?;
            Outcome { seller, ..Outcome::completed(account, format!("{highest} of the charge is paid back")) }
        }
        ("charge.refunded", None) => {
            let under = charge.payment_intent.as_deref().unwrap_or(&id);
            let waits = Outcome::parked(under, "the refunded payment is not known yet");
            return Ok(Outcome { account: Some(account), ..waits });
        }
        (_, Some(_)) => Outcome::completed(account, "the charge belongs to a payment that is known"),
        (_, None) => Outcome::completed(account, "the charge is remembered until its payment is known"),
    };
    Ok(outcome.with_appeared(appeared.into_iter().flatten()))
}

pub async fn apply_invoice_payment(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let paid = InvoicePayment::read(told.object);
    let link = Link { payment_intent: paid.payment_intent, charge: paid.charge, invoice: paid.invoice, customer: None };
    if link.key().is_none() || link.invoice.is_none() {
        return Ok(Outcome::ignored("it joins no payment to an invoice"));
    }
    if let Some(customer) = link.customer(conn).await?
        && let Err(outcome) = placed(conn, app, told, Hints { customer: Some(&customer), ..Hints::default() }).await?
    {
        return Ok(outcome);
    }
    link.store(conn).await?;
    let payment = link.payment(conn).await?;
    let outcome = Outcome {
        account: payment.map(|payment| payment.account_id),
        ..Outcome::new(super::Status::Completed, "the payment and its invoice are joined")
    };
    Ok(outcome.with_appeared(link.payment_intent.into_iter().chain(link.charge)))
}

async fn remember_card(conn: &mut Conn, account: AccountId, fingerprint: &str, paid_at: DateTime<Utc>) -> QueryResult<()> {
    diesel::insert_into(card_fingerprints::table)
        .values((
            card_fingerprints::fingerprint.eq(fingerprint),
            card_fingerprints::account_id.eq(account),
            card_fingerprints::created_at.eq(paid_at),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await
        .map(|_| ())
}
