//! `customer.*`: a customer that finds its account, or that was deleted.

use super::super::checkout::Checkout;
use super::super::customer::Customer;
use super::super::payment::Payment;
use super::super::place::Hints;
use super::super::purchase::Purchase;
use super::super::subscription::{Status, Subscription};
use super::subscription::{store, tell};
use super::{Outcome, Told, placed};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::staff::alerts::{self, Kind};
use crate::stripe::object;

pub async fn apply(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let customer = object::Customer::read(told.object);
    let Some(id) = customer.id.as_deref() else { return Ok(Outcome::ignored("the customer has no id")) };
    if told.kind == "customer.deleted" || customer.deleted {
        return bury(conn, app, told, id).await;
    }
    let hints = Hints {
        customer: Some(id),
        account: customer.account.as_deref(),
        user: customer.user.as_deref(),
        email: customer.email.as_deref(),
        ..Hints::default()
    };
    Ok(match placed(conn, app, told, hints).await? {
        Ok((account, true)) => Outcome::completed(account, "the customer's account is known now").with_appeared([id.to_owned()]),
        Ok((account, false)) => Outcome::completed(account, "the customer is known"),
        Err(outcome) => outcome,
    })
}

/// Stripe ends a deleted customer's subscriptions. Its events about that may come later, when nothing changes any more: we end them now.
async fn bury(conn: &mut Conn, app: &App, told: &Told<'_>, id: &str) -> Result<Outcome, Error> {
    let known = Customer::find(conn, id).await?;
    let live = Subscription::live_of_customer(conn, id).await?;
    let account = known.as_ref().and_then(|known| known.account_id);
    let waited = match account {
        Some(account) => Purchase::forget_pending(conn, account, id, app.clock.now()).await?,
        None => 0,
    };
    if let (Some(account), Some(known)) = (account, &known) {
        Checkout::forget_unfinished(conn, account, known, app.clock.now()).await?;
    }
    // Whoever was about to buy something may have found the customer gone before we were told: what it had is ended now.
    if live.is_empty() && waited == 0 && known.as_ref().is_some_and(Customer::is_tombstone) {
        return Ok(Outcome::tombstone());
    }
    for row in live {
        // As it is by now: the end of the one before may have made it the one that counts.
        let rows = Subscription::lock_all(conn, row.account_id).await?;
        let before = rows.iter().find(|known| known.id == row.id).cloned().unwrap_or(row);
        let row = before.clone();
        let ended = Subscription {
            // What was never paid has never begun.
            status: if row.status == Status::Incomplete { Status::IncompleteExpired } else { Status::Canceled },
            canceled_at: row.canceled_at.or(Some(told.from)),
            ended_at: Some(told.from),
            current_period_end: Some(told.from),
            needs_attention: None,
            needs_refetch: false,
            updated_at: app.clock.now(),
            ..row
        };
        let ended = store(conn, &rows, Some(&before), ended, None).await?;
        tell(conn, app, Some(&before), &ended).await?;
    }
    // Nobody can finish them any more.
    for invoice in Payment::drafts_of_customer(conn, id).await? {
        alerts::close(conn, Kind::UnfinishedInvoice, &invoice, app.clock.now()).await?;
    }
    Customer::bury(conn, &app.clock, id, account).await?;
    let outcome = Outcome::new(super::Status::Completed, "the customer is deleted, and its subscriptions have ended");
    Ok(Outcome { account, ..outcome }.with_appeared([id.to_owned()]))
}
