//! Amounts: which of them Stripe takes, and how people read them. In the database and on the wire they are whole minor units, whatever
//! the currency.

use stripe_types::Currency;

use crate::error::{Code, Refusal};
use crate::text::shortened;

/// Stripe takes no more than eight digits.
const MOST: i64 = 99_999_999;

/// Stripe's minor unit is the currency itself.
const NO_DECIMALS: [&str; 15] = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

fn decimals(currency: &str) -> u32 {
    match currency {
        currency if NO_DECIMALS.contains(&currency) => 0,
        currency if THREE_DECIMALS.contains(&currency) => 3,
        _ => 2,
    }
}

/// Whether Stripe takes such a price; `field` is where somebody has said it. What it takes at least depends on the currency and changes: what
/// is too little is refused when somebody wants to buy.
pub fn check(field: &str, amount: i64, currency: &str, least: i64) -> Result<(), Refusal> {
    let refused = |message: String| Err(Refusal::at(Code::Invalid, field, message));
    let upper = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let listed = currency.to_lowercase().parse().is_ok_and(|currency| !matches!(currency, Currency::Unknown(_)));
    // The library's list is older than Stripe's.
    let newer = ["SLE", "XCG"].contains(&currency) || decimals(currency) == 3;
    if !upper || !listed && !newer {
        return refused(format!("`{}` is no currency such as USD.", shortened(currency)));
    }
    if !(least..=MOST).contains(&amount) {
        return refused(format!("`amount` must be from {least} to {MOST}, not {amount}."));
    }
    let step = step(currency);
    if amount % step != 0 {
        return refused(format!("`amount` must be a multiple of {step} in {currency}, not {amount}."));
    }
    Ok(())
}

/// Stripe takes only multiples of this: of three decimals, the last is always 0. Króna and shilling have lost their decimals, but at
/// Stripe they still have two, which are always 0.
fn step(currency: &str) -> i64 {
    match currency {
        "ISK" | "UGX" => 100,
        currency if decimals(currency) == 3 => 10,
        _ => 1,
    }
}

/// `1,234.50 USD`, `1,200 JPY`, `12.345 KWD`.
pub fn shown(amount: i64, currency: &str) -> String {
    let places = decimals(currency);
    let unit = 10_u64.pow(places);
    let (whole, rest) = (amount.unsigned_abs() / unit, amount.unsigned_abs() % unit);
    let sign = if amount < 0 { "-" } else { "" };
    let digits = whole.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match places {
        0 => format!("{sign}{grouped} {currency}"),
        places => format!("{sign}{grouped}.{rest:0width$} {currency}", width = places as usize),
    }
}
