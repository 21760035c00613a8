//! The world: every object, what has happened, and what is due. It knows no HTTP and no system clock; whoever holds it tells it
//! the time. Objects are JSON in the newest shape. Keys that begin with `_` are our own notes: they are never shown, and older
//! API versions are rendered with their help.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use indexmap::IndexMap;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;
use super::events::{Cause, Event};
use super::json::Json;
use super::timers::{self, Timer};
use super::versions::same;

/// What a renewal that cannot be paid leads to in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dunning {
    Cancel,
    Unpaid,
    PastDue,
}

/// How the simulated Stripe account is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the sandbox listens: in the links to its pages.
    pub base_url: String,
    pub dunning: Dunning,
    /// Days from one failed attempt to the next.
    pub retry_days: Vec<i64>,
    /// Somebody has saved the portal's settings once. Until then it has none.
    pub portal_saved: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { base_url: "http://localhost".to_owned(), dunning: Dunning::Unpaid, retry_days: vec![3, 5, 7], portal_saved: true }
    }
}

#[derive(Serialize, Deserialize)]
pub struct World {
    /// In seconds. Never goes back.
    pub now: i64,
    /// By how many seconds that is later than by the clients' clock: somebody has let time pass here alone.
    #[serde(skip)]
    pub ahead: i64,
    /// Given anew at each start, as chance is.
    #[serde(skip)]
    pub settings: Settings,
    pub events: Vec<Event>,
    /// Whose doing it is, what happens now.
    #[serde(skip)]
    pub cause: Cause,
    objects: IndexMap<String, Value>,
    timers: BTreeSet<(i64, Timer, String)>,
    #[serde(skip, default = "StdRng::from_os_rng")]
    random: StdRng,
}

static BLANKS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("objects.json")).unwrap_or_default());
static NOTHING: Value = Value::Null;

/// Every field of that kind of object, with neutral values.
pub fn blank(kind: &str) -> Value {
    BLANKS.get(kind).cloned().unwrap_or_default()
}

const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Kind, prefix of its ids, their number of letters.
const IDS: &[(&str, &str, usize)] = &[
    ("billing_portal.configuration", "bpc_1", 22),
    ("webhook_endpoint", "we_1", 22),
    ("billing_portal.session", "bps_1", 22),
    ("charge", "ch_3", 22),
    ("checkout.session", "cs_test_a1", 58),
    ("coupon", "", 8),
    ("customer", "cus_", 14),
    ("discount", "di_1", 22),
    ("dispute", "dp_1", 22),
    ("event", "evt_1", 22),
    ("invoice", "in_1", 22),
    ("invoice_payment", "inpay_1", 22),
    ("invoiceitem", "ii_1", 22),
    ("item", "li_1", 22),
    ("line_item", "il_1", 22),
    ("payment_intent", "pi_3", 22),
    ("payment_method", "pm_1", 22),
    ("price", "price_1", 22),
    ("product", "prod_", 14),
    ("promotion_code", "promo_1", 22),
    ("refund", "re_3", 22),
    ("request", "req_", 14),
    ("subscription", "sub_1", 22),
    ("subscription_item", "si_", 14),
    ("subscription_schedule", "sub_sched_1", 22),
];

impl World {
    /// The same seed makes the same ids.
    pub fn new(seed: u64, now: i64, settings: Settings) -> Self {
        Self {
            now,
            ahead: 0,
            settings,
            events: Vec::new(),
            cause: Cause::default(),
            objects: IndexMap::new(),
            timers: BTreeSet::new(),
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(LETTERS[self.random.random_range(0..LETTERS.len())])).collect()
    }

    pub fn id(&mut self, kind: &str) -> String {
        let (prefix, letters) = IDS.iter().find(|(name, ..)| *name == kind).map_or(("obj_", 22), |(_, prefix, count)| (prefix, *count));
        format!("{prefix}{}", self.letters(letters))
    }

    /// An object that is part of another one, hence not stored by itself.
    pub fn part(&mut self, kind: &str, fields: Value) -> Value {
        let mut object = blank(kind);
        object.set("id", self.id(kind));
        if object.has("created") {
            object.set("created", self.now);
        }
        object.patch(fields);
        object
    }

    /// Stores a new object and gives its id. Says nothing of it: see `emit`.
    pub fn create(&mut self, kind: &str, fields: Value) -> String {
        let object = self.part(kind, fields);
        let id = object.text("id").to_owned();
        self.objects.insert(id.clone(), object);
        id
    }

    /// Null when there is none.
    pub fn object(&self, id: &str) -> &Value {
        self.objects.get(id).unwrap_or(&NOTHING)
    }

    /// The object that a path names.
    pub fn find(&self, kind: &str, id: &str) -> Result<&Value, ApiError> {
        let object = self.object(id);
        if object.text("object") == kind { Ok(object) } else { Err(ApiError::missing(&kind.replace('.', " "), id)) }
    }

    /// The object that a parameter names; a deleted one is not there.
    pub fn referred(&self, param: &str, kind: &str, id: &str) -> Result<&Value, ApiError> {
        let object = self.object(id);
        let there = object.text("object") == kind && !object.flag("deleted");
        if there { Ok(object) } else { Err(ApiError::no_such(param, &kind.replace('.', " "), id)) }
    }

    /// In the order of creation.
    pub fn all(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Value> {
        self.objects.values().filter(move |object| object.text("object") == kind)
    }

    /// All there is, in the order of creation.
    pub fn objects(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    /// Ids of that kind whose `field` is `value`.
    pub fn ids_where(&self, kind: &str, field: &str, value: &str) -> Vec<String> {
        self.all(kind).filter(|object| object.text(field) == value).map(|object| object.text("id").to_owned()).collect()
    }

    /// Changes an object and says nothing of it.
    pub fn edit(&mut self, id: &str, fields: Value) {
        if let Some(object) = self.objects.get_mut(id) {
            object.patch(fields);
        }
    }

    /// Changes an object; if it is different then, an event of this type says so.
    pub fn change(&mut self, id: &str, event: &str, fields: Value) {
        let before = self.object(id).clone();
        self.edit(id, fields);
        self.emit_change(event, before);
    }

    /// The object was `before`; an event says so unless it still looks the same.
    pub fn emit_change(&mut self, event: &str, before: Value) {
        let id = before.text("id").to_owned();
        if !same(self.object(&id), &before) {
            self.record(event, &id, Some(before));
        }
    }

    pub fn emit(&mut self, event: &str, id: &str) {
        self.record(event, id, None);
    }

    fn record(&mut self, kind: &str, id: &str, before: Option<Value>) {
        let event = Event {
            id: self.id("event"),
            kind: kind.to_owned(),
            created: self.now,
            object: self.object(id).clone(),
            before,
            cause: self.cause.clone(),
        };
        self.events.push(event);
    }

    /// Leaves `{id, object, deleted: true}`. The event shows the object as it was.
    pub fn bury(&mut self, id: &str, event: &str) -> Value {
        self.emit(event, id);
        let tombstone = json!({ "id": id, "object": self.object(id).text("object"), "deleted": true });
        self.objects.insert(id.to_owned(), tombstone.clone());
        tombstone
    }

    /// Takes over what another world has: its objects as they are, and what has happened. Nothing of it falls due any more.
    pub fn absorb(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.events.extend(other.events);
        self.now = self.now.max(other.now);
    }

    /// Something will be due. When the time comes it is checked whether it still is.
    pub fn at(&mut self, time: i64, timer: Timer, id: &str) {
        self.timers.insert((time, timer, id.to_owned()));
    }

    /// When the next thing is due.
    pub fn next_due(&self) -> Option<i64> {
        self.timers.first().map(|(time, ..)| *time)
    }

    /// Lets time pass, and everything happen that falls due on the way, each at its time.
    pub fn run_until(&mut self, time: i64) {
        while let Some(entry) = self.timers.first().cloned().filter(|(due, ..)| *due <= time) {
            self.timers.remove(&entry);
            let (due, timer, id) = entry;
            self.now = self.now.max(due);
            timers::fire(self, timer, &id, due);
        }
        self.now = self.now.max(time);
    }
}
