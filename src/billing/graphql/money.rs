//! Money on the wire.

use async_graphql::SimpleObject;

/// Amount in the currency's minor unit (cents for EUR and USD, yen for JPY).
#[derive(Clone, Debug, PartialEq, SimpleObject)]
pub struct Money {
    /// Whole minor units.
    pub amount: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

impl Money {
    pub fn new(amount: i64, currency: &str) -> Self {
        Self { amount, currency: currency.to_owned() }
    }
}
