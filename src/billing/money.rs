//! Amounts for people. In the database and on the wire they are whole minor units, whatever the currency.

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

/// Stripe takes only multiples of this: of three decimals, the last is always 0. Króna and shilling have lost their decimals, but at
/// Stripe they still have two, which are always 0.
pub fn step(currency: &str) -> i64 {
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
