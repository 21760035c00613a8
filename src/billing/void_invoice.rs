//! Makes sure that nobody can pay any more for what is no longer wanted: its invoice is voided. Stripe voids none that is being paid.

use stripe_billing::invoice::{RetrieveInvoice, VoidInvoiceInvoice};

use crate::app::App;
use crate::stripe::client::StripeError;
use crate::stripe::object::field;

/// Whether it is void now. False: it was paid a moment ago, or is being paid. A refusal that Stripe has kept under the key says nothing:
/// what was being paid then may have failed since.
pub async fn void_invoice(app: &App, invoice: &str, key: &str) -> Result<bool, StripeError> {
    match app.stripe.insist("void_invoice", &VoidInvoiceInvoice::new(invoice), key).await {
        Ok(_) => Ok(true),
        // Void already, perhaps, by a try that came no further.
        Err(StripeError::Refused(refused)) if !refused.is_forbidden() => {
            let invoice = app.stripe.read("retrieve_invoice", &RetrieveInvoice::new(invoice)).await?;
            Ok(field::text(&invoice.body, "status").as_deref() == Some("void"))
        }
        Err(error) => Err(error),
    }
}
