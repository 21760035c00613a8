//! The steps as CSV after RFC 4180. Spreadsheets run a cell that begins like a formula; such a cell gets a `'` in front.

use super::words::yes_no;
use super::{Report, ReportStep, iso};
use crate::session::label::value_text;

const HEADER: [&str; 12] =
    ["seq", "at", "by", "kind", "node_key", "node_title", "option_key", "label", "value", "note", "seconds", "undone"];

pub fn render(report: &Report) -> String {
    let mut text = String::new();
    row(&mut text, HEADER.map(str::to_owned));
    for step in &report.steps {
        row(&mut text, cells(step));
    }
    text
}

fn cells(step: &ReportStep) -> [String; 12] {
    [
        step.seq.to_string(),
        iso(step.at),
        step.by.clone(),
        step.kind.as_str().to_owned(),
        step.node_key.clone(),
        step.node_title.clone(),
        step.option_key.clone().unwrap_or_default(),
        step.label.clone().unwrap_or_default(),
        step.value.as_ref().map(value_text).unwrap_or_default(),
        step.note.clone().unwrap_or_default(),
        step.seconds.to_string(),
        yes_no(step.undone).to_owned(),
    ]
}

fn row(text: &mut String, cells: [String; 12]) {
    text.push_str(&cells.map(|cell| quote(&defuse(cell))).join(","));
    text.push_str("\r\n");
}

fn defuse(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{cell}") } else { cell }
}

fn quote(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
