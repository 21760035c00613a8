//! Which of two states of one subscription is the later one. Stripe promises no order, `created` has a grain of one second, several
//! events of one action share a second, and event ids have no order. So the payload decides: an event says what its object was
//! *before*, and what it was before cannot be later. Pure: no database, no clock.
//!
//! - A *version* is a state of the object with the time at which it was seen.
//! - *terminal*: canceled or incomplete_expired. Whatever else arrives, and whenever: it stays.
//! - A version *contains* the previous attributes of another if each of them has that value in it: then the other came after it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::subscription::Status;

/// A state of a subscription, as somebody told it.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Between these two times the object was like this: an event's second, or from a request's start to its answer.
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// None for what was read from the API.
    pub event_id: Option<&'a str>,
    /// Told by `customer.subscription.created`: nothing comes before it.
    pub first: bool,
    /// None: a value that we do not know.
    pub status: Option<Status>,
    pub previous: Option<&'a Value>,
    pub object: &'a Value,
}

impl Version<'_> {
    /// An event says that it has not begun.
    pub fn waits(&self) -> bool {
        self.event_id.is_some() && self.status == Some(Status::Incomplete)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The arriving version is the later one.
    Later,
    /// What is stored is later, or the same.
    Stale,
    /// Nobody can tell. The arriving one is taken if `take`; reading the object again will heal it.
    Undecided { take: bool },
}

/// How far what is stored can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// It must be read again.
    pub doubtful: bool,
    /// Of its second another version was compared with it already. Of two that follow each other the payload always tells which is the
    /// later one; of three, a value may have come back to what it was, and then it can mislead.
    pub contested: bool,
}

/// What is decided about an arriving version, and how far what is stored then can be trusted. A doubt is taken away by a later second, by
/// the end, or by reading again.
pub fn decide(stored: &Version<'_>, trust: Trust, arriving: &Version<'_>) -> (Order, Trust) {
    let order = order(stored, arriving);
    let reminder = arriving.previous.is_none() && stored.object == arriving.object;
    let known = stored.event_id.is_some() && stored.event_id == arriving.event_id;
    let trust = match order {
        Order::Undecided { .. } => Trust { doubtful: true, contested: true },
        // Whatever was doubted of the first one: what follows it tells more.
        Order::Later if !overlap(stored, arriving) || ended(arriving) || stored.first && !arriving.first => Trust::default(),
        Order::Stale if !overlap(stored, arriving) || ended(stored) || known || reminder => trust,
        // Nothing comes before the first one.
        Order::Stale if arriving.first && !stored.first => trust,
        Order::Later | Order::Stale => Trust { doubtful: trust.doubtful || trust.contested, contested: true },
    };
    (order, trust)
}

fn overlap(stored: &Version<'_>, arriving: &Version<'_>) -> bool {
    seconds(arriving).0 <= seconds(stored).1 && seconds(stored).0 <= seconds(arriving).1
}

/// Where the arriving version stands against the stored one.
pub fn order(stored: &Version<'_>, arriving: &Version<'_>) -> Order {
    match (ended(stored), ended(arriving)) {
        (true, false) => return Order::Stale,
        (false, true) => return Order::Later,
        (true, true) | (false, false) => {}
    }
    if seconds(arriving).0 > seconds(stored).1 {
        return Order::Later;
    }
    if seconds(arriving).1 < seconds(stored).0 {
        return Order::Stale;
    }
    same_second(stored, arriving)
}

fn ended(version: &Version<'_>) -> bool {
    version.status.is_some_and(Status::is_terminal)
}

/// Whole seconds: an event knows no finer time.
fn seconds(version: &Version<'_>) -> (i64, i64) {
    (version.from.timestamp(), version.until.timestamp())
}

fn same_second(stored: &Version<'_>, arriving: &Version<'_>) -> Order {
    if stored.event_id.is_some() && stored.event_id == arriving.event_id {
        return Order::Stale;
    }
    match (stored.first, arriving.first) {
        (true, false) => return Order::Later,
        (false, true) => return Order::Stale,
        (true, true) | (false, false) => {}
    }
    // An event that only reminds of what is known already, such as `trial_will_end`.
    if arriving.event_id.is_some() && arriving.previous.is_none() && stored.object == arriving.object {
        return Order::Stale;
    }
    let follows = |before: &Version<'_>, after: &Version<'_>| after.previous.is_some_and(|previous| contains(before.object, previous));
    match (follows(stored, arriving), follows(arriving, stored)) {
        (true, false) => Order::Later,
        (false, true) => Order::Stale,
        (true, true) | (false, false) => {
            // The status that is further on, then the event id: no matter who arrives first, the same one is taken.
            let rank = |version: &Version<'_>| (version.status.map(Status::rank), version.event_id.map(str::to_owned));
            Order::Undecided { take: rank(arriving) > rank(stored) }
        }
    }
}

/// Every key path of `previous` has that value in `object`; lists item by item, and what is absent is null.
pub fn contains(object: &Value, previous: &Value) -> bool {
    match (object, previous) {
        (_, Value::Object(fields)) => fields.iter().all(|(name, value)| contains(object.get(name).unwrap_or(&Value::Null), value)),
        (Value::Array(items), Value::Array(before)) => {
            items.len() == before.len() && items.iter().zip(before).all(|(item, before)| contains(item, before))
        }
        (value, before) => value == before,
    }
}
