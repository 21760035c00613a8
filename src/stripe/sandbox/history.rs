//! Random lives of one subscription, made by the world's own state machine: what happened, and what is true in the end. For tests
//! that deliver the events in other orders and expect the same truth.

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::actions::{self, Action};
use super::calendar::{DAY, HOUR};
use super::events::Event;
use super::json::Json;
use super::resources::{checkout, customers, lifecycle, prices, products};
use super::state::{Settings, World};
use super::versions::{Version, bare};

/// When every history begins.
pub const START: i64 = 1_767_268_800;
/// A month of each costs these amounts.
const AMOUNTS: [i64; 3] = [1_200, 2_900, 5_900];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Time passes; without it everything happens within one second.
    Wait(i64),
    /// Another of the three prices; the difference is billed at once, and what cannot be paid waits.
    Price(usize),
    Seats(i64),
    CancelAtPeriodEnd,
    DoNotCancel,
    PauseCollection,
    ResumeCollection,
    /// The card is declined from now on.
    CardFails,
    CardWorks,
    /// Another card is stored, which works.
    NewCard,
    /// Somebody pays what is open.
    PayInvoice,
    /// The bank has answered about a payment that takes days.
    Debit {
        arrives: bool,
    },
    /// It goes on after a pause.
    Resume,
    EndNow,
}

/// How a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Beginning {
    Paid,
    Trial,
    /// Unless a card is stored meanwhile, it pauses at the end.
    TrialWithoutCard,
    /// The first payment takes days.
    BankDebit,
}

#[derive(Clone, Debug)]
pub struct History {
    seed: u64,
    pub beginning: Beginning,
    pub steps: Vec<Step>,
}

/// What came of it.
pub struct Told {
    pub world: World,
    pub customer: String,
    pub subscription: String,
    /// The ids of the prices, in the order of `Step::Price`.
    pub prices: Vec<String>,
    /// How many events there were before the subscription's life began: about products, prices and the customer.
    pub prologue: usize,
}

impl Told {
    /// The subscription's own events, in the order of happening.
    pub fn events(&self) -> Vec<&Event> {
        self.world.events.iter().filter(|event| event.about() == self.subscription).collect()
    }

    /// All events of its life as they would be delivered.
    pub fn payloads(&self, version: &Version) -> Vec<Value> {
        self.world.events.iter().skip(self.prologue).map(|event| event.render(&self.world, version)).collect()
    }

    /// The subscription as it is in the end, in the newest shape.
    pub fn truth(&self) -> Value {
        bare(self.world.object(&self.subscription).clone())
    }
}

/// A history of up to twelve steps, and what its beginning alone makes possible; about half of them follow at once, in the same second.
pub fn random(rng: &mut impl Rng) -> History {
    let mut steps: Vec<Step> = (0..rng.random_range(1..=12)).map(|_| step(rng)).collect();
    let beginning = match rng.random_range(0..20) {
        0..=3 => Beginning::Trial,
        4..=6 => Beginning::TrialWithoutCard,
        7..=9 => Beginning::BankDebit,
        _ => Beginning::Paid,
    };
    let own: &[Step] = match beginning {
        Beginning::Paid | Beginning::Trial => &[],
        Beginning::TrialWithoutCard => &[Step::Wait(14 * DAY), Step::NewCard, Step::Resume],
        Beginning::BankDebit => &[Step::Debit { arrives: rng.random_bool(0.5) }, Step::Wait(DAY)],
    };
    for step in own {
        if rng.random_bool(0.8) {
            steps.insert(rng.random_range(0..=steps.len()), *step);
        }
    }
    History { seed: rng.random(), beginning, steps }
}

fn step(rng: &mut impl Rng) -> Step {
    let waits = [1, HOUR, DAY, 4 * DAY, 12 * DAY, 32 * DAY];
    match rng.random_range(0..16) {
        0..=4 => Step::Wait(waits.choose(rng).copied().unwrap_or(1)),
        5 | 6 => Step::Price(rng.random_range(0..AMOUNTS.len())),
        7 | 8 => Step::Seats(rng.random_range(1..=9)),
        9 => Step::CancelAtPeriodEnd,
        10 => Step::DoNotCancel,
        11 => Step::PauseCollection,
        12 => Step::ResumeCollection,
        13 => Step::CardFails,
        14 => {
            if rng.random_bool(0.5) {
                Step::CardWorks
            } else {
                Step::PayInvoice
            }
        }
        _ => {
            if rng.random_bool(0.3) {
                Step::EndNow
            } else {
                Step::PayInvoice
            }
        }
    }
}

impl History {
    /// Steps that the world refuses, such as changing what has ended, change nothing.
    pub fn run(&self) -> Told {
        let mut world = World::new(self.seed, START, Settings::default());
        let prices: Vec<String> = AMOUNTS.iter().map(|amount| price(&mut world, *amount)).collect();
        let customer = customers::create(&mut world, &json!({ "email": "ann@example.com" }));
        let customer = customer.unwrap_or_default().text("id").to_owned();
        let prologue = world.events.len();
        let subscription = begin(&mut world, &customer, prices.first().map_or("", String::as_str), self.beginning);
        let mut told = Told { world, customer, subscription, prices, prologue };
        for step in &self.steps {
            told.take(*step);
        }
        told
    }
}

fn price(world: &mut World, amount: i64) -> String {
    let product = products::create(world, &json!({ "name": format!("Plan for {amount}") })).unwrap_or_default();
    let params = json!({ "product": product.text("id"), "currency": "usd", "unit_amount": amount, "recurring": { "interval": "month" } });
    prices::create(world, &params).unwrap_or_default().text("id").to_owned()
}

fn begin(world: &mut World, customer: &str, price: &str, beginning: Beginning) -> String {
    let mut params = json!({
        "mode": "subscription",
        "customer": customer,
        "line_items": [{ "price": price, "quantity": 2 }],
        "success_url": "http://localhost/done",
    });
    let card = match beginning {
        Beginning::Paid | Beginning::Trial => "works",
        Beginning::TrialWithoutCard => "",
        Beginning::BankDebit => "delayed",
    };
    if matches!(beginning, Beginning::Trial | Beginning::TrialWithoutCard) {
        params.set("subscription_data/trial_period_days", 14);
    }
    if beginning == Beginning::TrialWithoutCard {
        params.set("payment_method_collection", "if_required");
        params.set("subscription_data/trial_settings/end_behavior/missing_payment_method", "pause");
    }
    let session = checkout::create(world, &params).unwrap_or_default().text("id").to_owned();
    checkout::pay(world, &session, &actions::number(card), "", false).ok();
    world.object(&session).text("subscription").to_owned()
}

impl Told {
    fn take(&mut self, step: Step) {
        let item = self.world.object(&self.subscription).text("items/data/0/id").to_owned();
        let action = match step {
            Step::Wait(seconds) => {
                let until = self.world.now + seconds;
                self.world.run_until(until);
                return;
            }
            Step::Price(index) => {
                let price = self.prices.get(index).cloned().unwrap_or_default();
                self.update(json!({
                    "items": [{ "id": item, "price": price }],
                    "proration_behavior": "always_invoice",
                    "payment_behavior": "pending_if_incomplete",
                }))
            }
            Step::Seats(quantity) => self.update(json!({ "items": [{ "id": item, "quantity": quantity }] })),
            Step::CancelAtPeriodEnd => self.update(json!({ "cancel_at_period_end": true })),
            Step::DoNotCancel => self.update(json!({ "cancel_at_period_end": false })),
            Step::PauseCollection => self.update(json!({ "pause_collection": { "behavior": "void" } })),
            Step::ResumeCollection => self.update(json!({ "pause_collection": null })),
            Step::CardFails => Action::CardsBehave { customer: self.customer.clone(), card: "declined".to_owned() },
            Step::CardWorks => Action::CardsBehave { customer: self.customer.clone(), card: "works".to_owned() },
            Step::NewCard => Action::NewCard { customer: self.customer.clone(), card: "works".to_owned() },
            Step::PayInvoice => Action::PayInvoice { invoice: self.invoice(), card: "works".to_owned() },
            Step::Debit { arrives } => {
                let payment_intent = self.world.object(&self.invoice()).text("_payment_intent").to_owned();
                Action::Settle { payment_intent, success: arrives }
            }
            Step::Resume => Action::Resume { subscription: self.subscription.clone() },
            Step::EndNow => Action::Cancel { subscription: self.subscription.clone() },
        };
        // A refusal is part of the history: nothing happens then.
        actions::act(&mut self.world, &action).ok();
    }

    fn invoice(&self) -> String {
        self.world.object(&self.subscription).text("latest_invoice").to_owned()
    }

    fn update(&self, params: Value) -> Action {
        Action::Update { subscription: self.subscription.clone(), params }
    }

    /// Whether it can still change.
    pub fn alive(&self) -> bool {
        lifecycle::alive(self.world.object(&self.subscription))
    }
}
