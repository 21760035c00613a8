//! Billing periods: they are counted from an anchor, so that the 31st of January is followed by the 28th of February and the 31st
//! of March.

use chrono::{DateTime, Months, Utc};

use super::json::Json;
use serde_json::Value;

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;

/// The anchor moved by so many intervals of a price's `recurring`.
fn moved(anchor: i64, recurring: &Value, times: i64) -> i64 {
    let count = recurring.maybe_int("interval_count").unwrap_or(1).max(1) * times;
    let months = match recurring.text("interval") {
        "day" => return anchor + count * DAY,
        "week" => return anchor + count * 7 * DAY,
        "year" => count * 12,
        _ => count,
    };
    let start = DateTime::<Utc>::from_timestamp(anchor, 0);
    let end = start.and_then(|start| start.checked_add_months(Months::new(u32::try_from(months).ok()?)));
    end.map_or(anchor + months * 30 * DAY, |end| end.timestamp())
}

/// The end of the period that holds `time`.
pub fn period_end(anchor: i64, recurring: &Value, time: i64) -> i64 {
    (1..).map(|times| moved(anchor, recurring, times)).find(|end| *end > time).unwrap_or(time)
}

pub fn date(time: i64) -> String {
    DateTime::<Utc>::from_timestamp(time, 0).map(|time| time.format("%d %b %Y").to_string()).unwrap_or_default()
}
