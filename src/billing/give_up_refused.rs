//! A first payment that takes days, such as a bank debit, may be refused in the end. Stripe keeps the subscription incomplete until a day is
//! over, and its invoice can still be paid by the link that was mailed. Whoever goes to a new page instead wants that one: the old invoice
//! is voided first, so that nobody can pay for both, and then the old subscription ends.

use stripe_billing::subscription::CancelSubscription;

use super::checkout::{Checkout, FAILED, ON_ITS_WAY, Unpaid};
use super::refetch::{self, apply_change};
use super::void_invoice::void_invoice;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, CheckoutId, Id};
use crate::stripe::client::StripeError;
use crate::stripe::object::field;

pub async fn give_up_refused(app: &App, account: AccountId, refused: &[Unpaid]) -> Result<(), Error> {
    for (checkout, subscription) in refused {
        match give_up(app, *checkout, subscription).await {
            // Stripe does not know it any more.
            Err(StripeError::Refused(refused)) if refused.is_missing() => continue,
            Err(error) => return Err(error.into()),
            Ok(before) => {
                let after = refetch::read(app, subscription).await?;
                apply_change(app, &before, &after).await?;
                // Its invoice is being paid by another debit, for instance: Stripe voids no such one.
                if field::text(&after.body, "status").as_deref() == Some("incomplete") {
                    return Err(Refusal::new(Code::CheckoutOpen, ON_ITS_WAY).into());
                }
            }
        }
    }
    forget(app, account, refused).await
}

/// What Stripe does not know any more, and what cannot be placed here, would wait for ever.
async fn forget(app: &App, account: AccountId, given_up: &[Unpaid]) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let waiting = Checkout::not_begun(&mut conn, account, FAILED).await?.into_iter().filter(|one| given_up.contains(one));
    let waiting: Vec<_> = waiting.map(|(id, _)| id).collect();
    Ok(Checkout::expire(&mut conn, &waiting, FAILED, app.clock.now()).await?)
}

/// Returns the subscription as it was before.
async fn give_up(app: &App, checkout: CheckoutId, subscription: &str) -> Result<serde_json::Value, StripeError> {
    let before = refetch::read(app, subscription).await?.body;
    let key = |step: &str| format!("{}:{step}", checkout.encode());
    if field::text(&before, "status").as_deref() != Some("incomplete") {
        return Ok(before);
    }
    if let Some(invoice) = field::id(&before, "latest_invoice")
        && !void_invoice(app, &invoice, &key(&format!("void:{invoice}"))).await?
    {
        return Ok(before);
    }
    match app.stripe.write("cancel_subscription", &CancelSubscription::new(subscription), &key("cancel")).await {
        // It has ended with its invoice.
        Ok(_) | Err(StripeError::Refused(_)) => Ok(before),
        Err(error) => Err(error),
    }
}
