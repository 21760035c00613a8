//! Stripe's objects, read leniently. The API version of a delivery belongs to whoever set up the endpoint, so that every shape that
//! Stripe has used may arrive: fields move, ids come as texts or as whole objects, unknown fields and values appear at any time.
//! Nothing here fails: what is missing or of another type is None, and whoever needs it decides what that means.

use chrono::{DateTime, Utc};
use serde_json::Value;

use self::field::{flag, text, time};

mod billing;
mod catalogue;
mod checkout;
pub mod field;
mod invoice;
mod payment;

pub use billing::{Item, Subscription, scheduled};
pub use catalogue::{Price, Product};
pub use checkout::{CheckoutSession, Customer};
pub use invoice::{Invoice, InvoicePayment};
pub use payment::{Charge, Dispute, Refund};

/// What a delivery contains.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub created: Option<DateTime<Utc>>,
    pub api_version: Option<String>,
    pub livemode: Option<bool>,
    pub object: Value,
    /// What the object's changed fields were before.
    pub previous: Option<Value>,
}

impl Event {
    /// None if it is no event at all.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut envelope: Value = serde_json::from_slice(body).ok()?;
        let (id, kind) = (text(&envelope, "id")?, text(&envelope, "type")?);
        let created = time(&envelope, "created");
        let (api_version, livemode) = (text(&envelope, "api_version"), flag(&envelope, "livemode"));
        let mut data = envelope.get_mut("data").map(Value::take).unwrap_or_default();
        let object = data.get_mut("object").map(Value::take).unwrap_or_default();
        let previous = data.get_mut("previous_attributes").map(Value::take).filter(Value::is_object);
        Some(Self { id, kind, created, api_version, livemode: livemode.or_else(|| flag(&object, "livemode")), object, previous })
    }
}
