use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::tree::document::{Document, NodeKind, OutcomeKind};
use crate::tree::formats::details::{DocumentDetails, NodeDetails, OptionDetails, WORD};
use crate::tree::formats::sketch::{Sign, Sketch, SketchNode, Way};
use crate::tree::formats::text::{decode, shown};
use crate::tree::formats::{ImportCode, ImportIssue, bounded};

/// Passages that dress a story and are no part of it.
const DRESS: [&str; 14] = [
    "PassageDone",
    "PassageFooter",
    "PassageHeader",
    "PassageReady",
    "StoryAuthor",
    "StoryBanner",
    "StoryCaption",
    "StoryIncludes",
    "StoryInit",
    "StoryInterface",
    "StoryMenu",
    "StorySettings",
    "StorySubtitle",
    "StoryTitle",
];

pub fn read(text: &str) -> Result<Document, Vec<ImportIssue>> {
    let mut reader = Reader::default();
    reader.split(bounded(text)?);
    for (at, passage) in std::mem::take(&mut reader.passages).into_iter().enumerate() {
        reader.content(at, &passage);
    }
    reader.sketch.root = match reader.start.take() {
        Some((line, name)) => reader.target(line, &name),
        None => reader.names.get("Start").copied(),
    };
    reader.sketch.finish()
}

#[derive(Default)]
struct Reader<'a> {
    sketch: Sketch,
    /// In the order of the sketch's nodes.
    passages: Vec<Passage<'a>>,
    names: HashMap<String, usize>,
    start: Option<(usize, String)>,
}

/// A passage's lines, and the number of the first one.
struct Passage<'a> {
    line: usize,
    lines: Vec<&'a str>,
}

/// `:: Name [tag tag] {"position":"1,2"}`
struct Header<'a> {
    name: String,
    tags: Vec<String>,
    metadata: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    fixpath: NodeDetails,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoryData {
    start: Option<String>,
    fixpath: DocumentDetails,
}

struct Link<'a> {
    label: Option<&'a str>,
    target: &'a str,
}

impl<'a> Reader<'a> {
    fn split(&mut self, text: &'a str) {
        let mut current: Option<(Header<'a>, Passage<'a>)> = None;
        for (at, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if let Some(header) = line.strip_prefix("::") {
                self.keep(current.take());
                current = Some((header_of(header), Passage { line: at + 2, lines: Vec::new() }));
            } else if let Some((_, passage)) = &mut current {
                passage.lines.push(line);
            } else if !line.trim().is_empty() && self.sketch.issues.0.is_empty() {
                self.issue(at + 1, ImportCode::Syntax, "This stands before the first passage, which begins with `:: Name`.".into());
            }
        }
        self.keep(current);
    }

    fn keep(&mut self, passage: Option<(Header<'a>, Passage<'a>)>) {
        let Some((header, passage)) = passage else { return };
        let line = passage.line - 1;
        let has = |tag: &str| header.tags.iter().any(|own| own == tag);
        if header.name == "StoryData" {
            let data: StoryData = self.parse(passage.line, &passage.lines.join("\n")).unwrap_or_default();
            self.start = data.start.map(|start| (passage.line, start));
            self.sketch.details = data.fixpath;
        }
        if header.name == "StoryData" || DRESS.contains(&header.name.as_str()) || has("script") || has("stylesheet") {
            return;
        }
        if header.name.is_empty() {
            return self.issue(line, ImportCode::Syntax, "A passage has no name.".into());
        }
        if self.names.contains_key(&header.name) {
            let message = format!("Two passages are called “{}”.", shown(&header.name));
            return self.issue(line, ImportCode::DuplicateKey, message);
        }
        let details = match header.metadata {
            "" => NodeDetails::default(),
            json => self.parse(line, json).map(|data: Metadata| data.fixpath).unwrap_or_default(),
        };
        let outcome = header.tags.iter().find_map(|tag| OutcomeKind::from_name(tag));
        let kind = header.tags.iter().map(|tag| NodeKind::from(tag.clone())).find(|kind| !matches!(kind, NodeKind::Unknown(_)));
        let kind = kind.or(outcome.map(|_| NodeKind::Resolution));
        let (name, title) = (header.name.clone(), header.name.clone());
        let at = self.sketch.add(SketchNode { line, title, name, kind, outcome, details, ..SketchNode::default() });
        self.names.insert(header.name, at);
        self.passages.push(passage);
    }

    /// The title, the body and the ways out.
    fn content(&mut self, at: usize, passage: &Passage<'a>) {
        let mut body: Vec<String> = Vec::new();
        let mut title = None;
        let mut ways: Vec<(usize, Link, bool, OptionDetails)> = Vec::new();
        for (offset, line) in passage.lines.iter().copied().enumerate() {
            let number = passage.line + offset;
            if body.is_empty() && line.trim().is_empty() {
                continue;
            }
            if title.is_none() && body.is_empty() && ways.is_empty() && (line == "#" || line.starts_with("# ")) {
                title = Some(decode(line.trim_start_matches('#').trim(), '&'));
                continue;
            }
            let (text, details) = split_comment(line);
            if !text.contains("[[") {
                body.push(line.to_owned());
                continue;
            }
            let (rest, links) = self.links(number, text);
            let is_otherwise = rest.trim().eq_ignore_ascii_case("otherwise") && links.len() == 1;
            let last = links.len().saturating_sub(1);
            for (index, link) in links.into_iter().enumerate() {
                let details = details.filter(|_| index == last).and_then(|json| self.parse(number, json));
                ways.push((number, link, is_otherwise, details.unwrap_or_default()));
            }
            let is_list = rest.chars().all(|letter| letter.is_whitespace() || matches!(letter, '*' | '-' | '+' | '>' | '|'));
            if !is_otherwise && !is_list {
                body.push(self.in_words(text));
            }
        }
        while body.last().is_some_and(|line| line.trim().is_empty()) {
            body.pop();
        }
        let is_single = ways.len() == 1;
        let kind = self.sketch.nodes.get(at).and_then(|node| node.kind.clone());
        let ways = ways.into_iter().filter_map(|(line, link, is_otherwise, details)| {
            let to = self.target(line, &decode(link.target, '&'))?;
            let label = link.label.map(|label| decode(label, '&'));
            let sign = match (&kind, label) {
                _ if is_otherwise => Sign::Otherwise,
                (None, _) if is_single => Sign::Nothing,
                (_, Some(label)) => Sign::Label(label),
                (None | Some(NodeKind::Question), None) => Sign::Label(decode(link.target, '&')),
                (_, None) => Sign::Nothing,
            };
            Some(Way { line, sign, to, details })
        });
        let ways = ways.collect();
        if let Some(node) = self.sketch.nodes.get_mut(at) {
            node.ways = ways;
            node.body = Some(body.join("\n")).filter(|body| !body.is_empty());
            node.title = title.unwrap_or_else(|| std::mem::take(&mut node.title));
        }
    }

    /// The links of a line, and what stands around them.
    fn links(&mut self, line: usize, text: &'a str) -> (String, Vec<Link<'a>>) {
        let (mut rest, mut links) = (String::new(), Vec::new());
        let mut ahead = text;
        while let Some((before, after)) = ahead.split_once("[[") {
            rest.push_str(before);
            let Some((inner, behind)) = after.split_once("]]") else {
                self.issue(line, ImportCode::Syntax, "A link that begins with [[ never ends with ]].".into());
                return (rest, links);
            };
            links.push(link(inner));
            ahead = behind;
        }
        (rest + ahead, links)
    }

    /// A sentence with its links as words.
    fn in_words(&self, text: &str) -> String {
        let mut out = String::new();
        let mut ahead = text;
        while let Some((before, (inner, behind))) =
            ahead.split_once("[[").and_then(|(before, after)| Some((before, after.split_once("]]")?)))
        {
            let link = link(inner);
            out.push_str(before);
            out.push_str(&decode(link.label.unwrap_or(link.target), '&'));
            ahead = behind;
        }
        out + ahead
    }

    fn target(&mut self, line: usize, name: &str) -> Option<usize> {
        let target = self.names.get(name.trim()).copied();
        if target.is_none() {
            self.issue(line, ImportCode::UnknownTarget, format!("No passage is called “{}”.", shown(name)));
        }
        target
    }

    fn parse<T: DeserializeOwned>(&mut self, line: usize, json: &str) -> Option<T> {
        let parsed = serde_json::from_str(json);
        parsed.map_err(|error| self.issue(line, ImportCode::Syntax, format!("This JSON is not known here: {error}."))).ok()
    }

    fn issue(&mut self, line: usize, code: ImportCode, message: String) {
        self.sketch.issues.push(line, code, message);
    }
}

fn header_of(text: &str) -> Header<'_> {
    let (name, rest) = unescaped_until(text, &['[', '{']);
    let (tags, rest) = match rest.strip_prefix('[') {
        Some(tags) => unescaped_until(tags, &[']']),
        None => (String::new(), rest),
    };
    let metadata = rest.strip_prefix(']').unwrap_or(rest).trim();
    Header { name: name.trim().to_owned(), tags: tags.split_whitespace().map(str::to_owned).collect(), metadata }
}

/// Reads up to one of `ends`; a backslash takes the next character for what it is.
fn unescaped_until<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
    let mut out = String::new();
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        if !is_escaped && ends.contains(&letter) {
            return (out, text.get(at..).unwrap_or_default());
        }
        is_escaped = !is_escaped && letter == '\\';
        if !is_escaped {
            out.push(letter);
        }
    }
    (out, "")
}

/// The JSON of a details comment at the end of a line, and what stands before it.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let split = || {
        let (before, comment) = line.trim_end().strip_suffix("-->")?.rsplit_once("<!--")?;
        let json = comment.trim().strip_prefix(WORD)?.trim();
        Some((before, Some(json)))
    };
    split().unwrap_or((line, None))
}

/// What stands between `[[` and `]]`. `[[label|target][$x to 1]]` sets a variable of the story; that part is left out.
fn link(inner: &str) -> Link<'_> {
    let inner = inner.split_once("][").map_or(inner, |(link, _)| link);
    let right = inner.rsplit_once("->");
    let left = || inner.split_once("<-").map(|(target, label)| (label, target));
    let bar = || inner.rsplit_once('|');
    match right.or_else(left).or_else(bar) {
        Some((label, target)) => Link { label: Some(label.trim()), target: target.trim() },
        None => Link { label: None, target: inner.trim() },
    }
}
