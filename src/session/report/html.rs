//! One HTML file that needs nothing else and runs nothing: no script, no image, no font; for the screen, dark or light, and
//! for paper.

use super::words::{clean, duration, facts, line, moment};
use super::{Report, ReportStep};
use crate::session::label::value_text;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2330;--faint:#5c6675;--line:#d9dee6;--paper:#fff;--note:#f4f6f9}
@media(prefers-color-scheme:dark){:root{--ink:#e3e8ef;--faint:#9aa5b5;--line:#333c4a;--paper:#12161d;--note:#1b212b}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:50rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.1rem;margin-top:2rem}h1,td,dd,blockquote{overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.5rem}dt,.by,th{color:var(--faint)}dd{margin:0}
ol{padding-left:2.5rem}li{padding:.4rem 0;border-bottom:1px solid var(--line)}.by{display:block;font-size:.85rem}
blockquote{margin:.4rem 0;padding:.4rem .8rem;background:var(--note);border-left:3px solid var(--line);white-space:pre-wrap}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
@media print{:root{color-scheme:light;--ink:#000;--faint:#444;--line:#bbb;--paper:#fff;--note:#fff}body{margin:0;max-width:none;font-size:11pt}
li,tr,blockquote{break-inside:avoid}h2{break-after:avoid}}
";

pub fn render(report: &Report) -> String {
    let title = escape(&report.tree);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}, version {}</h1>\n<dl>\n",
        report.version
    );
    for (name, value) in facts(report) {
        text.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)));
    }
    text.push_str("</dl>\n");
    if let Some(summary) = report.outcome.as_ref().and_then(|outcome| outcome.summary.as_deref()) {
        text.push_str(&format!("<h2>Summary</h2>\n<blockquote>{}</blockquote>\n", escape(summary)));
    }
    text.push_str("<h2>Steps</h2>\n<ol>\n");
    for step in &report.steps {
        text.push_str(&item(step));
    }
    text.push_str("</ol>\n");
    if !report.variables.is_empty() {
        text.push_str("<h2>Variables</h2>\n<table>\n<tr><th scope=\"col\">Variable</th><th scope=\"col\">Value</th></tr>\n");
        for variable in &report.variables {
            let of = variable.called_by.as_ref().map(|title| format!("{}: ", escape(title))).unwrap_or_default();
            let (name, value) = (escape(&variable.name), escape(&value_text(&variable.value)));
            text.push_str(&format!("<tr><td>{of}{name}</td><td>{value}</td></tr>\n"));
        }
        text.push_str("</table>\n");
    }
    text.push_str("</body>\n</html>\n");
    text
}

fn item(step: &ReportStep) -> String {
    let (head, tail) = line(step);
    let tail = tail.map(|tail| format!(" {}", escape(&tail))).unwrap_or_default();
    let words = format!("<strong>{}</strong>{tail}", escape(&head));
    let words = if step.undone { format!("<s>{words}</s> (undone)") } else { words };
    let spent = if step.seconds > 0 { format!(", {}", duration(step.seconds)) } else { String::new() };
    let by = format!("<span class=\"by\">{}, {}{spent}</span>", escape(&step.by), moment(step.at));
    let note = step.note.as_ref().map(|note| format!("<blockquote>{}</blockquote>", escape(note))).unwrap_or_default();
    format!("<li>{words} {by}{note}</li>\n")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
