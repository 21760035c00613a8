//! What can be asked for a tree.

use stripe_types::Currency;

use crate::billing::money;
use crate::error::{Code, Refusal};
use crate::text::shortened;

/// In minor units. Stripe takes no more than eight digits. What it takes at least depends on the currency and changes: what is too little
/// is refused when somebody wants to buy.
const LEAST: i64 = 100;
const MOST: i64 = 99_999_999;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub amount: i64,
    pub currency: String,
}

impl Price {
    pub fn check(&self) -> Result<(), Refusal> {
        let refused = |message: String| Err(Refusal::at(Code::Invalid, "price", message));
        let upper = self.currency.len() == 3 && self.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        let known = self.currency.to_lowercase().parse().is_ok_and(|currency| !matches!(currency, Currency::Unknown(_)));
        if !upper || !known {
            return refused(format!("`{}` is no currency such as USD.", shortened(&self.currency)));
        }
        if !(LEAST..=MOST).contains(&self.amount) {
            return refused(format!("`amount` must be from {LEAST} to {MOST}, not {}.", self.amount));
        }
        let step = money::step(&self.currency);
        if self.amount % step != 0 {
            return refused(format!("`amount` must be a multiple of {step} in {}, not {}.", self.currency, self.amount));
        }
        Ok(())
    }
}
