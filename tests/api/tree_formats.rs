//! Documents as text: what people paste, what is wrong with it and where, and that nothing is lost on the way out and back.

use std::time::Duration;

use fixpath::tree::document::{AskKind, Choice, Document, Node, NodeKind, OutcomeKind};
use fixpath::tree::formats::{Format, ImportCode, ImportIssue, export, json, markdown, mermaid, twee};
use fixpath::tree::validate::{Callees, IssueCode, Stage, validate};
use indexmap::IndexMap;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

use crate::support::documents::{any_document, valid_call, valid_document};

type Read = fn(&str) -> Result<Document, Vec<ImportIssue>>;

const READERS: [(Format, Read); 4] =
    [(Format::Json, json::read), (Format::Markdown, markdown::read), (Format::Mermaid, mermaid::read), (Format::Twee, twee::read)];

fn lines(result: Result<Document, Vec<ImportIssue>>) -> Vec<(usize, ImportCode)> {
    result.expect_err("issues").into_iter().map(|issue| (issue.line, issue.code)).collect()
}

fn node<'a>(document: &'a Document, key: &str) -> &'a Node {
    document.nodes.get(key).unwrap_or_else(|| panic!("no {key} among {:?}", document.nodes.keys()))
}

/// Each option as `key: label > to`.
fn options(document: &Document, key: &str) -> Vec<String> {
    node(document, key).options.iter().map(|Choice { key, label, to, .. }| format!("{key}: {label} > {to}")).collect()
}

fn outcome(document: &Document, key: &str) -> Option<OutcomeKind> {
    node(document, key).outcome
}

// ── there and back ──────────────────────────────────────────────────────────────────────────────

/// Pieces that look like the notation of some format, or end a line in the middle.
const PARTS: [&str; 62] = [
    "a",
    "b",
    "Is it on?",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}",
    "日本",
    "🔥",
    "ß",
    "→",
    "->",
    "-->",
    "<-",
    "<!--",
    "<script>",
    "</script>",
    "\"",
    "'",
    "`",
    "```",
    "|",
    "]]",
    "[[",
    "[",
    "]",
    "{",
    "}",
    "{#key}",
    "(",
    ")",
    "(resolved)",
    "(action)",
    "#",
    "# ",
    "## ",
    "#quot;",
    "#35;",
    "&",
    "&amp;",
    "&#10;",
    "\\",
    "\\n",
    "*if* ",
    "*otherwise*",
    "**",
    "_",
    "1. ",
    "- ",
    "> ",
    ":: ",
    ": ",
    ";",
    "%%",
    "<br/>",
    "otherwise",
];

/// Keys of every allowed form, among them words that formats keep for themselves.
const KEYS: [&str; 14] = [
    "end",
    "style-it",
    "a--b",
    "a-",
    "n1",
    "n2",
    "x",
    "subgraph",
    "0",
    "no_paper",
    "no-paper",
    "a_",
    "yes",
    "a123456789-123456789-123456789-123456789-123456789-123456789-123",
];

/// Up to five pieces for each number.
fn hostile_text(mut number: u32) -> String {
    let mut text = String::new();
    for _ in 0..number % 6 {
        number /= 6;
        text += PARTS[number as usize % PARTS.len()];
        number = number.rotate_right(7) ^ 0x9e37_79b9;
    }
    text
}

/// A valid document with hostile texts, odd keys and nodes in any order: still valid.
fn dressed_document() -> impl Strategy<Value = Document> {
    let plain = prop_oneof![4 => valid_document(), 1 => valid_call().prop_map(|(document, _)| document)];
    (plain, prop::collection::vec(any::<u32>(), 1..20)).prop_map(|(document, dice)| {
        let texts: Vec<String> = dice.iter().map(|number| hostile_text(*number)).collect();
        let keys: Vec<&str> = dice.iter().map(|number| KEYS[*number as usize % KEYS.len()]).collect();
        dress(document, &texts, &keys, dice[0] as usize)
    })
}

fn dress(mut document: Document, texts: &[String], keys: &[&str], rotation: usize) -> Document {
    let mut texts = texts.iter().cycle().cloned();
    let mut text = || texts.next().unwrap();
    let mut renamed: IndexMap<String, String> = IndexMap::new();
    for (at, key) in document.nodes.keys().enumerate() {
        let is_free = |new: &str| !renamed.values().any(|taken| taken == new) && !document.nodes.contains_key(new);
        let new = keys.get(at).copied().filter(|new| is_free(new)).unwrap_or(key).to_owned();
        renamed.insert(key.clone(), new);
    }
    let rename = |key: &mut String| {
        if let Some(new) = renamed.get(key) {
            key.clone_from(new);
        }
    };
    for node in document.nodes.values_mut() {
        node.title = text();
        if node.body.is_some() {
            node.body = Some(text());
        }
        for (at, option) in node.options.iter_mut().enumerate() {
            option.label = text();
            option.hint = option.hint.take().map(|_| text());
            if node.ask == Some(AskKind::Text)
                && let Some(key) = keys.get(at)
            {
                option.key = format!("{}{at}", &key[..key.len().min(60)]);
            }
        }
        let to = node.options.iter_mut().map(|option| &mut option.to);
        to.chain(node.rules.iter_mut().map(|rule| &mut rule.to)).chain(&mut node.otherwise).chain(&mut node.next).for_each(rename);
    }
    rename(&mut document.root);
    let mut nodes: Vec<(String, Node)> = document.nodes.drain(..).map(|(key, node)| (renamed[&key].clone(), node)).collect();
    let rotation = rotation % nodes.len();
    nodes.rotate_left(rotation);
    document.nodes = nodes.into_iter().collect();
    document
}

fn cases(count: u32) -> TestRunner {
    TestRunner::new_with_rng(
        Config { cases: count, failure_persistence: None, ..Config::default() },
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    )
}

/// Order counts too, which `==` of maps does not see.
fn comes_back(document: &Document, format: Format, read: Read) -> TestCaseResult {
    let text = export(document, "A \"title\"\n# <of> {any} [sort]", format);
    let back = read(&text).unwrap_or_else(|issues| panic!("{issues:?}\n{text}"));
    prop_assert_eq!(back.to_text(), document.to_text(), "\n{}", text);
    prop_assert_eq!(&back, document);
    Ok(())
}

#[test]
fn json_comes_back_byte_for_byte() {
    cases(10_000)
        .run(&prop_oneof![3 => any_document(), 1 => dressed_document()], |document| {
            let text = json::write(&document);
            let back = json::read(&text).expect("readable");
            assert_eq!(json::write(&back), text);
            // A default of null is no default: documents that were read have none.
            assert_eq!(back.digest(), document.digest());
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_valid_document_comes_back_from_markdown() {
    cases(10_000).run(&dressed_document(), |document| comes_back(&document, Format::Markdown, markdown::read)).unwrap();
}

#[test]
fn a_valid_document_comes_back_from_mermaid() {
    cases(10_000).run(&dressed_document(), |document| comes_back(&document, Format::Mermaid, mermaid::read)).unwrap();
}

#[test]
fn a_valid_document_comes_back_from_twee() {
    cases(10_000).run(&dressed_document(), |document| comes_back(&document, Format::Twee, twee::read)).unwrap();
}

#[test]
fn any_draft_can_be_exported_and_any_export_read_without_harm() {
    cases(2_000)
        .run(&any_document(), |document| {
            for (format, read) in READERS {
                let _ = read(&export(&document, "Draft", format));
            }
            assert!(export(&document, "Draft", Format::Dot).ends_with("}\n"));
            Ok(())
        })
        .unwrap();
}

/// The visible text counts: details never bring an old label, title or outcome back.
#[test]
fn an_edit_of_the_visible_text_counts() {
    cases(500)
        .run(&valid_document(), |mut document| {
            document.nodes.values_mut().for_each(|node| node.title = "Old words".into());
            document.nodes.values_mut().flat_map(|node| &mut node.options).for_each(|option| option.label = "Old words".into());
            for (format, read) in &READERS[1..] {
                let edited = export(&document, "Title", *format).replace("Old words", "New words");
                let back = read(&edited).unwrap();
                assert!(back.nodes.values().all(|node| node.title == "New words"));
                assert!(back.nodes.values().flat_map(|node| &node.options).all(|option| option.label == "New words"));
            }
            Ok(())
        })
        .unwrap();
}

// ── JSON ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_repeated_key_in_json_is_named_with_its_line() {
    let text = "{\n  \"schema\": 1,\n  \"root\": \"a\",\n  \"nodes\": {\n    \"a\": {\"kind\": \"action\", \"next\": \"b\"},\n    \"b\": \
                {\"kind\": \"resolution\",\n          \"kind\": \"action\"},\n    \"a\": {\"kind\": \"resolution\"}\n  }\n}\n";
    let issues = json::read(text).unwrap_err();
    let found: Vec<_> = issues.iter().map(|issue| (issue.line, issue.code, issue.message.as_str())).collect();
    assert_eq!(
        found,
        [
            (7, ImportCode::DuplicateKey, "The key “kind” stands twice in the same object."),
            (8, ImportCode::DuplicateKey, "The key “a” stands twice in the same object."),
        ]
    );
}

#[test]
fn a_wrong_shape_in_json_is_named_with_path_and_line() {
    let text = "{\n  \"schema\": 1,\n  \"nodes\": {\n    \"a\": {\"kind\": \"question\",\n      \"options\": [\n        {\"key\": \"x\"},\n        \
                {\"key\": \"y\",\n         \"too\": \"b\"}\n      ]}\n  }\n}";
    let issues = json::read(text).unwrap_err();
    assert_eq!((issues[0].line, issues[0].code), (8, ImportCode::Shape));
    assert!(issues[0].message.starts_with("`nodes.a.options.1.too` is not well-formed: unknown field `too`"), "{}", issues[0].message);
    assert_eq!(lines(json::read("{\"schema\": 7}")), [(1, ImportCode::Shape)]);
    assert_eq!(lines(json::read("{\n\"schema\": 1,\n}")), [(3, ImportCode::Syntax)]);
    assert_eq!(lines(json::read("")), [(1, ImportCode::Syntax)]);
}

// ── Markdown ────────────────────────────────────────────────────────────────────────────────────

#[test]
fn an_outline_of_headings_is_read() {
    let text = "\
# No Internet

Ask the customer to stand by the router.

## Is the lamp green?

The lamp is at the *back*.
- see the picture:
";
    let with_list = markdown::read(text);
    assert_eq!(lines(with_list), [(8, ImportCode::UnknownTarget)]);

    let text = "\
# No Internet

Ask the customer to stand by the router.

## Is the lamp green?

The lamp is at the *back*.

- **Yes** → [Restart it](#restart)
- No -> Call the provider
- It blinks {#blink} → #restart

## Restart it {#restart}

> Press for
>
> - ten seconds

-> Solved

## Call the provider (escalated)

## Solved
";
    let document = markdown::read(text).unwrap();
    assert_eq!(document.root, "is-the-lamp-green");
    assert_eq!(document.nodes.keys().collect::<Vec<_>>(), ["is-the-lamp-green", "restart", "call-the-provider", "solved"]);
    assert_eq!(options(&document, "is-the-lamp-green"), ["yes: Yes > restart", "no: No > call-the-provider", "blink: It blinks > restart"]);
    assert_eq!(node(&document, "is-the-lamp-green").body.as_deref(), Some("The lamp is at the *back*."));
    assert_eq!(node(&document, "restart").body.as_deref(), Some("Press for\n\n- ten seconds"));
    assert_eq!(node(&document, "restart").next.as_deref(), Some("solved"));
    assert_eq!(node(&document, "restart").kind, NodeKind::Action);
    assert_eq!(outcome(&document, "call-the-provider"), Some(OutcomeKind::Escalated));
    assert_eq!(outcome(&document, "solved"), Some(OutcomeKind::Resolved));
}

#[test]
fn an_outline_of_nested_lists_is_read() {
    let text = "\
- Is the printer on?
  - Yes: Is there paper?
    - Yes: Call support (escalated)
    - No: Add paper → Solved
  - No:
    - Action: Unplug it
    - Plug it in again
    - Solved (resolved)
";
    let document = markdown::read(text).unwrap();
    assert_eq!(document.root, "is-the-printer-on");
    assert_eq!(node(&document, "is-the-printer-on").ask, Some(AskKind::YesNo));
    assert_eq!(options(&document, "is-the-printer-on"), ["yes: Yes > is-there-paper", "no: No > unplug-it"]);
    assert_eq!(options(&document, "is-there-paper"), ["yes: Yes > call-support", "no: No > add-paper"]);
    assert_eq!(node(&document, "add-paper").next.as_deref(), Some("solved"));
    assert_eq!(node(&document, "unplug-it").next.as_deref(), Some("plug-it-in-again"));
    assert_eq!(node(&document, "plug-it-in-again").next.as_deref(), Some("solved"));
    assert_eq!(outcome(&document, "call-support"), Some(OutcomeKind::Escalated));
}

#[test]
fn a_decision_and_a_way_for_any_other_answer_are_typed_by_hand() {
    let text = "\
## How many pages? (question)
<!-- fixpath {\"ask\": \"number\", \"variable\": \"pages\"} -->
- *otherwise* → Many?

## Many?
- *if* pages > 100 → Done
- *if* `pages < 3` → Done
- *otherwise* → printer-basics

## printer-basics (subtree)

## Done
";
    let document = markdown::read(text).unwrap();
    let question = node(&document, "how-many-pages");
    assert_eq!((question.ask, question.otherwise.as_deref()), (Some(AskKind::Number), Some("many")));
    let decision = node(&document, "many");
    assert_eq!(decision.kind, NodeKind::Decision);
    assert_eq!(decision.rules.iter().map(|rule| rule.when.as_str()).collect::<Vec<_>>(), ["pages > 100", "pages < 3"]);
    assert_eq!(node(&document, "printer-basics").tree.as_deref(), Some("printer-basics"));
}

#[test]
fn what_is_wrong_in_markdown_is_named_with_its_line() {
    let text = "\
## A {#a}
- Yes → Nowhere
→ #b

## B {#a}
<!-- fixpath {\"lops\": true} -->
→ [b](#b)

- No:

## C {#b}
```
never closed
";
    assert_eq!(
        lines(markdown::read(text)),
        [
            (2, ImportCode::UnknownTarget),
            (3, ImportCode::MissingLabel),
            (5, ImportCode::DuplicateKey),
            (6, ImportCode::Syntax),
            (7, ImportCode::MissingLabel),
            (9, ImportCode::UnknownTarget),
            (12, ImportCode::Syntax),
        ]
    );
}

// ── Mermaid ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_flowchart_as_people_draw_it_is_read() {
    let text = "\
---
title: Lamp
---
%%{init: {'theme': 'dark'}}%%
flowchart TD
    A[Lamp doesn't work] --> B{Lamp plugged in?}
    B -->|No| C[Plug in lamp]
    B -->|Yes| D{Bulb <br> burned out?}
    D -->|Yes| E[Replace bulb]
    D -->|No| F([Repair lamp]):::escalated
    %% a comment
    C --> G((Done)); E --> G
    classDef escalated fill:#f96
    style A fill:#bbf,stroke:#333
    click A \"https://example.com\" _blank
    linkStyle 0 stroke:red
";
    let document = mermaid::read(text).unwrap();
    assert_eq!(document.root, "a");
    assert_eq!(document.nodes.keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "g"]);
    assert_eq!((node(&document, "a").title.as_str(), node(&document, "a").next.as_deref()), ("Lamp doesn't work", Some("b")));
    assert_eq!(options(&document, "b"), ["no: No > c", "yes: Yes > d"]);
    assert_eq!(node(&document, "b").ask, Some(AskKind::YesNo));
    assert_eq!(node(&document, "d").title, "Bulb burned out?");
    assert_eq!((outcome(&document, "f"), outcome(&document, "g")), (Some(OutcomeKind::Escalated), Some(OutcomeKind::Resolved)));
}

/// People draw the start as an end, and ends as boxes: what leads on is what happens.
#[test]
fn a_flowchart_whose_boxes_are_ends_and_whose_start_is_round_is_a_valid_tree() {
    let text = "\
flowchart TD
    start([Somebody calls]) --> ask{Does it print?}
    ask -->|Yes| done[Say goodbye]
    ask -->|No| paper[Add paper]
    ask -->|Smoke| fire((Run)):::escalated
    paper -->|It helps| done
    paper -->|It does not| fire
";
    let document = mermaid::read(text).unwrap();
    let kinds: Vec<_> = document.nodes.iter().map(|(key, node)| (key.as_str(), &node.kind)).collect();
    let expected = [
        ("start", &NodeKind::Action),
        ("ask", &NodeKind::Question),
        ("done", &NodeKind::Resolution),
        ("paper", &NodeKind::Question),
        ("fire", &NodeKind::Resolution),
    ];
    assert_eq!(kinds, expected);
    assert_eq!((outcome(&document, "done"), outcome(&document, "fire")), (Some(OutcomeKind::Resolved), Some(OutcomeKind::Escalated)));
    assert_eq!(validate(&document, Stage::Publish, &Callees::new()), []);
    // A question stays one, also where nobody can answer it: the author is told.
    let unanswered = mermaid::read(&text.replace("[Say goodbye]", "{Say goodbye?}")).unwrap();
    let issues = validate(&unanswered, Stage::Draft, &Callees::new());
    assert!(issues.iter().any(|issue| issue.code == IssueCode::MissingEdges && issue.node_key.as_deref() == Some("done")), "{issues:?}");
}

#[test]
fn every_kind_of_arrow_and_shape_is_read() {
    let text = "\
```mermaid
graph LR;
  Start([Start]) --> ask & ask2
  ask{\"Which \\\"one\\\"?\"}
";
    assert_eq!(lines(mermaid::read(text)), [(3, ImportCode::MissingLabel), (4, ImportCode::Syntax)]);

    let text = "\
```mermaid
graph LR;
  start([Start]) ==> ask{\"Which #quot;one#quot;? (a|b)\"}
  ask -- the first --> one[/One/] --- two(Two) & Two2@{ shape: stadium, label: \"Two, again\" }
  ask -. the second .-> three[[printer-basics]]
  ask == third ==> four{{Many?}}
  ask x--x|\"fourth\"| five>Five]
  ask e1@-->|fifth|
     six[(Six)]
  e1@{ animate: true }
  subgraph group [A group]
    direction TB
    four -->|pages > 3| seven([Seven (unresolved)])
    four -.-> seven
    end
  three ~~~ four
  five & six <--> seven
  class two,Two2 escalated
```
";
    let result = mermaid::read(text);
    assert_eq!(lines(result), [(4, ImportCode::MissingLabel)]);
    let document = mermaid::read(&text.replace("& Two2@", "\n Two2@").replace("Two2", "two-2")).unwrap();
    assert_eq!(node(&document, "ask").title, "Which \"one\"? (a|b)");
    assert_eq!(
        options(&document, "ask"),
        [
            "the-first: the first > one",
            "the-second: the second > three",
            "third: third > four",
            "fourth: fourth > five",
            "fifth: fifth > six",
        ]
    );
    assert_eq!(node(&document, "start").kind, NodeKind::Action);
    assert_eq!((node(&document, "three").tree.as_deref(), &node(&document, "three").kind), (Some("printer-basics"), &NodeKind::Subtree));
    let decision = node(&document, "four");
    assert_eq!((decision.rules[0].when.as_str(), decision.otherwise.as_deref()), ("pages > 3", Some("seven")));
    assert_eq!((node(&document, "seven").title.as_str(), outcome(&document, "seven")), ("Seven", Some(OutcomeKind::Unresolved)));
    assert_eq!((node(&document, "two-2").title.as_str(), outcome(&document, "two-2")), ("Two, again", Some(OutcomeKind::Escalated)));
    assert_eq!(node(&document, "five").next.as_deref(), Some("seven"));
}

#[test]
fn what_is_wrong_in_mermaid_is_named_with_its_line() {
    let text = "\
flowchart TD
    A{Is it on?} --> B
    A --> C
    B[open
    C -->|no end D
    D -- no end either
    E -->|
    F[\"x\"]
    F[\"y\"]
    %% fixpath {\"nonsense\": 1}
    G
    subgraph H
    end
    G --> H
    ] what
";
    assert_eq!(
        lines(mermaid::read(text)),
        [
            (3, ImportCode::MissingLabel),
            (4, ImportCode::Syntax),
            (5, ImportCode::Syntax),
            (6, ImportCode::Syntax),
            (7, ImportCode::Syntax),
            (9, ImportCode::DuplicateKey),
            (10, ImportCode::Syntax),
            (14, ImportCode::Syntax),
            (15, ImportCode::Syntax),
        ]
    );
    assert_eq!(lines(mermaid::read("\nsequenceDiagram\n  A->>B: Hi")), [(2, ImportCode::Syntax)]);
    assert_eq!(lines(mermaid::read("flowchart TD\n")), [(1, ImportCode::Syntax)]);
}

#[test]
fn a_few_characters_do_not_become_billions_of_arrows() {
    let many = vec!["a"; 2_000].join(" & ");
    assert_eq!(lines(mermaid::read(&format!("graph TD\n{many} -->|x| {many}"))), [(2, ImportCode::TooLarge)]);
}

#[test]
fn a_long_label_on_many_arrows_does_not_become_gigabytes() {
    let (from, to) = (vec!["a"; 200].join(" & "), vec!["b"; 200].join(" & "));
    let long = "x".repeat(500_000);
    for arrow in [format!("{from} -->|{long}| {to}"), format!("%% fixpath {{\"hint\":\"{long}\"}}\n{from} -->|x| {to}")] {
        let found = lines(mermaid::read(&format!("graph TD\n{arrow}")));
        assert!(matches!(found.as_slice(), [(2 | 3, ImportCode::TooLarge)]), "{found:?}");
    }
}

#[test]
fn a_long_key_that_many_ways_lead_to_does_not_become_gigabytes() {
    let key = "x".repeat(500_000);
    let story = format!(":: A {{\"fixpath\":{{\"key\":\"{key}\"}}}}\n:: B\n{}", "[[A]]".repeat(90_000));
    assert_eq!(lines(twee::read(&story)), [(1, ImportCode::TooLarge)]);
    let outline = format!("## A {{#{key}}}\n## B\n{}", "- x → A\n".repeat(40_000));
    assert!(lines(markdown::read(&outline)).contains(&(1, ImportCode::TooLarge)));
}

#[test]
fn a_long_title_that_many_ways_lead_to_does_not_become_gigabytes() {
    let rules = vec![serde_json::json!({"when": "", "to": "a"}); 22_000];
    let document = Document::from_json(&serde_json::json!({"schema": 1, "root": "b", "nodes": {
        "a": {"kind": "resolution", "title": "x".repeat(500_000), "outcome": "resolved"},
        "b": {"kind": "decision", "title": "", "rules": rules}}}));
    assert!(export(&document.unwrap(), "Long", Format::Markdown).len() < 10_000_000);
}

// ── Twee ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_story_from_twine_is_read() {
    let text = "\
:: StoryTitle
No Internet

:: StoryData
{
  \"ifid\": \"D674C58C-DEFA-4F70-B7A2-27742230C0FC\",
  \"format\": \"Harlowe\", \"start\": \"Check the lamp\", \"zoom\": 1
}

:: UserScript [script]
window.x = [[1]]

:: Check the lamp {\"position\":\"100,100\",\"size\":\"100,100\"}
Look at the //router//.

Is the lamp on?

* [[Yes->Restart it]]
* [[Call the provider<-No]]
* [[I cannot see it|Restart it]]

:: Restart it [blue]
Press the button, then [[go on->Solved]].

:: Solved

:: Call the provider [escalated]
They are on 0800 \\[free\\].
";
    let document = twee::read(text).unwrap();
    assert_eq!(document.root, "check-the-lamp");
    assert_eq!(document.nodes.keys().collect::<Vec<_>>(), ["check-the-lamp", "restart-it", "solved", "call-the-provider"]);
    assert_eq!(
        options(&document, "check-the-lamp"),
        ["yes: Yes > restart-it", "no: No > call-the-provider", "i-cannot-see-it: I cannot see it > restart-it"]
    );
    assert_eq!(node(&document, "check-the-lamp").body.as_deref(), Some("Look at the //router//.\n\nIs the lamp on?"));
    let action = node(&document, "restart-it");
    assert_eq!((&action.kind, action.next.as_deref()), (&NodeKind::Action, Some("solved")));
    assert_eq!(action.body.as_deref(), Some("Press the button, then go on."));
    assert_eq!(outcome(&document, "solved"), Some(OutcomeKind::Resolved));
    assert_eq!(outcome(&document, "call-the-provider"), Some(OutcomeKind::Escalated));
}

#[test]
fn what_is_wrong_in_twee_is_named_with_its_line() {
    let text = "\
stray
:: A [action]
[[B]]
[[C]]
:: B
[[Nowhere]]
[[open
:: B
:: C {\"fixpath\": 3}
:: StoryData
{broken
";
    assert_eq!(
        lines(twee::read(text)),
        [
            (1, ImportCode::Syntax),
            (4, ImportCode::MissingLabel),
            (6, ImportCode::UnknownTarget),
            (7, ImportCode::Syntax),
            (8, ImportCode::DuplicateKey),
            (9, ImportCode::Syntax),
            (11, ImportCode::Syntax),
        ]
    );
}

// ── DOT ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn dot_escapes_everything() {
    let mut document = Document::empty();
    let title = "a \"quote\", a \\ and\na line <b>&amp;".to_owned();
    document.nodes.insert("a\"b".into(), Node { kind: NodeKind::Action, title, next: Some("a\"b".into()), ..Node::default() });
    let dot = export(&document, "x\"]; evil", Format::Dot);
    assert_eq!(
        dot,
        "digraph \"x\\\"]; evil\" {\n    node [shape=box];\n    \"a\\\"b\" [shape=box, label=\"a \\\"quote\\\", a \\\\ and\\na line \
         <b>&amp;amp;\"];\n    \"a\\\"b\" -> \"a\\\"b\";\n}\n"
    );
}

// ── hostile texts ───────────────────────────────────────────────────────────────────────────────

#[test]
fn a_text_over_a_mebibyte_is_refused_in_one_sentence() {
    let text = " ".repeat((1 << 20) + 1);
    for (_, read) in READERS {
        let issues = read(&text).unwrap_err();
        assert_eq!(issues[0].message, "The text has 1048577 bytes; at most 1048576 are read.");
        assert_eq!((issues.len(), issues[0].code), (1, ImportCode::TooLarge));
    }
}

#[test]
fn a_text_of_nothing_but_nodes_is_refused_before_it_fills_the_memory() {
    let ids = || (0..40_000).map(|number| format!("{number:x}"));
    let mermaid = format!("graph TD\n{}", ids().collect::<Vec<_>>().join(";"));
    let outline: String = ids().map(|id| format!("- {id}\n")).collect();
    let story: String = ids().map(|id| format!(":: {id}\n")).collect();
    for (text, read) in [(mermaid, mermaid::read as Read), (outline, markdown::read), (story, twee::read)] {
        let issues = read(&text).unwrap_err();
        let too_large: Vec<_> = issues.iter().filter(|issue| issue.code == ImportCode::TooLarge).collect();
        assert_eq!(too_large.len(), 1, "{issues:?}");
        assert_eq!(too_large[0].message, "There are more than 29959 nodes.");
    }
}

#[test]
fn many_titles_that_begin_alike_get_keys_in_linear_time() {
    let stem = "a".repeat(60);
    let titles: String = (0..3_000).map(|number| format!("## {stem}{number:04}\n").repeat(2)).collect();
    let before = busy();
    let document = markdown::read(&titles).unwrap();
    assert_eq!(document.nodes.len(), 6_000);
    let took = busy() - before;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// What this thread has computed so far, whatever else the machine does. (Where it cannot be told, nothing is found out.)
fn busy() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

/// Long texts of one piece each that make a careless reader recurse, look ahead to the end, or panic.
#[test]
fn hostile_texts_are_read_in_linear_time_by_every_reader() {
    const PIECES: [&str; 68] = [
        "{",
        "[",
        "{\"a\":",
        "-->",
        "a-->",
        "a-->b;",
        "a --> b\n",
        "a & ",
        "a-- ",
        "a --x\n",
        "a -. b\n",
        "a == \n",
        "(",
        "((",
        "[[",
        "[[\n",
        "[[a->b",
        "[[a]]",
        "]]",
        "}",
        "|",
        "a-->|",
        "a-->|b\n",
        "\"",
        "a[\"",
        "a[\"b\n",
        "a[/x\\];",
        "a[\\x/];",
        "a([x]);",
        "a>x]-->b;",
        "a{\"x\"}\n",
        "%%",
        "%%{",
        "%%{\n",
        "%% fixpath {\n",
        "accDescr {\n",
        "@{",
        "a@{ shape: \n",
        "```\n",
        "```",
        "---\n",
        "- ",
        "- a\n",
        "- a:\n",
        "-",
        "# ",
        "## a\n",
        "#",
        ">",
        "> \n",
        "\t",
        "\0",
        "\u{202e}",
        "🔥",
        "é\n",
        "&",
        "&#",
        "&#1",
        "\\",
        "::",
        ":: a\n",
        ":: [",
        ":: {\n",
        "<!--",
        "<!-- fixpath {\n",
        "subgraph a\n",
        "class a,",
        "1.",
    ];
    const STARTS: [&str; 5] = ["", "graph TD\n", "## a\n- b: c\n", ":: a\n", "---\n"];
    // A mebibyte each would take minutes without optimisation; a quadratic reader is found out by less.
    const BYTES: usize = 1 << 15;
    for start in STARTS {
        for piece in PIECES {
            let text = start.to_owned() + &piece.repeat(BYTES / piece.len());
            for (format, read) in READERS {
                let before = busy();
                let issues = read(&text).err().unwrap_or_default();
                let took = busy() - before;
                assert!(took < Duration::from_secs(1), "{format:?} took {took:?} for {start:?} and {piece:?}");
                assert!(issues.len() <= 100 && issues.is_sorted_by_key(|issue| issue.line));
                assert!(issues.iter().all(|issue| issue.line >= 1 && issue.message.len() < 600), "{issues:?}");
            }
        }
    }
}

#[test]
fn deep_indentation_is_read_in_linear_time() {
    let mut text = String::from("## top\n");
    for depth in 0..400 {
        text += &format!("{}- a{depth}:\n", " ".repeat(2 * depth));
        text += &format!("{}- b{depth}\n", " ".repeat(2 * depth + 1));
    }
    text += &" x\n".repeat(100_000);
    text.truncate(1 << 20);
    let before = busy();
    let document = markdown::read(&text).unwrap();
    assert_eq!(document.nodes.len(), 401);
    let took = busy() - before;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn no_text_makes_a_reader_panic() {
    cases(3_000)
        .run(&prop::collection::vec(any::<u32>(), 0..30), |dice| {
            let text = dice.iter().map(|number| hostile_text(*number)).collect::<Vec<_>>().join("\n");
            for (_, read) in READERS {
                let _ = read(&text);
                let _ = read(&format!("flowchart TD\n{text}"));
                let _ = read(&format!(":: a\n{text}"));
            }
            Ok(())
        })
        .unwrap();
}
