//! What stands behind a node's id: `[text]`, `{"text"}`, `@{ shape: diam, label: "text" }`.

use super::Refusal;
use super::scanner::Scanner;
use crate::tree::document::NodeKind;

#[derive(Clone, PartialEq)]
pub struct Shape<'a> {
    /// None where the shape says nothing.
    pub kind: Option<NodeKind>,
    /// As written, entities and all.
    pub text: &'a str,
}

/// The longer openings first.
const SHAPES: [(&str, &[&str], Option<NodeKind>); 12] = [
    ("(((", &[")))"], None),
    ("((", &["))"], None),
    ("([", &["])"], None),
    ("(", &[")"], None),
    ("[[", &["]]"], Some(NodeKind::Subtree)),
    ("[(", &[")]"], None),
    ("[/", &["/]", "\\]"], None),
    ("[\\", &["\\]", "/]"], None),
    ("[", &["]"], None),
    ("{{", &["}}"], Some(NodeKind::Decision)),
    ("{", &["}"], Some(NodeKind::Question)),
    (">", &["]"], None),
];

pub fn shape<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Shape<'a>>, Refusal> {
    if scanner.eat("@{") {
        return named(scanner).map(Some);
    }
    for (open, closes, kind) in SHAPES {
        if scanner.eat(open) {
            return Ok(Some(Shape { kind, text: text(scanner, open, closes)? }));
        }
    }
    Ok(None)
}

fn text<'a>(scanner: &mut Scanner<'a>, open: &str, closes: &[&str]) -> Result<&'a str, Refusal> {
    let never_ends = || format!("The shape that begins with {open} never ends with {}.", closes.join(" or "));
    scanner.skip_spaces();
    if scanner.eat("\"") {
        let text = quoted(scanner)?;
        scanner.skip_spaces();
        return if closes.iter().any(|close| scanner.eat(close)) { Ok(text) } else { Err(never_ends()) };
    }
    scanner.take_until(closes).map(str::trim).ok_or_else(never_ends)
}

/// The text up to the closing quote; also the Markdown form, "`text`".
pub fn quoted<'a>(scanner: &mut Scanner<'a>) -> Result<&'a str, Refusal> {
    let text = scanner.take_past("\"").ok_or("A text in quotes never ends.")?;
    Ok(text.strip_prefix('`').and_then(|text| text.strip_suffix('`')).unwrap_or(text))
}

fn named<'a>(scanner: &mut Scanner<'a>) -> Result<Shape<'a>, Refusal> {
    let mut shape = Shape { kind: None, text: "" };
    loop {
        scanner.take_while(|letter| letter == ',' || letter.is_whitespace());
        if scanner.eat("}") {
            return Ok(shape);
        }
        let name = scanner.take_while(char::is_alphanumeric);
        scanner.skip_spaces();
        if name.is_empty() || !scanner.eat(":") {
            return Err("A shape is written as @{ shape: diam, label: \"…\" }.".into());
        }
        scanner.skip_spaces();
        let value = match scanner.eat("\"") {
            true => quoted(scanner)?,
            false => scanner.take_while(|letter| !matches!(letter, ',' | '}' | '\n')).trim(),
        };
        match name {
            "shape" => shape.kind = kind_named(value),
            "label" => shape.text = value,
            _ => {}
        }
    }
}

fn kind_named(shape: &str) -> Option<NodeKind> {
    match shape {
        "diam" | "diamond" | "decision" | "question" => Some(NodeKind::Question),
        "hex" | "hexagon" | "prepare" => Some(NodeKind::Decision),
        "fr-rect" | "framed-rectangle" | "subproc" | "subprocess" | "subroutine" => Some(NodeKind::Subtree),
        _ => None,
    }
}
