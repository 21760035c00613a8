//! Money that bought nothing goes back: the tree that it paid for was bought already, or is gone.

use stripe_core::refund::{CreateRefund, CreateRefundReason};

use super::payment::Payment;
use crate::app::App;
use crate::error::Error;
use crate::id::{Id, PaymentId};
use crate::stripe::client::StripeError;

/// For the queue. Once for each payment, under a key of its own: more than was paid, Stripe gives back to nobody, whatever the key. What comes
/// of it is told by its events.
pub async fn pay_back(app: &App, id: PaymentId) -> Result<(), Error> {
    let payment = Payment::by_id(&mut *app.db.conn().await?, id).await?;
    let Some(intent) = payment.filter(|payment| payment.refunded == 0).and_then(|payment| payment.payment_intent_id) else { return Ok(()) };
    let request = CreateRefund::new().payment_intent(intent).reason(CreateRefundReason::Duplicate);
    match app.stripe.insist("create_refund", &request, &format!("{}:pay-back", id.encode())).await {
        Ok(_) => Ok(()),
        // By a try whose answer was lost.
        Err(StripeError::Refused(refused)) if refused.code.as_deref() == Some("charge_already_refunded") => Ok(()),
        // The queue tries again, later and later.
        Err(StripeError::Unavailable(cause) | StripeError::Kept(cause)) => {
            Err(Error::internal(format!("Stripe could not be reached: {cause}")))
        }
        Err(error) => Err(error.into()),
    }
}
