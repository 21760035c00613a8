use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::body::Body;
use super::escape::{split_key, split_mark, unescape};
use super::item::{Item, Label, item, split_comment};
use super::line::{column, heading, is_rule, list_item};
use crate::tree::document::{Document, NodeKind, OutcomeKind};
use crate::tree::formats::details::{NodeDetails, OptionDetails};
use crate::tree::formats::sketch::{Sign, Sketch, SketchNode, Way};
use crate::tree::formats::text::{shown, slug};
use crate::tree::formats::{ImportCode, ImportIssue, bounded};

pub fn read(text: &str) -> Result<Document, Vec<ImportIssue>> {
    let mut reader = Reader { frames: vec![Frame::default()], ..Reader::default() };
    for (at, line) in bounded(text)?.split('\n').enumerate() {
        reader.line = at + 1;
        reader.read_line(line.strip_suffix('\r').unwrap_or(line));
    }
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    sketch: Sketch,
    /// The bodies of nodes, by position.
    bodies: HashMap<usize, Body<'a>>,
    /// The heading, and the list items that the current line is in.
    frames: Vec<Frame>,
    jumps: Vec<Jump<'a>>,
    line: usize,
    has_title: bool,
    block: Block<'a>,
}

/// What lines are in that are not read one by one.
#[derive(Default)]
enum Block<'a> {
    #[default]
    None,
    /// Code, the fence that ends it, and the line on which it began.
    Code(&'a str, usize),
    Comment(usize),
}

/// A heading or a list item, to which deeper items belong.
#[derive(Default)]
struct Frame {
    /// 0 for the heading; a list item's column, from 1.
    column: usize,
    node: Option<usize>,
    /// The way of an option that waits for the node below: node, position of the way, and line.
    open: Option<(usize, usize, usize)>,
    last_step: Option<usize>,
}

/// A way whose target is known when all nodes are.
struct Jump<'a> {
    node: usize,
    way: usize,
    line: usize,
    target: &'a str,
}

/// A way's target until it is known.
const UNKNOWN: usize = usize::MAX;

impl<'a> Reader<'a> {
    fn read_line(&mut self, line: &'a str) {
        let text = line.trim();
        match self.block {
            Block::Code(fence, _) => {
                if text.starts_with(fence) && text.trim_start_matches(['`', '~']).is_empty() {
                    self.block = Block::None;
                }
                return self.push_plain(line);
            }
            Block::Comment(_) => {
                if text.contains("-->") {
                    self.block = Block::None;
                }
                return;
            }
            Block::None => {}
        }
        if let Some(fence) = text.get(..3).filter(|fence| matches!(*fence, "```" | "~~~")) {
            self.block = Block::Code(fence, self.line);
            return self.push_plain(line);
        }
        if text.starts_with("<!--") {
            return self.comment(text);
        }
        if let Some(title) = heading(line) {
            return self.heading(line, title);
        }
        let column = column(line);
        if let Some(text) = list_item(text).or_else(|| Some(text).filter(|text| text.starts_with('→') || text.starts_with("->"))) {
            self.close(column);
            return self.item(column, item(text));
        }
        if text.is_empty() {
            return self.push_plain("");
        }
        self.close(column);
        // A quote stands as it is: its end is not trimmed.
        match line.trim_start().strip_prefix('>') {
            Some(quoted) => {
                if let Some(body) = self.body() {
                    body.quoted.push(quoted.strip_prefix(' ').unwrap_or(quoted));
                }
            }
            None if is_rule(text) => {}
            None => self.push_plain(line),
        }
    }

    fn comment(&mut self, text: &'a str) {
        if let (_, Some(json)) = split_comment(text) {
            match self.node_here() {
                None => self.sketch.details = self.details(json).unwrap_or_default(),
                Some(at) => {
                    let details: NodeDetails = self.details(json).unwrap_or_default();
                    self.dress(at, details);
                }
            }
        } else if !text.contains("-->") {
            self.block = Block::Comment(self.line);
        }
    }

    fn heading(&mut self, line: &str, title: &'a str) {
        if !self.has_title && self.sketch.nodes.is_empty() && line.trim_start().starts_with("# ") {
            self.has_title = true;
            return;
        }
        self.close(0);
        let at = self.node(title);
        self.frames = vec![Frame { node: Some(at), ..Frame::default() }];
    }

    fn node(&mut self, text: &'a str) -> usize {
        // `Title {#key} (mark)`, in either order.
        let (text, mut mark) = split_mark(text);
        let (mut text, key) = split_key(text);
        if mark.is_none() && key.is_some() {
            (text, mark) = split_mark(text);
        }
        let title = unescape(text);
        let outcome = mark.and_then(OutcomeKind::from_name);
        let kind = match outcome {
            Some(_) => Some(NodeKind::Resolution),
            None => mark.map(|mark| NodeKind::from(mark.to_owned())),
        };
        let details = NodeDetails { key, ..NodeDetails::default() };
        let node = SketchNode { line: self.line, name: title.clone(), title, kind, outcome, details, ..SketchNode::default() };
        self.sketch.add(node)
    }

    /// Gives a node its details; a key in the visible text wins.
    fn dress(&mut self, at: usize, details: NodeDetails) {
        if let Some(node) = self.sketch.nodes.get_mut(at) {
            let key = node.details.key.take();
            node.details = NodeDetails { key: key.or(details.key.clone()), ..details };
        }
    }

    /// Leaves the list items that the text in this column does not belong to.
    fn close(&mut self, column: usize) {
        while self.frames.len() > 1 && self.frames.last().is_some_and(|frame| frame.column >= column) {
            self.leave();
        }
    }

    fn leave(&mut self) {
        if let Some(Frame { open: Some((.., line)), .. }) = self.frames.pop() {
            self.sketch.issues.push(line, ImportCode::UnknownTarget, "This option leads nowhere: a target or a node below is missing.");
        }
    }

    fn item(&mut self, column: usize, item: Item<'a>) {
        let mut frame = Frame { column, ..Frame::default() };
        match item.label {
            Some(label) => {
                let Some(asker) = self.frames.last().and_then(|frame| frame.node) else {
                    return self.issue(ImportCode::Syntax, "This option belongs to no question.".into());
                };
                let (sign, key) = match label {
                    Label::Otherwise => (Sign::Otherwise, None),
                    Label::Option { text, key } => (Sign::Label(text), key),
                    Label::Rule(when) => {
                        if let Some(node) = self.sketch.nodes.get_mut(asker) {
                            node.kind.get_or_insert(NodeKind::Decision);
                        }
                        (Sign::Label(when), None)
                    }
                };
                let mut details: OptionDetails = item.details.and_then(|json| self.details(json)).unwrap_or_default();
                details.key = key.or(details.key);
                let way = self.way(asker, sign, details);
                frame.node = match (item.inline, item.target) {
                    (Some(title), _) => Some(self.node(title)),
                    (None, Some(target)) if split_mark(target).1.is_some() => Some(self.node(target)),
                    _ => None,
                };
                match (frame.node, item.target) {
                    (Some(node), target) => {
                        self.lead(asker, way, node);
                        if let Some(target) = target.filter(|_| item.inline.is_some()) {
                            self.go_on(Some(node), target);
                        }
                    }
                    (None, Some(target)) => self.jumps.push(Jump { node: asker, way, line: self.line, target }),
                    (None, None) => frame.open = Some((asker, way, self.line)),
                }
            }
            None => {
                let title = item.inline.or(item.target.filter(|target| split_mark(target).1.is_some()));
                let Some(title) = title else {
                    return match item.target {
                        Some(target) => self.jump_from_here(target),
                        None => self.issue(ImportCode::Syntax, "This list item is empty.".into()),
                    };
                };
                let node = self.node(title);
                if let Some(details) = item.details.and_then(|json| self.details(json)) {
                    self.dress(node, details);
                }
                self.step_to(node);
                if let Some(target) = item.target.filter(|_| item.inline.is_some()) {
                    self.go_on(Some(node), target);
                }
                frame.node = Some(node);
            }
        }
        self.frames.push(frame);
    }

    /// A step follows the one above it, or the option or node that it stands below.
    fn step_to(&mut self, node: usize) {
        let Some(parent) = self.frames.last_mut() else { return };
        let above = parent.last_step.replace(node);
        let open = parent.open.take();
        match (above.or(parent.node), open) {
            (None, Some((asker, way, _))) => self.lead(asker, way, node),
            (Some(from), _) => {
                let way = self.way(from, Sign::Nothing, OptionDetails::default());
                self.lead(from, way, node);
            }
            (None, None) => {}
        }
    }

    fn jump_from_here(&mut self, target: &'a str) {
        let Some(parent) = self.frames.last_mut() else { return };
        match (parent.last_step.or(parent.node), parent.open.take()) {
            (None, Some((node, way, line))) => self.jumps.push(Jump { node, way, line, target }),
            (from, _) => self.go_on(from, target),
        }
    }

    fn go_on(&mut self, from: Option<usize>, target: &'a str) {
        let Some(node) = from else {
            return self.issue(ImportCode::Syntax, "Nothing stands above from which this could go on.".into());
        };
        let way = self.way(node, Sign::Nothing, OptionDetails::default());
        self.jumps.push(Jump { node, way, line: self.line, target });
    }

    /// Adds a way that leads nowhere yet, and tells its position.
    fn way(&mut self, from: usize, sign: Sign, details: OptionDetails) -> usize {
        let Some(node) = self.sketch.nodes.get_mut(from) else { return UNKNOWN };
        node.ways.push(Way { line: self.line, sign, to: UNKNOWN, details });
        node.ways.len() - 1
    }

    fn lead(&mut self, from: usize, way: usize, to: usize) {
        if let Some(way) = self.sketch.nodes.get_mut(from).and_then(|node| node.ways.get_mut(way)) {
            way.to = to;
        }
    }

    fn node_here(&self) -> Option<usize> {
        let frame = self.frames.last()?;
        frame.node.or(frame.open.map(|(asker, ..)| asker)).or(self.frames.first()?.node)
    }

    fn body(&mut self) -> Option<&mut Body<'a>> {
        let at = self.node_here()?;
        Some(self.bodies.entry(at).or_default())
    }

    fn push_plain(&mut self, line: &'a str) {
        if let Some(body) = self.body() {
            body.plain.push(line);
        }
    }

    fn details<T: DeserializeOwned>(&mut self, json: &str) -> Option<T> {
        let details = serde_json::from_str(json);
        details.map_err(|error| self.issue(ImportCode::Syntax, format!("These details are not known here: {error}."))).ok()
    }

    fn issue(&mut self, code: ImportCode, message: String) {
        self.sketch.issues.push(self.line, code, message);
    }

    fn finish(mut self) -> Result<Document, Vec<ImportIssue>> {
        while !self.frames.is_empty() {
            self.leave();
        }
        let unclosed = match self.block {
            Block::Code(fence, line) => Some((line, format!("The code that begins with {fence} never ends."))),
            Block::Comment(line) => Some((line, "The comment that begins with <!-- never ends.".into())),
            Block::None => None,
        };
        if let Some((line, message)) = unclosed {
            self.sketch.issues.push(line, ImportCode::Syntax, message);
        }
        self.resolve_jumps();
        for (at, body) in self.bodies {
            if let Some(node) = self.sketch.nodes.get_mut(at) {
                node.body = body.text();
            }
        }
        self.sketch.root = (!self.sketch.nodes.is_empty()).then_some(0);
        self.sketch.finish()
    }

    fn resolve_jumps(&mut self) {
        let mut names: HashMap<String, usize> = HashMap::new();
        for (at, node) in self.sketch.nodes.iter().enumerate() {
            if let Some(key) = &node.details.key {
                names.entry(key.clone()).or_insert(at);
            }
        }
        for (at, node) in self.sketch.nodes.iter().enumerate() {
            names.entry(slug(&node.title)).or_insert(at);
            names.entry(node.title.clone()).or_insert(at);
        }
        for jump in std::mem::take(&mut self.jumps) {
            let name = target_name(jump.target);
            match names.get(&name).or_else(|| names.get(&slug(&name))) {
                Some(to) => self.lead(jump.node, jump.way, *to),
                None => {
                    let message = format!("No node is called “{}”.", shown(&name));
                    self.sketch.issues.push(jump.line, ImportCode::UnknownTarget, message);
                }
            }
        }
    }
}

/// `[text](#key)`, `#key`, or a title.
fn target_name(target: &str) -> String {
    let link = target.strip_suffix(')').and_then(|link| link.rsplit_once("](#")).filter(|_| target.starts_with('['));
    unescape(link.map(|(_, key)| key).or_else(|| target.strip_prefix('#')).unwrap_or(target))
}
