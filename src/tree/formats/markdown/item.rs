//! One list item: `Label → target`, `Label: Text`, `Text`, `→ target`.

use super::escape::{split_key, unescape};
use crate::tree::formats::details::WORD;

#[derive(Debug, Default)]
pub struct Item<'a> {
    pub label: Option<Label>,
    /// The title of a node that is written here, with its marks.
    pub inline: Option<&'a str>,
    pub target: Option<&'a str>,
    /// The JSON of a details comment.
    pub details: Option<&'a str>,
}

#[derive(Debug)]
pub enum Label {
    Option { text: String, key: Option<String> },
    Rule(String),
    Otherwise,
}

pub fn item(text: &str) -> Item<'_> {
    let (text, details) = split_comment(text);
    let (before, target) = split_arrow(text);
    let before = before.trim();
    let mut item = Item { details, target: target.map(str::trim), ..Item::default() };
    if before.is_empty() {
        return item;
    }
    if let Some(step) = strip_word(before, "action:") {
        item.inline = Some(step);
        return item;
    }
    match split_label(before) {
        Some((label, inline)) => {
            item.label = Some(read_label(label));
            item.inline = Some(inline).filter(|text| !text.is_empty());
        }
        None if item.target.is_some() => item.label = Some(read_label(before)),
        None => item.inline = Some(before),
    }
    item
}

/// The text before `<!-- fixpath {…} -->` at the end of the line, and the JSON in it.
pub fn split_comment(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    let split = || {
        let (before, comment) = text.strip_suffix("-->")?.rsplit_once("<!--")?;
        let json = comment.trim().strip_prefix(WORD)?.trim();
        Some((before.trim_end(), Some(json)))
    };
    split().unwrap_or((text, None))
}

fn split_arrow(text: &str) -> (&str, Option<&str>) {
    let (long, short) = (text.find('→'), text.find("->"));
    let Some(at) = long.into_iter().chain(short).min() else { return (text, None) };
    let (before, arrow) = text.split_at(at);
    (before, arrow.strip_prefix('→').or_else(|| arrow.strip_prefix("->")))
}

/// `Label: rest` or `**Label** rest`
fn split_label(text: &str) -> Option<(&str, &str)> {
    if let Some((label, rest)) = text.strip_prefix("**").and_then(|text| text.split_once("**")) {
        return Some((label.trim_end_matches(':'), rest.trim_start_matches(':').trim()));
    }
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let (label, rest) = text.split_at(at);
        let rest = rest.strip_prefix(':').unwrap_or_default();
        if letter == ':' && before != '\\' && (rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            return Some((label.trim(), rest.trim()));
        }
        before = letter;
    }
    None
}

fn read_label(text: &str) -> Label {
    if let Some(when) = strip_word(text, "*if*") {
        let code = when.strip_prefix('`').and_then(|code| code.strip_suffix('`'));
        return Label::Rule(code.map_or_else(|| unescape(when), str::to_owned));
    }
    if strip_word(text, "*otherwise*").is_some_and(str::is_empty) {
        return Label::Otherwise;
    }
    let (text, key) = split_key(text);
    Label::Option { text: unescape(text), key }
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then(|| rest.trim())
}
