//! What can be asked for a tree.

use crate::billing::money;
use crate::error::Refusal;

/// In minor units.
const LEAST: i64 = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub amount: i64,
    pub currency: String,
}

impl Price {
    pub fn check(&self) -> Result<(), Refusal> {
        money::check("price", self.amount, &self.currency, LEAST)
    }
}
