//! A document as the text readers see it: nodes and ways between them, before keys are given and kinds are concluded.
//!
//! What a reader does not say is concluded here, by the same rules for every format:
//! - a node without a way out is a resolution (resolved), one with a single way an action, one with labelled ways a question;
//! - a key is the slug of the node's name or the option's label, made unique;
//! - a question whose options are `yes` and `no` asks `yes_no`, one without options `text`, any other `choice`;
//! - the tree begins at the first node that nothing leads to.

use super::details::{DocumentDetails, NodeDetails, OptionDetails, usual_ask};
use super::text::{Keys, shown};
use super::{ImportCode, ImportIssue, Issues, MAX_NODES};
use crate::tree::document::{Choice, Document, Key, Node, NodeKind, OutcomeKind, Rule};
use crate::tree::validate::MAX_KEY_CHARACTERS;

#[derive(Default)]
pub struct Sketch {
    pub nodes: Vec<SketchNode>,
    pub details: DocumentDetails,
    /// The node that the format names as the first one.
    pub root: Option<usize>,
    pub issues: Issues,
    is_full: bool,
}

#[derive(Default)]
pub struct SketchNode {
    pub line: usize,
    /// The key is made of it, unless `details.key` is there.
    pub name: String,
    pub title: String,
    pub body: Option<String>,
    /// As the notation shows it.
    pub kind: Option<NodeKind>,
    pub outcome: Option<OutcomeKind>,
    pub ways: Vec<Way>,
    pub details: NodeDetails,
}

pub struct Way {
    pub line: usize,
    pub sign: Sign,
    /// The position of the node that it leads to.
    pub to: usize,
    pub details: OptionDetails,
}

/// What stands on a way.
pub enum Sign {
    Nothing,
    Label(String),
    Otherwise,
}

impl Sketch {
    /// The new node's position. A node too many is left out, and has a position at which nothing is.
    pub fn add(&mut self, node: SketchNode) -> usize {
        if self.nodes.len() < MAX_NODES {
            self.nodes.push(node);
            return self.nodes.len() - 1;
        }
        if !std::mem::replace(&mut self.is_full, true) {
            self.issues.push(node.line, ImportCode::TooLarge, format!("There are more than {MAX_NODES} nodes."));
        }
        usize::MAX
    }

    pub fn finish(mut self) -> Result<Document, Vec<ImportIssue>> {
        if self.nodes.is_empty() && self.issues.0.is_empty() {
            self.issues.push(1, ImportCode::Syntax, "There is no node in this text.");
        }
        let keys = self.keys();
        let root = match self.details.root.take().filter(|root| keys.contains(root)) {
            Some(root) => root,
            None => self.first().and_then(|at| keys.get(at)).cloned().unwrap_or_default(),
        };
        let mut document = Document { root, variables: self.details.variables, ..Document::empty() };
        for (node, key) in self.nodes.into_iter().zip(&keys) {
            let node = node.finish(key, &keys, &mut self.issues);
            document.nodes.insert(key.clone(), node);
        }
        self.issues.or(document)
    }

    /// Keys that the author gave come first: the others make room.
    fn keys(&mut self) -> Vec<Key> {
        let mut keys = Keys::default();
        for node in &mut self.nodes {
            // It is repeated by every way that leads there.
            if let Some(key) = node.details.key.take_if(|key| key.len() > MAX_KEY_CHARACTERS) {
                let message = format!("The key “{}” has {} bytes; at most {MAX_KEY_CHARACTERS} are read.", shown(&key), key.len());
                self.issues.push(node.line, ImportCode::TooLarge, message);
            }
            if let Some(key) = &node.details.key
                && !keys.claim(key)
            {
                self.issues.push(node.line, ImportCode::DuplicateKey, format!("The key “{}” is given to two nodes.", shown(key)));
            }
        }
        self.nodes
            .iter()
            .map(|node| match &node.details.key {
                Some(key) => key.clone(),
                None => keys.derive(&node.name, "node"),
            })
            .collect()
    }

    fn first(&self) -> Option<usize> {
        let mut is_target = vec![false; self.nodes.len()];
        for way in self.nodes.iter().flat_map(|node| &node.ways) {
            if let Some(target) = is_target.get_mut(way.to) {
                *target = true;
            }
        }
        self.root.or_else(|| is_target.iter().position(|target| !target)).or((!self.nodes.is_empty()).then_some(0))
    }
}

/// The kind that the ways out show.
pub fn usual_kind(ways: usize, labelled: bool) -> NodeKind {
    match ways {
        0 => NodeKind::Resolution,
        _ if labelled => NodeKind::Question,
        _ => NodeKind::Action,
    }
}

impl SketchNode {
    fn finish(self, key: &str, keys: &[Key], issues: &mut Issues) -> Node {
        let labelled = self.ways.iter().any(|way| matches!(way.sign, Sign::Label(_)));
        let usual = || usual_kind(self.ways.len(), labelled);
        let details = self.details;
        let kind = self.kind.or(details.kind).unwrap_or_else(usual);
        let mut node = Node {
            title: self.title,
            body: self.body.or(details.body),
            media: details.media,
            loops: details.loops,
            ask: details.ask,
            variable: details.variable,
            url: details.url,
            tree: details.tree,
            args: details.args,
            ..Node::default()
        };
        let branches = matches!(kind, NodeKind::Question | NodeKind::Decision);
        let single = !branches && self.ways.len() == 1;
        // A lone way out of a question, with nothing on it, takes any answer.
        let open = branches && !labelled;
        let mut option_keys = Keys::default();
        for way in &self.ways {
            if let Some(key) = &way.details.key
                && !option_keys.claim(key)
            {
                issues.push(way.line, ImportCode::DuplicateKey, format!("The key “{}” is given to two options.", shown(key)));
            }
        }
        for way in self.ways {
            let to = keys.get(way.to).cloned().unwrap_or_default();
            let slot = match way.sign {
                _ if single => &mut node.next,
                Sign::Label(label) if kind == NodeKind::Decision => {
                    node.rules.push(Rule { when: label, to });
                    continue;
                }
                Sign::Label(label) => {
                    let key = way.details.key.unwrap_or_else(|| option_keys.derive(&label, "option"));
                    let label = if way.details.unlabelled && label == key { String::new() } else { label };
                    node.options.push(Choice { key, label, hint: way.details.hint, to, set: way.details.set });
                    continue;
                }
                Sign::Otherwise => &mut node.otherwise,
                Sign::Nothing if open || kind == NodeKind::Decision => &mut node.otherwise,
                Sign::Nothing if kind == NodeKind::Question => {
                    let message = format!("A way from “{}” has no label, so nobody could choose it.", shown(key));
                    issues.push(way.line, ImportCode::MissingLabel, message);
                    continue;
                }
                Sign::Nothing => &mut node.next,
            };
            if slot.replace(to).is_some() {
                let message = format!("Several ways without a label lead on from “{}”; a label tells them apart.", shown(key));
                issues.push(way.line, ImportCode::MissingLabel, message);
            }
        }
        match kind {
            NodeKind::Question => node.ask = node.ask.or_else(|| Some(usual_ask(&node.options))),
            NodeKind::Resolution => node.outcome = self.outcome.or(Some(OutcomeKind::Resolved)),
            NodeKind::Subtree => node.tree = node.tree.or_else(|| Some(super::text::slug(&node.title))),
            _ => {}
        }
        node.kind = kind;
        node
    }
}
