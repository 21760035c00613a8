//! Subscriptions.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::field::{at, flag, id, items, metadata, number, text, time};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subscription {
    pub id: Option<String>,
    pub customer: Option<String>,
    pub status: Option<String>,
    pub items: Vec<Item>,
    pub period_start: Option<DateTime<Utc>>,
    pub period_end: Option<DateTime<Utc>>,
    /// When it will end, however that was asked for: flexible billing sets only `cancel_at`, older ones only `cancel_at_period_end`.
    pub cancel_at: Option<DateTime<Utc>>,
    pub canceled_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub trial_end: Option<DateTime<Utc>>,
    pub collection_paused: bool,
    /// What it changes to once that is paid.
    pub pending: Option<Item>,
    /// A schedule will change it.
    pub schedule: Option<String>,
    pub created: Option<DateTime<Utc>>,
    pub account: Option<String>,
    pub user: Option<String>,
    pub plan_key: Option<String>,
}

/// What is paid for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    pub id: Option<String>,
    pub price: Option<String>,
    pub product: Option<String>,
    pub interval: Option<String>,
    pub quantity: Option<i64>,
}

impl Subscription {
    pub fn read(object: &Value) -> Self {
        let lines = items(object, "items");
        let own = items(object, "items").iter().map(Item::read).collect::<Vec<_>>();
        // Before there were items, the plan stood on the subscription itself.
        let items = if own.is_empty() { at(object, "plan").map(|_| Item::read(object)).into_iter().collect() } else { own };
        // From 2025-03-31 on, periods stand on the items.
        let of_items = |name: &str| lines.iter().filter_map(|line| time(line, name)).max();
        let period_end = time(object, "current_period_end").or_else(|| of_items("current_period_end"));
        let at_period_end = flag(object, "cancel_at_period_end").unwrap_or(false);
        Self {
            id: text(object, "id"),
            customer: id(object, "customer"),
            status: text(object, "status"),
            items,
            period_start: time(object, "current_period_start").or_else(|| of_items("current_period_start")),
            period_end,
            cancel_at: time(object, "cancel_at").or(if at_period_end { period_end } else { None }),
            canceled_at: time(object, "canceled_at"),
            ended_at: time(object, "ended_at"),
            trial_end: time(object, "trial_end"),
            collection_paused: at(object, "pause_collection").is_some(),
            pending: items_of_update(object).first().map(Item::read),
            schedule: id(object, "schedule"),
            created: time(object, "created"),
            account: metadata(object, "metadata", &["account", "account_id"]),
            user: metadata(object, "metadata", &["user", "user_id"]),
            plan_key: metadata(object, "metadata", &["plan", "plan_key"]),
        }
    }
}

/// What a schedule changes it to next: the items of the phase that comes after the one that runs.
pub fn scheduled(schedule: &Value) -> Vec<Item> {
    let Some(end) = number(schedule, "current_phase.end_date") else { return Vec::new() };
    let next = items(schedule, "phases").iter().find(|phase| number(phase, "start_date") == Some(end));
    next.map_or(&[][..], |phase| items(phase, "items")).iter().map(Item::read).collect()
}

fn items_of_update(object: &Value) -> &[Value] {
    items(object, "pending_update.subscription_items")
}

impl Item {
    fn read(line: &Value) -> Self {
        Self {
            id: text(line, "id"),
            price: id(line, "price").or_else(|| id(line, "plan")),
            product: id(line, "price.product").or_else(|| id(line, "plan.product")),
            interval: text(line, "price.recurring.interval").or_else(|| text(line, "plan.interval")),
            quantity: number(line, "quantity"),
        }
    }
}
