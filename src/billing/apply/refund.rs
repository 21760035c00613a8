//! `refund.*` and `charge.dispute.*`: money that goes back. Neither names a customer; both wait under their payment intent until the payment
//! is known.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::customer::Customer;
use super::super::mails::{self, BillingMail};
use super::super::payment::Payment;
use super::super::payment_link::Link;
use super::settle::settle;
use super::{Outcome, Told};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{disputes, refunds};
use crate::error::Error;
use crate::stripe::object::{Dispute, Refund};

pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let mut refund = Refund::read(told.object);
    let Some(id) = refund.id.clone() else { return Ok(Outcome::ignored("the refund has no id")) };
    if told.kind == "refund.failed" {
        refund.status = Some("failed".to_owned());
    }
    let link = Link { payment_intent: refund.payment_intent.clone(), charge: refund.charge.clone(), ..Link::default() };
    let payment = match payment_of(conn, &link).await? {
        Ok(payment) => payment,
        Err(outcome) => return Ok(outcome),
    };
    if is_buried(conn, &payment).await? {
        return Ok(Outcome::tombstone());
    }
    store(conn, app, &payment, &refund).await?;
    let account = payment.account_id;
    let seller = settle(conn, app, payment, &id).await?;
    Ok(Outcome { seller, ..Outcome::completed(account, "the refund is counted") })
}

pub async fn apply_dispute(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let dispute = Dispute::read(told.object);
    let Some(id) = dispute.id.clone() else { return Ok(Outcome::ignored("the dispute has no id")) };
    let link = Link { payment_intent: dispute.payment_intent.clone(), charge: dispute.charge.clone(), ..Link::default() };
    let payment = match payment_of(conn, &link).await? {
        Ok(payment) => payment,
        Err(outcome) => return Ok(outcome),
    };
    let status = match (told.kind, dispute.status.as_deref()) {
        // Closed because the charge was refunded: the refund takes back what there is to take back.
        (_, Some("won" | "charge_refunded")) => "won",
        (_, Some("prevented")) if dispute.case_type.as_deref() == Some("block") => "won",
        // Prevented otherwise: given back before the bank had to decide.
        (_, Some("lost" | "prevented")) => "lost",
        // A bank that only asks has taken nothing.
        (_, Some("warning_needs_response" | "warning_under_review" | "warning_closed")) => "inquiry",
        ("charge.dispute.funds_reinstated", _) => "won",
        _ => "open",
    };
    let further: &[&str] = match status {
        "inquiry" => &[],
        "open" => &["inquiry"],
        _ => &["inquiry", "open"],
    };
    let is_new = store_dispute(conn, app, &payment, &dispute, &id, status, further).await?;
    // There is nothing to answer to a bank that has decided; nor to one that only asks, once something later was told.
    if status == "open" {
        mails::send_once(conn, app, &format!("dispute:{id}"), BillingMail::Disputed { dispute: id.clone() }).await?;
    } else if is_new && dispute.status.as_deref() == Some("warning_needs_response") {
        mails::send_once(conn, app, &format!("inquiry:{id}"), BillingMail::Inquired { dispute: id.clone() }).await?;
    }
    // Their bank waits for an answer although they were deleted.
    if is_buried(conn, &payment).await? {
        return Ok(Outcome::tombstone());
    }
    let account = payment.account_id;
    let seller = settle(conn, app, payment, &id).await?;
    Ok(Outcome { seller, ..Outcome::completed(account, format!("the dispute is {status}")) })
}

/// The payment, or what to answer while there is none.
async fn payment_of(conn: &mut Conn, link: &Link) -> Result<Result<Payment, Outcome>, Error> {
    let Some(under) = link.key() else { return Ok(Err(Outcome::ignored("it names no payment"))) };
    let payment = link.payment(conn).await?;
    Ok(payment.ok_or_else(|| Outcome::parked(under, format!("the payment {under} is not known yet"))))
}

async fn is_buried(conn: &mut Conn, payment: &Payment) -> QueryResult<bool> {
    let customer = Customer::named(conn, payment.provider_customer_id.as_deref()).await?;
    Ok(customer.is_some_and(|customer| customer.is_tombstone()))
}

/// The word that we keep. Pending ones count: the money is on its way.
fn standing(refund: &Refund) -> Option<&'static str> {
    match refund.status.as_deref() {
        Some("failed" | "canceled") => Some("failed"),
        Some("succeeded") => Some("succeeded"),
        Some(_) => Some("pending"),
        None => None,
    }
}

/// Added once; from then on its status only moves on: pending, succeeded, failed. Its account is told when it has succeeded.
pub async fn store(conn: &mut Conn, app: &App, payment: &Payment, refund: &Refund) -> Result<(), Error> {
    let (Some(id), Some(amount)) = (refund.id.as_deref(), refund.amount) else { return Ok(()) };
    let status = standing(refund).unwrap_or("pending");
    let added = diesel::insert_into(refunds::table)
        .values((
            refunds::provider_refund_id.eq(id),
            refunds::payment_id.eq(payment.id),
            refunds::amount.eq(amount),
            refunds::currency.eq(refund.currency.as_deref().unwrap_or(&payment.currency)),
            refunds::status.eq(status),
            refunds::reason.eq(refund.reason.as_deref()),
            refunds::created_at.eq(refund.created.unwrap_or_else(|| app.clock.now())),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    let before: &[&str] = match status {
        "failed" => &["pending", "succeeded"],
        "succeeded" => &["pending"],
        _ => &[],
    };
    let mut moved = added;
    if added == 0 && !before.is_empty() {
        moved = diesel::update(refunds::table.find(id).filter(refunds::status.eq_any(before)))
            .set(refunds::status.eq(status))
            .execute(conn)
            .await?;
    }
    if status == "succeeded" && moved > 0 {
        mails::send_once(conn, app, &format!("refund:{id}"), BillingMail::Refunded { refund: id.to_owned() }).await?;
    }
    Ok(())
}

/// Whether nothing was known of it.
async fn store_dispute(
    conn: &mut Conn,
    app: &App,
    payment: &Payment,
    dispute: &Dispute,
    id: &str,
    status: &str,
    before: &[&str],
) -> QueryResult<bool> {
    let added = diesel::insert_into(disputes::table)
        .values((
            disputes::provider_dispute_id.eq(id),
            disputes::payment_id.eq(payment.id),
            disputes::amount.eq(dispute.amount.unwrap_or(payment.amount)),
            disputes::currency.eq(dispute.currency.as_deref().unwrap_or(&payment.currency)),
            disputes::status.eq(status),
            disputes::reason.eq(dispute.reason.as_deref()),
            disputes::created_at.eq(dispute.created.unwrap_or_else(|| app.clock.now())),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    if added == 0 && !before.is_empty() {
        diesel::update(disputes::table.find(id).filter(disputes::status.eq_any(before)))
            .set(disputes::status.eq(status))
            .execute(conn)
            .await?;
    }
    Ok(added > 0)
}
