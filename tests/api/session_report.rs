//! Reports of sessions: what they show, what they leave out, and that nothing in them comes alive.

use crate::support::sessions::{ADA, BOB, CABLE, OUTAGE, Walker, cable_check, outage, outage_library, pinned, read};
use fixpath::session::commands;
use fixpath::session::library::Library;
use fixpath::session::record::{StepKind, StepRecord};
use fixpath::session::report::{self, Format, Header, Report};
use fixpath::tree::document::AskKind;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};
use std::collections::HashMap;

const FORMATS: [Format; 4] = [Format::Json, Format::Markdown, Format::Html, Format::Csv];

fn header() -> Header {
    Header {
        tree_title: "Network outage".into(),
        version_number: 3,
        subject: Some("INC-42".into()),
        people: HashMap::from([(ADA, "Ada".into()), (BOB, "Bob".into())]),
    }
}

fn report(walker: &Walker, redact: bool) -> Report {
    report::build(&walker.library, &walker.steps, &walker.state, &header(), redact).unwrap()
}

/// Ada asks Grace, goes into the cable check and back, hands over to Bob, and he completes.
fn finished() -> Walker {
    let mut ada = Walker::start(outage_library(), None, json!({"vip": true}));
    ada.text("customer", "Grace Hopper").option("scope", "one").number("lamps", 0.0);
    ada.note("Desk by the window.\n- second row");
    ada.option("plugged", "yes").undo(None);
    let stamp = ada.stamp();
    let handed = commands::hand_over(&ada.state, BOB, Some("My shift ends"), stamp);
    ada.take(handed).unwrap();
    ada.by = BOB;
    ada.option("plugged", "no");
    let stamp = ada.stamp();
    let completed = commands::complete(&ada.library, &ada.state, None, Some("Plugged in again."), Some(true), stamp);
    ada.take(completed).unwrap();
    ada
}

/// A tree whose every text is `text`, walked to its end with `text` as the answer and the notes.
fn written_all_over(text: &str) -> (Walker, Header) {
    let tree = read(json!({
        "schema": 1,
        "root": "ask",
        "variables": [{"name": "answer", "kind": "text"}],
        "nodes": {
            "ask": {"kind": "question", "title": text, "ask": "text", "variable": "answer", "otherwise": "end",
                "options": [{"key": "o", "label": text, "to": "ask"}], "loops": true},
            "end": {"kind": "resolution", "title": text, "outcome": "resolved"},
        },
    }));
    let mut ada = Walker::start(Library::new([pinned(OUTAGE, tree, [])]), None, json!({}));
    ada.option("ask", "o").text("ask", text).note(text);
    let stamp = ada.stamp();
    let completed = commands::complete(&ada.library, &ada.state, None, Some(text), None, stamp);
    ada.take(completed).unwrap();
    let people = HashMap::from([(ADA, text.to_owned())]);
    (ada, Header { tree_title: text.into(), version_number: 1, subject: Some(text.into()), people })
}

fn written_report(text: &str) -> Report {
    let (walker, header) = written_all_over(text);
    report::build(&walker.library, &walker.steps, &walker.state, &header, true).unwrap()
}

// ── the four formats ────────────────────────────────────────────────────────────────────────────

#[test]
fn a_report_as_markdown() {
    insta::assert_snapshot!(report(&finished(), true).render(Format::Markdown), @r#"
# Network outage, version 3

- **Subject:** INC-42
- **Status:** completed
- **Outcome:** resolved (It works again)
- **Helpful:** yes
- **Technician:** Bob
- **Started:** 2026-03-02 10:00 UTC
- **Ended:** 2026-03-02 10:09 UTC
- **Working time:** 1 min 30 s

## Summary

> Plugged in again.

## Steps

1. **Started at “Who calls?”** with vip = true · Ada, 2026-03-02 10:00 UTC
2. **Who calls?** [redacted] · Ada, 2026-03-02 10:01 UTC, 10 s
3. **Who is offline?** One desk · Ada, 2026-03-02 10:02 UTC, 10 s
4. **How many lamps are lit?** 0 · Ada, 2026-03-02 10:03 UTC, 10 s
5. **Judge the lamps** → Check the cable · Ada, 2026-03-02 10:03 UTC
6. **Check the cable** begun · Ada, 2026-03-02 10:03 UTC
7. **Note** · Ada, 2026-03-02 10:04 UTC, 10 s
   > Desk by the window.\
   > \- second row
8. ~~**Is it plugged in?** Yes, firmly~~ (undone) · Ada, 2026-03-02 10:05 UTC, 10 s
9. **Went back to step 6** · Ada, 2026-03-02 10:06 UTC, 10 s
10. **Handed over to Bob** · Ada, 2026-03-02 10:07 UTC, 10 s
    > My shift ends
11. **Is it plugged in?** No · Bob, 2026-03-02 10:08 UTC, 10 s
12. **Check the cable** ended: resolved · Bob, 2026-03-02 10:08 UTC
13. **How did the cable do?** → It works again · Bob, 2026-03-02 10:08 UTC
14. **Completed: resolved** · Bob, 2026-03-02 10:09 UTC, 10 s

## Variables

| Variable | Value |
| --- | --- |
| customer | [redacted] |
| vip | true |
| lamps | 0 |
| cable | resolved |
"#);
}

#[test]
fn a_report_as_csv() {
    let csv = report(&finished(), true).render(Format::Csv);
    assert!(csv.ends_with("\r\n"));
    insta::assert_snapshot!(csv, @r#"
seq,at,by,kind,node_key,node_title,option_key,label,value,note,seconds,undone
1,2026-03-02T10:00:00.000Z,Ada,STARTED,customer,Who calls?,,with vip = true,,,0,no
2,2026-03-02T10:01:00.000Z,Ada,ANSWERED,customer,Who calls?,,[redacted],[redacted],,10,no
3,2026-03-02T10:02:00.000Z,Ada,ANSWERED,scope,Who is offline?,one,One desk,one,,10,no
4,2026-03-02T10:03:00.000Z,Ada,ANSWERED,lamps,How many lamps are lit?,,0,0,,10,no
5,2026-03-02T10:03:00.000Z,Ada,DECIDED,judge,Judge the lamps,,Check the cable,,,0,no
6,2026-03-02T10:03:00.000Z,Ada,ENTERED_SUBTREE,cable,Check the cable,,,,,0,no
7,2026-03-02T10:04:00.000Z,Ada,NOTED,plugged,Is it plugged in?,,,,"Desk by the window.
- second row",10,no
8,2026-03-02T10:05:00.000Z,Ada,ANSWERED,plugged,Is it plugged in?,yes,"Yes, firmly",true,,10,yes
9,2026-03-02T10:06:00.000Z,Ada,UNDONE,plugged,Is it plugged in?,,back to step 6,,,10,no
10,2026-03-02T10:07:00.000Z,Ada,HANDED_OVER,plugged,Is it plugged in?,,to Bob,,My shift ends,10,no
11,2026-03-02T10:08:00.000Z,Bob,ANSWERED,plugged,Is it plugged in?,no,No,false,,10,no
12,2026-03-02T10:08:00.000Z,Bob,LEFT_SUBTREE,cable,Check the cable,,resolved,resolved,,0,no
13,2026-03-02T10:08:00.000Z,Bob,DECIDED,after_cable,How did the cable do?,,It works again,,,0,no
14,2026-03-02T10:09:00.000Z,Bob,COMPLETED,works,It works again,,resolved,,,10,no
"#);
}

#[test]
fn a_report_as_json() {
    let mut json: Value = serde_json::from_str(&report(&finished(), true).render(Format::Json)).unwrap();
    let steps = json["steps"].take();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap(), @r#"
{
  "tree": "Network outage",
  "version": 3,
  "subject": "INC-42",
  "assignee": "Bob",
  "status": "COMPLETED",
  "outcome": {
    "kind": "RESOLVED",
    "resolutionKey": "works",
    "resolutionTitle": "It works again",
    "summary": "Plugged in again.",
    "helpful": true
  },
  "startedAt": "2026-03-02T10:00:00.000Z",
  "endedAt": "2026-03-02T10:09:00.000Z",
  "activeSeconds": 90,
  "redacted": true,
  "variables": [
    {
      "calledBy": null,
      "name": "customer",
      "value": "[redacted]",
      "pii": true
    },
    {
      "calledBy": null,
      "name": "vip",
      "value": true,
      "pii": false
    },
    {
      "calledBy": null,
      "name": "lamps",
      "value": 0,
      "pii": false
    },
    {
      "calledBy": null,
      "name": "cable",
      "value": "resolved",
      "pii": false
    }
  ],
  "steps": null
}
"#);
    insta::assert_snapshot!(steps[1], @r#"{"seq":2,"at":"2026-03-02T10:01:00.000Z","by":"Ada","kind":"ANSWERED","nodeKey":"customer","nodeTitle":"Who calls?","optionKey":null,"label":"[redacted]","value":"[redacted]","note":null,"seconds":10,"undone":false}"#);
    insta::assert_snapshot!(steps[7], @r#"{"seq":8,"at":"2026-03-02T10:05:00.000Z","by":"Ada","kind":"ANSWERED","nodeKey":"plugged","nodeTitle":"Is it plugged in?","optionKey":"yes","label":"Yes, firmly","value":true,"note":null,"seconds":10,"undone":true}"#);
    assert_eq!(steps.as_array().unwrap().len(), 14);
}

#[test]
fn a_report_as_html() {
    let html = report(&finished(), true).render(Format::Html);
    let (head, body) = html.split_once("<body>").unwrap();
    assert!(head.contains("prefers-color-scheme:dark") && head.contains("@media print") && head.contains("default-src 'none'"));
    insta::assert_snapshot!(body.trim(), @r#"
<h1>Network outage, version 3</h1>
<dl>
<dt>Subject</dt><dd>INC-42</dd>
<dt>Status</dt><dd>completed</dd>
<dt>Outcome</dt><dd>resolved (It works again)</dd>
<dt>Helpful</dt><dd>yes</dd>
<dt>Technician</dt><dd>Bob</dd>
<dt>Started</dt><dd>2026-03-02 10:00 UTC</dd>
<dt>Ended</dt><dd>2026-03-02 10:09 UTC</dd>
<dt>Working time</dt><dd>1 min 30 s</dd>
</dl>
<h2>Summary</h2>
<blockquote>Plugged in again.</blockquote>
<h2>Steps</h2>
<ol>
<li><strong>Started at “Who calls?”</strong> with vip = true <span class="by">Ada, 2026-03-02 10:00 UTC</span></li>
<li><strong>Who calls?</strong> [redacted] <span class="by">Ada, 2026-03-02 10:01 UTC, 10 s</span></li>
<li><strong>Who is offline?</strong> One desk <span class="by">Ada, 2026-03-02 10:02 UTC, 10 s</span></li>
<li><strong>How many lamps are lit?</strong> 0 <span class="by">Ada, 2026-03-02 10:03 UTC, 10 s</span></li>
<li><strong>Judge the lamps</strong> → Check the cable <span class="by">Ada, 2026-03-02 10:03 UTC</span></li>
<li><strong>Check the cable</strong> begun <span class="by">Ada, 2026-03-02 10:03 UTC</span></li>
<li><strong>Note</strong> <span class="by">Ada, 2026-03-02 10:04 UTC, 10 s</span><blockquote>Desk by the window.
- second row</blockquote></li>
<li><s><strong>Is it plugged in?</strong> Yes, firmly</s> (undone) <span class="by">Ada, 2026-03-02 10:05 UTC, 10 s</span></li>
<li><strong>Went back to step 6</strong> <span class="by">Ada, 2026-03-02 10:06 UTC, 10 s</span></li>
<li><strong>Handed over to Bob</strong> <span class="by">Ada, 2026-03-02 10:07 UTC, 10 s</span><blockquote>My shift ends</blockquote></li>
<li><strong>Is it plugged in?</strong> No <span class="by">Bob, 2026-03-02 10:08 UTC, 10 s</span></li>
<li><strong>Check the cable</strong> ended: resolved <span class="by">Bob, 2026-03-02 10:08 UTC</span></li>
<li><strong>How did the cable do?</strong> → It works again <span class="by">Bob, 2026-03-02 10:08 UTC</span></li>
<li><strong>Completed: resolved</strong> <span class="by">Bob, 2026-03-02 10:09 UTC, 10 s</span></li>
</ol>
<h2>Variables</h2>
<table>
<tr><th scope="col">Variable</th><th scope="col">Value</th></tr>
<tr><td>customer</td><td>[redacted]</td></tr>
<tr><td>vip</td><td>true</td></tr>
<tr><td>lamps</td><td>0</td></tr>
<tr><td>cable</td><td>resolved</td></tr>
</table>
</body>
</html>
"#);
}

#[test]
fn a_report_of_a_running_session_shows_the_variables_of_every_call() {
    let mut ada = Walker::start(outage_library(), Some("judge"), json!({"customer": "Grace Hopper", "lamps": 1}));
    ada.option("plugged", "yes");
    let report = report(&ada, true);
    assert_eq!((report.outcome.clone(), report.ended_at), (None, None));
    let rows: Vec<_> = report.variables.iter().map(|row| json!([row.called_by, row.name, row.value, row.pii])).collect();
    assert_eq!(
        json!(rows),
        json!([
            [null, "customer", "[redacted]", true],
            [null, "vip", false, false],
            [null, "lamps", 1, false],
            ["Check the cable", "caller", "[redacted]", true],
            ["Check the cable", "length", 5, false],
        ])
    );
    assert_eq!(report.steps[0].label.as_deref(), Some("in the middle, with customer = [redacted], lamps = 1"));
}

#[test]
fn undone_steps_are_marked_and_the_others_are_not() {
    let undone: Vec<i32> = report(&finished(), true).steps.iter().filter(|step| step.undone).map(|step| step.seq).collect();
    assert_eq!(undone, [8]);
}

// ── personal data ───────────────────────────────────────────────────────────────────────────────

#[test]
fn personal_data_is_left_out_of_every_format_unless_asked_for() {
    let mut undone = Walker::start(outage_library(), None, json!({"customer": "Grace Hopper"}));
    undone.text("customer", "Grace Hopper").undo(None).text("customer", "Grace Hopper").option("scope", "one").option("lamps", "unknown");
    for walker in [finished(), undone] {
        for format in FORMATS {
            let redacted = report(&walker, true).render(format);
            assert!(!redacted.contains("Grace") && !redacted.contains("Hopper"), "{redacted}");
            assert!(redacted.contains("[redacted]"));
            assert!(report(&walker, false).render(format).contains("Grace Hopper"));
        }
    }
}

#[test]
fn an_answer_in_a_called_tree_is_left_out_when_its_variable_holds_the_callers_personal_data() {
    // The callee does not call `caller` personal; its value came from the caller's `customer`, which is.
    let mut callee = cable_check();
    let since = callee.nodes.get_mut("since").unwrap();
    (since.ask, since.variable) = (Some(AskKind::Text), Some("caller".into()));
    let library = Library::new([pinned(OUTAGE, outage(), [("cable", CABLE)]), pinned(CABLE, callee.clone(), [])]);
    let mut ada = Walker::start(library, Some("cable"), json!({"customer": "Grace"}));
    ada.option("plugged", "yes").text("since", "Hopper");
    assert!(!report(&ada, true).render(Format::Json).contains("Hopper"));

    // Called by itself, the same tree asks for nothing personal.
    let mut bob = Walker::start(Library::new([pinned(OUTAGE, callee, [])]), Some("since"), json!({}));
    bob.text("since", "Hopper");
    assert!(report(&bob, true).render(Format::Json).contains("Hopper"));
}

#[test]
fn an_option_that_sets_personal_data_is_left_out_by_label_key_and_value() {
    let tree = read(json!({
        "schema": 1,
        "root": "who",
        "variables": [{"name": "ill", "kind": "yes_no", "pii": true}, {"name": "how", "kind": "choice", "pii": true}],
        "nodes": {
            "who": {"kind": "question", "title": "How are they?", "ask": "choice",
                "options": [{"key": "in-hospital", "label": "In Hospital", "to": "call", "set": {"ill": true}}]},
            "call": {"kind": "subtree", "title": "Call", "tree": "t", "variable": "how", "next": "end"},
            "end": {"kind": "resolution", "title": "End", "outcome": "resolved"},
        },
    }));
    let callee =
        read(json!({"schema": 1, "root": "end", "nodes": {"end": {"kind": "resolution", "title": "End", "outcome": "escalated"}}}));
    let library = Library::new([pinned(OUTAGE, tree, [("call", CABLE)]), pinned(CABLE, callee, [])]);
    let mut ada = Walker::start(library, None, json!({}));
    ada.option("who", "in-hospital");
    for format in FORMATS {
        let text = report(&ada, true).render(format).to_lowercase();
        assert!(!text.contains("hospital") && !text.contains("escalated"), "{text}");
    }
}

#[test]
fn notes_are_not_redacted() {
    let mut ada = Walker::start(outage_library(), None, json!({}));
    ada.text("customer", "Grace Hopper").note("Call Grace back");
    assert!(report(&ada, true).render(Format::Markdown).contains("Call Grace back"));
}

// ── injection ───────────────────────────────────────────────────────────────────────────────────

#[test]
fn nothing_that_people_wrote_becomes_html() {
    for text in
        ["<script>alert(1)</script>", "\" onmouseover=\"alert(1)", "</title><img src=x onerror=alert(1)>", "' <!-- ", "]]> &lt;b&gt;"]
    {
        let html = written_report(text).render(Format::Html);
        let plain = written_report("plain").render(Format::Html);
        assert_eq!(tags(&html), tags(&plain), "the same tags, whatever was written: {text}");
        assert!(!html.contains(text));
    }
}

/// Everything between `<` and `>`.
fn tags(html: &str) -> Vec<String> {
    html.split('<').skip(1).map(|tag| tag.split('>').next().unwrap().to_owned()).collect()
}

#[test]
fn no_cell_begins_like_a_formula() {
    for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=HYPERLINK(\"http://x\",\"y\")", "plain, \"quoted\"\r\nand long"]
    {
        let csv = written_report(text).render(Format::Csv);
        let rows = parse_csv(&csv);
        assert_eq!(rows.len(), 6);
        for row in &rows {
            assert_eq!(row.len(), 12);
            for cell in row {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{cell:?}");
            }
        }
        assert_eq!(rows[4][9].trim_start_matches('\''), text, "the note is kept as it was written");
    }
}

/// RFC 4180, strictly: fields quoted or without quotes, rows ended by CRLF.
fn parse_csv(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, csv.chars().peekable());
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (true, '"') if chars.next_if_eq(&'"').is_some() => cell.push('"'),
            (true, '"') => quoted = false,
            (true, c) => cell.push(c),
            (false, '"') => {
                assert!(cell.is_empty(), "a quote inside a bare field");
                quoted = true;
            }
            (false, ',') => row.push(std::mem::take(&mut cell)),
            (false, '\r') => {
                assert_eq!(chars.next(), Some('\n'));
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (false, c) => cell.push(c),
        }
    }
    assert!(cell.is_empty() && row.is_empty() && !quoted);
    rows
}

#[test]
fn nothing_that_people_wrote_becomes_markdown() {
    for text in [
        "# heading",
        "1. item",
        "12) item",
        "- item",
        "+ item",
        "> quote",
        "***",
        "---",
        "a\n===",
        "a\n---",
        "```\ncode",
        "    code",
        "~~struck~~",
        "**bold** _em_ `code`",
        "[link](javascript:alert(1)) ![image](x)",
        "<script>alert(1)</script> <b>",
        "<https://example.com>",
        "a | b\n--- | ---\n1 | 2",
        "&lt;b&gt; &amp; \\* \\",
        "[x]: http://example.com",
        "[redacted](https://example.com) [redacted][x]",
        "line\n\nafter a gap\nlast\\",
    ] {
        let markdown = written_report(text).render(Format::Markdown);
        assert_eq!(shape(&markdown), shape(&written_report("plain").render(Format::Markdown)), "{text:?} in\n{markdown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_at_all_breaks_a_format(text in "[ -~\n\r\t]{1,24}|\\PC{1,12}") {
        prop_assume!(!text.trim().is_empty());
        let report = written_report(&text);
        prop_assert_eq!(tags(&report.render(Format::Html)), tags(&written_report("plain").render(Format::Html)));
        prop_assert_eq!(shape(&report.render(Format::Markdown)), shape(&written_report("plain").render(Format::Markdown)), "{}", report.render(Format::Markdown));
        prop_assert!(parse_csv(&report.render(Format::Csv)).iter().all(|row| row.len() == 12));
        prop_assert!(serde_json::from_str::<Value>(&report.render(Format::Json)).is_ok());
    }
}

/// A Markdown text's structure, without its words: paragraphs within a quote count once.
fn shape(markdown: &str) -> Vec<String> {
    let extensions = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES;
    let mut events: Vec<String> = Parser::new_ext(markdown, extensions)
        .filter_map(|event| match event {
            Event::Text(_) | Event::SoftBreak | Event::HardBreak => None,
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => None,
            event => Some(format!("{event:?}")),
        })
        .collect();
    events.dedup();
    events
}

#[test]
fn every_kind_of_step_has_words() {
    let mut ada = finished();
    // One step of each kind; what they mean together does not matter here.
    ada.steps.truncate(1);
    let start = ada.steps[0].clone();
    for kind in StepKind::ALL {
        assert_eq!(StepKind::from_name(kind.as_str()), Some(kind));
        if !kind.walks() && kind != StepKind::Undone {
            let seq = ada.steps.len() as i32 + 1;
            ada.steps.push(StepRecord { seq, kind, ..start.clone() });
        }
    }
    let markdown = report(&ada, true).render(Format::Markdown);
    for words in ["Started", "Note", "Paused", "Resumed", "Handed over", "Completed", "Abandoned"] {
        assert!(markdown.contains(words), "{words}");
    }
    assert_eq!(StepKind::from_name("started"), None);
}
