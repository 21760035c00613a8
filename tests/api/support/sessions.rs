//! Trees for the session's tests, and somebody who walks them.

use chrono::{DateTime, TimeDelta, Utc};
use fixpath::session::commands::{self, Answer, Change, Stamp};
use fixpath::session::library::{Library, PinnedVersion};
use fixpath::session::record::{StepKind, StepRecord};
use fixpath::session::refusal::Refusal;
use fixpath::session::state::{State, fold};
use fixpath::tree::document::Document;
use fixpath::tree::value::Values;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

pub const OUTAGE: Uuid = Uuid::from_u128(1);
pub const CABLE: Uuid = Uuid::from_u128(2);
pub const ADA: Uuid = Uuid::from_u128(0xada);
pub const BOB: Uuid = Uuid::from_u128(0xb0b);

/// A network outage: asks for the customer (personal data) and the site, counts lamps, calls the cable check, loops over a reboot.
pub fn outage() -> Document {
    read(json!({
        "schema": 1,
        "root": "customer",
        "variables": [
            {"name": "customer", "kind": "text", "pii": true},
            {"name": "vip", "kind": "yes_no", "default": false},
            {"name": "lamps", "kind": "number"},
            {"name": "cable", "kind": "choice"},
        ],
        "nodes": {
            "customer": {"kind": "question", "title": "Who calls?", "ask": "text", "variable": "customer", "otherwise": "scope",
                "options": [{"key": "anonymous", "label": "They will not say", "to": "scope"}]},
            "scope": {"kind": "question", "title": "Who is offline?", "ask": "choice", "options": [
                {"key": "all", "label": "The whole site", "to": "escalate", "set": {"vip": true}},
                {"key": "one", "label": "One desk", "to": "lamps"},
            ]},
            "lamps": {"kind": "question", "title": "How many lamps are lit?", "ask": "number", "variable": "lamps", "loops": true,
                "options": [{"key": "unknown", "label": "Cannot see them", "to": "cable"}], "otherwise": "judge"},
            "judge": {"kind": "decision", "title": "Judge the lamps",
                "rules": [{"when": "lamps >= 3", "to": "reboot"}, {"when": "lamps > 0 and vip", "to": "escalate"}], "otherwise": "cable"},
            "cable": {"kind": "subtree", "title": "Check the cable", "tree": "cable-check", "variable": "cable", "next": "after_cable",
                "args": {"caller": {"variable": "customer"}, "length": 5}},
            "after_cable": {"kind": "decision", "title": "How did the cable do?",
                "rules": [{"when": "cable == 'resolved'", "to": "works"}], "otherwise": "reboot"},
            "reboot": {"kind": "action", "title": "Reboot the switch", "next": "better"},
            "better": {"kind": "question", "title": "Is it better?", "ask": "yes_no", "options": [
                {"key": "yes", "label": "Yes", "to": "works"}, {"key": "no", "label": "No", "to": "lamps"},
            ]},
            "works": {"kind": "resolution", "title": "It works again", "outcome": "resolved"},
            "escalate": {"kind": "resolution", "title": "Call the provider", "outcome": "escalated"},
        },
    }))
}

/// The callee: two variables, one of which receives the caller's personal data without being declared as such.
pub fn cable_check() -> Document {
    read(json!({
        "schema": 1,
        "root": "plugged",
        "variables": [{"name": "caller", "kind": "text"}, {"name": "length", "kind": "number", "default": 1}, {"name": "day", "kind": "date"}],
        "nodes": {
            "plugged": {"kind": "question", "title": "Is it plugged in?", "ask": "yes_no", "options": [
                {"key": "yes", "label": "Yes, firmly", "to": "since"}, {"key": "no", "label": "No", "to": "fixed"},
            ]},
            "since": {"kind": "question", "title": "Since when?", "ask": "date", "variable": "day", "otherwise": "broken"},
            "fixed": {"kind": "resolution", "title": "Plugged in again", "outcome": "resolved"},
            "broken": {"kind": "resolution", "title": "Broken cable", "outcome": "unresolved"},
        },
    }))
}

pub fn outage_library() -> Library {
    Library::new([pinned(OUTAGE, outage(), [("cable", CABLE)]), pinned(CABLE, cable_check(), [])])
}

pub fn read(value: Value) -> Document {
    Document::from_json(&value).unwrap()
}

pub fn pinned<const N: usize>(id: Uuid, document: Document, pins: [(&str, Uuid); N]) -> (Uuid, Arc<PinnedVersion>) {
    let pins: HashMap<String, Uuid> = pins.into_iter().map(|(key, id)| (key.to_owned(), id)).collect();
    (id, Arc::new(PinnedVersion { document: Arc::new(document), pins }))
}

pub fn values(value: Value) -> Values {
    serde_json::from_value(value).unwrap()
}

/// A session as its owner of the moment sees it. A minute passes between commands, and each takes ten seconds' work.
#[derive(Clone)]
pub struct Walker {
    pub library: Library,
    pub steps: Vec<StepRecord>,
    pub state: State,
    pub by: Uuid,
    now: DateTime<Utc>,
}

impl Walker {
    pub fn start(library: Library, at_node: Option<&str>, variables: Value) -> Self {
        Self::try_start(library, at_node, values(variables)).unwrap()
    }

    pub fn try_start(library: Library, at_node: Option<&str>, variables: Values) -> Result<Self, Refusal> {
        let now = "2026-03-02T10:00:00Z".parse().unwrap();
        let stamp = Stamp { by: ADA, at: now, active_ms: 0 };
        let change = commands::start(&library, OUTAGE, at_node, variables, stamp)?;
        Ok(Self { library, steps: change.steps, state: change.state, by: ADA, now })
    }

    pub fn stamp(&mut self) -> Stamp {
        self.now += TimeDelta::minutes(1);
        Stamp { by: self.by, at: self.now, active_ms: 10_000 }
    }

    pub fn take(&mut self, change: Result<Change, Refusal>) -> Result<&mut Self, Refusal> {
        let change = change?;
        self.steps.extend(change.steps);
        self.state = change.state;
        Ok(self)
    }

    pub fn try_answer(&mut self, node: &str, answer: Answer) -> Result<&mut Self, Refusal> {
        let stamp = self.stamp();
        let change = commands::answer(&self.library, &self.state, node, &answer, None, stamp);
        self.take(change)
    }

    pub fn answer(&mut self, node: &str, answer: Answer) -> &mut Self {
        self.try_answer(node, answer).unwrap()
    }

    pub fn option(&mut self, node: &str, key: &str) -> &mut Self {
        self.answer(node, Answer::Option(key.into()))
    }

    pub fn text(&mut self, node: &str, text: &str) -> &mut Self {
        self.answer(node, Answer::Text(text.into()))
    }

    pub fn number(&mut self, node: &str, number: f64) -> &mut Self {
        self.answer(node, Answer::Number(number))
    }

    pub fn try_undo(&mut self, to_seq: Option<i32>) -> Result<&mut Self, Refusal> {
        let stamp = self.stamp();
        let change = commands::undo(&self.library, &self.state, &self.steps, to_seq, stamp);
        self.take(change)
    }

    pub fn undo(&mut self, to_seq: Option<i32>) -> &mut Self {
        self.try_undo(to_seq).unwrap()
    }

    pub fn note(&mut self, text: &str) -> &mut Self {
        let stamp = self.stamp();
        let change = commands::note(&self.state, text, stamp);
        self.take(change).unwrap()
    }

    pub fn stands_on(&self) -> &str {
        &self.state.walk.current.node_key
    }

    pub fn variables(&self) -> Value {
        json!(self.state.walk.variables)
    }

    /// The kinds of the steps from one `seq` on.
    pub fn kinds_from(&self, seq: usize) -> Vec<StepKind> {
        self.steps.iter().skip(seq - 1).map(|step| step.kind).collect()
    }

    /// The stored state is the fold of the stored steps.
    #[track_caller]
    pub fn assert_folds(&self) {
        assert_eq!(fold(&self.library, &self.steps).unwrap(), self.state);
    }
}
