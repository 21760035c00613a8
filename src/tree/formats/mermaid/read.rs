use std::collections::{HashMap, HashSet};

use serde::de::DeserializeOwned;

use super::Refusal;
use super::arrow::{Arrow, arrow};
use super::scanner::Scanner;
use super::shape::{Shape, shape};
use crate::tree::document::{Document, OutcomeKind};
use crate::tree::formats::details::{OptionDetails, WORD};
use crate::tree::formats::sketch::{Sign, Sketch, SketchNode, Way};
use crate::tree::formats::text::{decode, shown, split_outcome};
use crate::tree::formats::{ImportCode, ImportIssue, MAX_BYTES, bounded};

/// `A & B --> C & D` means every pair, each with the label and the details: a short text could mean gigabytes. The smallest arrow has so
/// many bytes as JSON, and all of them may have as many as a document.
const LEAST_WAY: usize = 20;

pub fn read(text: &str) -> Result<Document, Vec<ImportIssue>> {
    let mut reader = Reader {
        scanner: Scanner::new(bounded(text)?),
        sketch: Sketch::default(),
        ids: HashMap::new(),
        shapes: HashMap::new(),
        subgraphs: HashSet::new(),
        arrow_ids: HashSet::new(),
        details: None,
        ways_bytes: 0,
    };
    if reader.header() {
        reader.statements();
        reader.texts();
    }
    reader.sketch.finish()
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    sketch: Sketch,
    /// Positions of nodes.
    ids: HashMap<&'a str, usize>,
    /// How each node is drawn, and on which line.
    shapes: HashMap<usize, (usize, Shape<'a>)>,
    subgraphs: HashSet<&'a str>,
    arrow_ids: HashSet<&'a str>,
    /// The details that wait for the statement they belong to, and their line.
    details: Option<(usize, &'a str)>,
    /// What the arrows so far take in a document, at least.
    ways_bytes: usize,
}

impl<'a> Reader<'a> {
    /// Front matter, comments and `flowchart TD`. False if this is no flowchart.
    fn header(&mut self) -> bool {
        self.skip_blank();
        if self.scanner.eat("---") && self.scanner.take_past("\n---").is_none() {
            self.issue(1, ImportCode::Syntax, "The front matter that begins with --- never ends.");
            return false;
        }
        self.skip_blank();
        let line = self.scanner.line;
        let word = self.scanner.take_while(|letter| letter.is_alphanumeric() || letter == '-');
        if !matches!(word, "flowchart" | "graph" | "flowchart-elk") {
            self.issue(line, ImportCode::Syntax, format!("A flowchart begins with `flowchart TD`, not with “{}”.", shown(word)));
            return false;
        }
        self.scanner.skip_spaces();
        self.scanner.take_while(|letter| letter.is_ascii_uppercase() || matches!(letter, '<' | '>' | '^' | 'v'));
        self.sketch.details = self.take_details().unwrap_or_default();
        true
    }

    /// Skips what stands between statements, and keeps the details found there.
    fn skip_blank(&mut self) {
        loop {
            self.scanner.take_while(|letter| letter == ';' || letter.is_whitespace());
            let line = self.scanner.line;
            if self.scanner.eat("%%{") {
                if self.scanner.take_past("}%%").is_none() {
                    self.issue(line, ImportCode::Syntax, "The directive that begins with %%{ never ends with }%%.");
                }
            } else if self.scanner.eat("%%") {
                let comment = self.scanner.take_line().trim();
                if let Some(json) = comment.strip_prefix(WORD).filter(|json| json.trim_start().starts_with('{')) {
                    self.details = Some((line, json));
                }
            } else if self.scanner.starts("```") {
                // The fence of the Markdown page that the flowchart was copied from.
                self.scanner.take_line();
            } else {
                return;
            }
        }
    }

    fn statements(&mut self) {
        loop {
            self.skip_blank();
            if self.scanner.is_at_end() {
                return;
            }
            let line = self.scanner.line;
            if let Err(message) = self.statement() {
                self.issue(line, ImportCode::Syntax, message);
                self.scanner.take_line();
            }
            if self.ways_bytes > MAX_BYTES {
                return self.issue(line, ImportCode::TooLarge, "The arrows are too many, or the labels on them too long.");
            }
        }
    }

    fn statement(&mut self) -> Result<(), Refusal> {
        let Some(id) = self.scanner.take_id() else {
            return Err(format!("This is no node, arrow or comment: “{}”.", shown(self.scanner.take_line())));
        };
        let ends = self.scanner.peek().is_none_or(|next| next == ';' || next.is_whitespace());
        match id {
            "subgraph" if ends => {
                self.scanner.skip_spaces();
                self.subgraphs.extend(self.scanner.take_id());
                self.scanner.take_line();
            }
            "end" if ends => {}
            "class" if ends => self.class(),
            "style" | "linkStyle" | "classDef" | "click" | "direction" if ends => {
                self.scanner.take_line();
            }
            "accTitle" | "accDescr" => {
                let line = self.scanner.take_line();
                if line.trim_start().starts_with('{') && !line.contains('}') {
                    self.scanner.take_past("}").ok_or("The description that begins with { never ends.")?;
                }
            }
            _ if self.arrow_ids.contains(id) => {
                self.scanner.take_line();
            }
            _ => return self.chain(id),
        }
        Ok(())
    }

    /// `class A,B escalated`: only outcomes mean something here.
    fn class(&mut self) {
        let line = self.scanner.take_line().trim().trim_end_matches(';');
        let Some((ids, name)) = line.rsplit_once(char::is_whitespace) else { return };
        let Some(outcome) = OutcomeKind::from_name(name) else { return };
        for id in ids.split(',') {
            let at = self.node(id.trim());
            if let Some(node) = self.sketch.nodes.get_mut(at) {
                node.outcome = Some(outcome);
            }
        }
    }

    /// `A --> B & C -->|label| D`, or just `A`.
    fn chain(&mut self, id: &'a str) -> Result<(), Refusal> {
        let mut from = self.group(id)?;
        let Some(mut arrow) = self.arrow()? else {
            if let Some(details) = self.take_details()
                && let Some(node) = from.first().and_then(|at| self.sketch.nodes.get_mut(*at))
            {
                node.details = details;
            }
            return self.end_of_statement();
        };
        let mut details_bytes = self.details.map_or(0, |(_, json)| json.len());
        let mut details: OptionDetails = self.take_details().unwrap_or_default();
        loop {
            // An arrow may end a line.
            self.scanner.skip_white();
            let id = self.scanner.take_id().ok_or("An arrow leads nowhere: a node is missing behind it.")?;
            let to = self.group(id)?;
            self.weigh(&from, &arrow, &to, std::mem::take(&mut details_bytes));
            self.connect(&from, &arrow, &to, std::mem::take(&mut details));
            from = to;
            arrow = match self.arrow()? {
                Some(arrow) => arrow,
                None => return self.end_of_statement(),
            };
        }
    }

    fn end_of_statement(&mut self) -> Result<(), Refusal> {
        self.scanner.skip_spaces();
        let ends = self.scanner.is_at_end() || ["\n", ";", "%%"].iter().any(|end| self.scanner.starts(end));
        if ends { Ok(()) } else { Err(format!("This does not belong here: “{}”.", shown(self.scanner.take_line()))) }
    }

    fn arrow(&mut self) -> Result<Option<Arrow<'a>>, Refusal> {
        self.scanner.skip_spaces();
        // `A e1@--> B` names the arrow.
        let mut behind_name = self.scanner;
        if let Some(name) = behind_name.take_id()
            && behind_name.eat("@")
        {
            self.arrow_ids.insert(name);
            self.scanner = behind_name;
        }
        arrow(&mut self.scanner)
    }

    /// `A & B & C`
    fn group(&mut self, id: &'a str) -> Result<Vec<usize>, Refusal> {
        let mut group = vec![self.vertex(id)?];
        loop {
            self.scanner.skip_spaces();
            if !self.scanner.eat("&") {
                return Ok(group);
            }
            self.scanner.skip_white();
            let id = self.scanner.take_id().ok_or("A node is missing behind &.")?;
            group.push(self.vertex(id)?);
        }
    }

    /// A node with its shape and class, if they stand there.
    fn vertex(&mut self, id: &'a str) -> Result<usize, Refusal> {
        let line = self.scanner.line;
        if self.subgraphs.contains(id) {
            return Err(format!("“{}” is a subgraph; arrows lead from node to node.", shown(id)));
        }
        let at = self.node(id);
        if let Some(shape) = shape(&mut self.scanner)? {
            let (first, drawn) = self.shapes.entry(at).or_insert_with(|| (line, shape.clone()));
            if *drawn != shape {
                let message = format!("“{}” is drawn twice and differently, first on line {first}.", shown(id));
                self.issue(line, ImportCode::DuplicateKey, message);
            }
        }
        if self.scanner.eat(":::") {
            let class = self.scanner.take_id().ok_or("The name of a class is missing behind :::.")?;
            if let Some(node) = self.sketch.nodes.get_mut(at) {
                node.outcome = OutcomeKind::from_name(class).or(node.outcome);
            }
        }
        Ok(at)
    }

    fn node(&mut self, id: &'a str) -> usize {
        let (line, sketch) = (self.scanner.line, &mut self.sketch);
        let node = || SketchNode { line, name: id.to_owned(), title: id.to_owned(), ..SketchNode::default() };
        *self.ids.entry(id).or_insert_with(|| sketch.add(node()))
    }

    fn weigh(&mut self, from: &[usize], arrow: &Arrow, to: &[usize], details_bytes: usize) {
        let label = if let Arrow::Labelled(text) = arrow { text.len() } else { 0 };
        let ways = from.len().saturating_mul(to.len());
        self.ways_bytes = self.ways_bytes.saturating_add(ways.saturating_mul(LEAST_WAY + label + details_bytes));
    }

    fn connect(&mut self, from: &[usize], arrow: &Arrow, to: &[usize], details: OptionDetails) {
        if matches!(arrow, Arrow::Invisible) || self.ways_bytes > MAX_BYTES {
            return;
        }
        let line = self.scanner.line;
        for at in from {
            let Some(node) = self.sketch.nodes.get_mut(*at) else { continue };
            node.ways.extend(to.iter().map(|to| Way { line, sign: sign(arrow), to: *to, details: details.clone() }));
        }
    }

    /// Gives the nodes their texts, now that it is known where the way ends: `(escalated)` is an outcome there, and part of
    /// the text elsewhere.
    fn texts(&mut self) {
        for (at, (_, shape)) in self.shapes.drain() {
            let Some(node) = self.sketch.nodes.get_mut(at) else { continue };
            let (text, outcome) = match shape.kind {
                None if node.ways.is_empty() => split_outcome(shape.text),
                _ => (shape.text, None),
            };
            node.title = plain(text);
            node.kind = shape.kind;
            node.outcome = node.outcome.or(outcome);
        }
    }

    fn take_details<T: DeserializeOwned>(&mut self) -> Option<T> {
        let (line, json) = self.details.take()?;
        let details = serde_json::from_str(json);
        details.map_err(|error| self.issue(line, ImportCode::Syntax, format!("These details are not known here: {error}."))).ok()
    }

    fn issue(&mut self, line: usize, code: ImportCode, message: impl Into<String>) {
        self.sketch.issues.push(line, code, message);
    }
}

fn sign(arrow: &Arrow) -> Sign {
    match arrow {
        Arrow::Dotted => Sign::Otherwise,
        Arrow::Labelled(text) => Sign::Label(plain(text)),
        Arrow::Plain | Arrow::Invisible => Sign::Nothing,
    }
}

/// Titles and labels are one line: a line break is a space.
fn plain(text: &str) -> String {
    let text = text.replace("<br/>", "\n").replace("<br />", "\n").replace("<br>", "\n");
    decode(&text.split('\n').map(str::trim).collect::<Vec<_>>().join(" "), '#')
}
