//! Documents for property tests. A list of numbers, the dice, decides everything, so that proptest can shrink it.
#![allow(dead_code)]

use fixpath::tree::document::{
    Argument, AskKind, CallerVariable, Choice, Document, Media, MediaKind, Node, NodeKind, OutcomeKind, Rule, Variable,
};
use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Anything that has the shape of a document: edges into nowhere, unknown kinds, fields of other kinds, texts of any sort.
pub fn any_document() -> impl Strategy<Value = Document> {
    dice().prop_map(|mut dice| anything(&mut dice))
}

/// What `publish` accepts, without errors: questions of all kinds, actions, decisions over variables, declared loops, several
/// resolutions; no subtrees. The variables are some of `VARIABLES`.
pub fn valid_document() -> impl Strategy<Value = Document> {
    dice().prop_map(|mut dice| valid(&mut dice, &[]))
}

/// A valid document that calls others, with the documents it calls by the name that its subtree nodes use. The callees call
/// nobody.
pub fn valid_call() -> impl Strategy<Value = (Document, IndexMap<String, Document>)> {
    (dice(), dice(), dice()).prop_map(|(mut caller, mut first, mut second)| {
        let callees = IndexMap::from([("first".to_string(), valid(&mut first, &[])), ("second".to_string(), valid(&mut second, &[]))]);
        (valid(&mut caller, &["first", "second"]), callees)
    })
}

/// The variables that every valid document declares, of each kind, with and without a default.
pub const VARIABLES: [(&str, AskKind); 6] = [
    ("colour", AskKind::Choice),
    ("powered", AskKind::YesNo),
    ("pages", AskKind::Number),
    ("serial", AskKind::Text),
    ("bought", AskKind::Date),
    ("attempts", AskKind::Number),
];

fn dice() -> impl Strategy<Value = Dice> {
    prop::collection::vec(any::<u16>(), 0..160).prop_map(|rolls| Dice { rolls, next: 0 })
}

/// Numbers to be used one after the other; 0 when none is left.
#[derive(Clone, Debug)]
struct Dice {
    rolls: Vec<u16>,
    next: usize,
}

impl Dice {
    /// 0 … sides - 1
    fn roll(&mut self, sides: usize) -> usize {
        self.next += 1;
        self.rolls.get(self.next - 1).map_or(0, |roll| usize::from(*roll)) % sides.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.roll(items.len())]
    }

    /// One time in `sides`.
    fn rarely(&mut self, sides: usize) -> bool {
        self.roll(sides) == sides - 1
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.roll(2) == 1 { Some(make(self)) } else { None }
    }

    fn some<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.roll(most + 1)).map(|_| make(self)).collect()
    }
}

const ASKS: [AskKind; 5] = [AskKind::Choice, AskKind::YesNo, AskKind::Number, AskKind::Text, AskKind::Date];
const OUTCOMES: [OutcomeKind; 3] = [OutcomeKind::Resolved, OutcomeKind::Escalated, OutcomeKind::Unresolved];

// ── anything ────────────────────────────────────────────────────────────────────────────────────

const KEYS: [&str; 10] = ["a", "b", "c", "d", "yes", "no", "", "Not a key", "ключ", "a.b"];
const TEXTS: [&str; 12] = [
    "",
    "Is it on?",
    "*bold* [link](javascript:alert(1))",
    "<script>alert(1)</script>",
    "`code` and | pipe",
    "line\nbreak",
    "日本語",
    "emoji 🔥 \u{202e}backwards",
    "\u{0}nul",
    "# heading",
    "\"quotes\" and 'more'",
    "https://example.com/a?b=c&d",
];
const EXPRESSIONS: [&str; 6] = ["", "colour == 'red'", "powered and not pages > 3", "exists nothing", "((", "pages == 'red'"];

fn key(dice: &mut Dice) -> String {
    (*dice.pick(&KEYS)).into()
}

fn text(dice: &mut Dice) -> String {
    (*dice.pick(&TEXTS)).into()
}

fn value(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!("red"),
        json!(true),
        json!(3),
        json!(-0.0),
        json!(0.0),
        json!(1.5),
        json!("2026-01-31"),
        json!([1, {"a": 2, "b": 3}]),
        json!({"b": 3, "a": 2}),
    ])
    .clone()
}

fn anything(dice: &mut Dice) -> Document {
    let variables = dice.some(3, |dice| Variable {
        name: if dice.rarely(4) { text(dice) } else { VARIABLES[dice.roll(VARIABLES.len())].0.into() },
        kind: *dice.pick(&ASKS),
        pii: dice.rarely(3),
        default: dice.maybe(value),
    });
    let nodes = dice.some(6, |dice| (key(dice), any_node(dice))).into_iter().collect();
    Document { schema: Document::SCHEMA, root: key(dice), variables, nodes }
}

fn any_node(dice: &mut Dice) -> Node {
    let kinds = ["question", "action", "decision", "subtree", "resolution", "oracle"];
    Node {
        kind: NodeKind::from(dice.pick(&kinds).to_string()),
        title: text(dice),
        body: dice.maybe(text),
        media: dice.some(1, |dice| Media {
            url: text(dice),
            kind: *dice.pick(&[MediaKind::Image, MediaKind::Video, MediaKind::File]),
            alt: text(dice),
        }),
        loops: dice.rarely(3),
        ask: dice.maybe(|dice| *dice.pick(&ASKS)),
        variable: dice.maybe(key),
        options: dice.some(3, |dice| Choice {
            key: key(dice),
            label: text(dice),
            hint: dice.maybe(text),
            to: key(dice),
            set: dice.some(2, |dice| (key(dice), value(dice))).into_iter().collect(),
        }),
        rules: dice.some(2, |dice| Rule { when: (*dice.pick(&EXPRESSIONS)).into(), to: key(dice) }),
        otherwise: dice.maybe(key),
        url: dice.maybe(text),
        tree: dice.maybe(key),
        args: dice.some(2, |dice| (key(dice), any_argument(dice))).into_iter().collect(),
        next: dice.maybe(key),
        outcome: dice.maybe(|dice| *dice.pick(&OUTCOMES)),
    }
}

fn any_argument(dice: &mut Dice) -> Argument {
    if dice.roll(2) == 0 { Argument::Value(value(dice)) } else { Argument::Variable(CallerVariable { variable: key(dice) }) }
}

// ── valid ───────────────────────────────────────────────────────────────────────────────────────

/// Nodes are made in order. Each but the first is entered from one before it, and the last is a resolution. Every edge that is
/// then still free leads to a later node, so that every way ends; or back, if the node has a way forward already: only questions
/// and actions do that, and the node they lead back to is a declared loop.
fn valid(dice: &mut Dice, callees: &[&str]) -> Document {
    let mut nodes: Vec<Node> = Vec::new();
    let last = dice.roll(14);
    for index in 0..=last {
        let mut free: Vec<&mut String> = nodes.iter_mut().flat_map(free_edges).collect();
        let others_free = free.len() > 1;
        if index > 0 {
            let edge = dice.roll(free.len());
            *free[edge] = node_key(index);
        }
        nodes.push(if index == last || (others_free && dice.rarely(6)) {
            resolution(dice)
        } else {
            inner_node(dice, callees, others_free)
        });
    }
    let mut loops = vec![false; nodes.len()];
    for (index, node) in nodes.iter_mut().enumerate() {
        let waits = matches!(node.kind, NodeKind::Question | NodeKind::Action);
        let mut leads_forward = false;
        for edge in every_edge(node) {
            if !edge.is_empty() {
                leads_forward = true;
            } else if waits && leads_forward && dice.rarely(3) {
                let back = dice.roll(index + 1);
                loops[back] = true;
                *edge = node_key(back);
            } else {
                leads_forward = true;
                *edge = node_key(index + 1 + dice.roll(last - index));
            }
        }
    }
    for (node, loops) in nodes.iter_mut().zip(loops) {
        node.loops = loops;
    }
    let variables = VARIABLES
        .map(|(name, kind)| Variable {
            name: name.into(),
            kind,
            pii: name == "serial",
            default: if name == "attempts" {
                Some(json!(0))
            } else if dice.rarely(4) {
                Some(value_of(dice, kind))
            } else {
                None
            },
        })
        .to_vec();
    let nodes = nodes.into_iter().enumerate().map(|(index, node)| (node_key(index), node)).collect();
    Document { schema: Document::SCHEMA, root: node_key(0), variables, nodes }
}

fn node_key(index: usize) -> String {
    format!("n{index}")
}

fn every_edge(node: &mut Node) -> Vec<&mut String> {
    let options = node.options.iter_mut().map(|option| &mut option.to);
    options.chain(node.rules.iter_mut().map(|rule| &mut rule.to)).chain(&mut node.otherwise).chain(&mut node.next).collect()
}

fn free_edges(node: &mut Node) -> Vec<&mut String> {
    every_edge(node).into_iter().filter(|to| to.is_empty()).collect()
}

/// A node with at least one free edge, or a last call where other edges are free.
fn inner_node(dice: &mut Dice, callees: &[&str], others_free: bool) -> Node {
    let mut node = match dice.roll(if callees.is_empty() { 4 } else { 6 }) {
        0 | 1 => question(dice),
        2 => Node {
            kind: NodeKind::Action,
            url: dice.maybe(|_| "https://example.com/manual".into()),
            next: Some(String::new()),
            ..Node::default()
        },
        3 => Node {
            kind: NodeKind::Decision,
            rules: (0..=dice.roll(3)).map(|_| Rule { when: expression(dice, 2), to: String::new() }).collect(),
            otherwise: Some(String::new()),
            ..Node::default()
        },
        _ => subtree(dice, callees, others_free),
    };
    node.title = title(dice);
    node.body = dice.maybe(|_| "Look at the **lamp**, or ask [us](https://example.com).".into());
    node
}

fn resolution(dice: &mut Dice) -> Node {
    Node { kind: NodeKind::Resolution, title: title(dice), outcome: Some(*dice.pick(&OUTCOMES)), ..Node::default() }
}

fn title(dice: &mut Dice) -> String {
    (*dice.pick(&["Is it on?", "Öffnen Sie das Gehäuse", "電源を入れる", "Quote \"this\", \\ and | that", "A <b> & c"])).into()
}

fn question(dice: &mut Dice) -> Node {
    let ask = *dice.pick(&ASKS);
    let keys: &[&str] = match ask {
        AskKind::Choice => &["red", "green", "blue", "yes"],
        AskKind::YesNo => &["yes", "no"],
        AskKind::Number => &["1", "20", "unknown"],
        AskKind::Text => &["none", "unknown"],
        AskKind::Date => &["2026-01-31", "unknown"],
    };
    let count = match ask {
        AskKind::Choice => 1 + dice.roll(keys.len()),
        AskKind::YesNo => 2,
        _ => dice.roll(keys.len() + 1),
    };
    let takes_anything = !matches!(ask, AskKind::Choice | AskKind::YesNo) || dice.rarely(4);
    let names: Vec<&str> = VARIABLES.iter().filter(|(_, kind)| *kind == ask).map(|(name, _)| *name).collect();
    Node {
        kind: NodeKind::Question,
        ask: Some(ask),
        variable: dice.maybe(|dice| (*dice.pick(&names)).into()),
        options: keys
            .iter()
            .take(count)
            .map(|key| Choice {
                key: (*key).into(),
                label: format!("It is {key}"),
                hint: dice.maybe(|_| "Look closely".into()),
                to: String::new(),
                set: if dice.rarely(4) { IndexMap::from([assignment(dice)]) } else { IndexMap::new() },
            })
            .collect(),
        otherwise: takes_anything.then(String::new),
        ..Node::default()
    }
}

fn subtree(dice: &mut Dice, callees: &[&str], others_free: bool) -> Node {
    let args = dice.some(2, |dice| {
        let (name, value) = assignment(dice);
        let argument =
            if dice.roll(2) == 0 { Argument::Value(value) } else { Argument::Variable(CallerVariable { variable: name.clone() }) };
        (name, argument)
    });
    Node {
        kind: NodeKind::Subtree,
        tree: Some((*dice.pick(callees)).into()),
        args: args.into_iter().collect(),
        variable: dice.maybe(|_| "colour".into()),
        next: if others_free && dice.rarely(4) { None } else { Some(String::new()) },
        ..Node::default()
    }
}

fn assignment(dice: &mut Dice) -> (String, Value) {
    let (name, kind) = *dice.pick(&VARIABLES);
    (name.into(), value_of(dice, kind))
}

fn value_of(dice: &mut Dice, kind: AskKind) -> Value {
    match kind {
        AskKind::Choice => (*dice.pick(&["red", "green", "blue"])).into(),
        AskKind::YesNo => (dice.roll(2) == 1).into(),
        AskKind::Number => dice.pick(&[json!(0), json!(20), json!(-1.5)]).clone(),
        AskKind::Text => (*dice.pick(&["none", "Zürich 8"])).into(),
        AskKind::Date => (*dice.pick(&["2026-01-31", "2024-02-29"])).into(),
    }
}

fn expression(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 || dice.roll(3) == 0 {
        return (*dice.pick(&[
            "powered",
            "exists serial",
            "colour == 'red'",
            "colour in ['green', \"blue\"]",
            "pages >= 20",
            "attempts < pages",
            "serial != colour",
            "bought < '2026-01-31'",
            "powered == no",
        ]))
        .into();
    }
    let (left, right) = (expression(dice, depth - 1), expression(dice, depth - 1));
    dice.pick(&[format!("{left} and {right}"), format!("({left}) or {right}"), format!("not ({left})")]).clone()
}
