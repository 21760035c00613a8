//! Markdown, ready to paste into a ticket. What people wrote is text in it: nothing of it becomes markup.

use super::words::{clean, duration, facts, line, moment};
use super::{REDACTED, Report, ReportStep};
use crate::session::label::value_text;

pub fn render(report: &Report) -> String {
    let mut text = format!("# {}, version {}\n\n", inline(&report.tree), report.version);
    for (name, value) in facts(report) {
        text.push_str(&format!("- **{name}:** {}\n", inline(&value)));
    }
    if let Some(summary) = report.outcome.as_ref().and_then(|outcome| outcome.summary.as_deref()) {
        text.push_str("\n## Summary\n\n");
        text.push_str(&quote("", summary));
    }
    text.push_str("\n## Steps\n\n");
    for step in &report.steps {
        text.push_str(&item(step));
    }
    if !report.variables.is_empty() {
        text.push_str("\n## Variables\n\n| Variable | Value |\n| --- | --- |\n");
        for variable in &report.variables {
            let of = variable.called_by.as_ref().map(|title| format!("{}: ", inline(title))).unwrap_or_default();
            text.push_str(&format!("| {of}{} | {} |\n", inline(&variable.name), inline(&value_text(&variable.value))));
        }
    }
    text
}

fn item(step: &ReportStep) -> String {
    let number = format!("{}. ", step.seq);
    let (head, tail) = line(step);
    let head = match tail {
        Some(tail) => format!("**{}** {}", inline(&head), inline(&tail)),
        None => format!("**{}**", inline(&head)),
    };
    let head = if step.undone { format!("~~{head}~~ (undone)") } else { head };
    let spent = if step.seconds > 0 { format!(", {}", duration(step.seconds)) } else { String::new() };
    let mut text = format!("{number}{head} · {}, {}{spent}\n", inline(&step.by), moment(step.at));
    if let Some(note) = &step.note {
        text.push_str(&quote(&" ".repeat(number.len()), note));
    }
    text
}

/// A block quote, line by line.
fn quote(indent: &str, text: &str) -> String {
    // Two spaces at a line's end would be cut off by many editors; a backslash is a line break as well.
    let text = clean(text);
    let lines: Vec<String> = text.trim_end().lines().map(escape_line).collect();
    let mut quoted = String::new();
    for (index, line) in lines.iter().enumerate() {
        let goes_on = !line.is_empty() && lines.get(index + 1).is_some_and(|next| !next.is_empty());
        quoted.push_str(&format!("{indent}> {line}{}\n", if goes_on { "\\" } else { "" }));
    }
    quoted
}

/// Text within a line.
fn inline(text: &str) -> String {
    let line = escape(&clean(text).split_whitespace().collect::<Vec<_>>().join(" "));
    // The word itself may stand as it is: nothing in a report defines a link by that name, nor does it become one by what follows it.
    line.replace("\\[redacted\\]", REDACTED).replace(&format!("{REDACTED}("), &format!("{REDACTED}\\("))
}

/// A line of text: as within a line, and what would begin a heading, a list or a rule does not.
fn escape_line(line: &str) -> String {
    let line = line.trim();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    match line.split_at_checked(digits) {
        Some((number, rest)) if digits > 0 && rest.starts_with(['.', ')']) => format!("{number}\\{}", escape(rest)),
        _ if line.starts_with(['#', '+', '-', '=', ':']) => format!("\\{}", escape(line)),
        _ => escape(line),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
