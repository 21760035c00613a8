use std::collections::HashMap;

use fixpath::tree::document::Document;
use fixpath::tree::validate::{Callee, Callees, Issue, IssueCode, MAX_ISSUES, Runs, Severity, Stage, has_errors, validate};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::documents::{any_document, valid_call, valid_document};

/// A small valid tree of every kind but subtree, to be spoiled: question `power`, decision `decide`, action `plug`, and the
/// resolutions `done` and `call`.
fn tree() -> Value {
    json!({
        "schema": 1, "root": "power",
        "variables": [
            {"name": "powered", "kind": "yes_no"},
            {"name": "colour", "kind": "choice", "default": "red"},
            {"name": "pages", "kind": "number", "default": 0},
        ],
        "nodes": {
            "power": {"kind": "question", "title": "Is it on?", "ask": "yes_no", "variable": "powered", "loops": true, "options": [
                {"key": "yes", "label": "Yes", "to": "decide"},
                {"key": "no", "label": "No", "to": "plug"},
            ]},
            "decide": {"kind": "decision", "title": "", "rules": [{"when": "powered and colour == 'red'", "to": "call"}], "otherwise": "done"},
            "plug": {"kind": "action", "title": "Plug it in", "next": "power"},
            "done": {"kind": "resolution", "title": "Done", "outcome": "resolved"},
            "call": {"kind": "resolution", "title": "Call us", "outcome": "escalated"},
        }
    })
}

/// `tree()` with the value at a JSON pointer replaced or added; null removes.
fn with(pointer: &str, value: Value) -> Value {
    spoil(tree(), pointer, value)
}

fn spoil(mut tree: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match tree.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(members) if value.is_null() => drop(members.shift_remove(key)),
        Value::Object(members) => drop(members.insert(key.into(), value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other} has no {key}"),
    }
    tree
}

fn issues_of(tree: &Value, stage: Stage, callees: &Callees) -> Vec<Issue> {
    validate(&Document::from_json(tree).unwrap(), stage, callees)
}

/// Each issue as `CODE node`, `CODE` when it is about the document, with `(W)` for a warning.
fn codes_at(tree: &Value, stage: Stage, callees: &Callees) -> Vec<String> {
    let line = |issue: Issue| {
        assert!(issue.message.ends_with('.') && issue.message.len() < 1_000, "{}", issue.message);
        let node = issue.node_key.map(|key| format!(" {key}")).unwrap_or_default();
        format!("{}{node}{}", issue.code.as_str(), if issue.severity == Severity::Warning { " (W)" } else { "" })
    };
    issues_of(tree, stage, callees).into_iter().map(line).collect()
}

fn codes(tree: &Value) -> Vec<String> {
    codes_at(tree, Stage::Publish, &Callees::new())
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn the_valid_tree_has_no_issues() {
    assert_eq!(codes(&tree()), none());
}

#[test]
fn an_empty_draft_lacks_a_root() {
    let issues = validate(&Document::empty(), Stage::Draft, &Callees::new());
    assert_eq!(issues.iter().map(|issue| issue.code).collect::<Vec<_>>(), [IssueCode::NoRoot]);
    assert!(has_errors(&issues));
}

#[test]
fn a_root_that_does_not_exist_is_no_root() {
    assert_eq!(codes(&with("/root", json!("elsewhere"))), ["NO_ROOT"]);
}

#[test]
fn an_edge_to_no_node_dangles() {
    for edge in ["/nodes/power/options/0/to", "/nodes/decide/rules/0/to", "/nodes/decide/otherwise", "/nodes/plug/next"] {
        let node = edge.split('/').nth(2).unwrap();
        let issues = codes_at(&with(edge, json!("elsewhere")), Stage::Draft, &Callees::new());
        assert!(issues.contains(&format!("DANGLING_EDGE {node}")), "{edge}: {issues:?}");
        assert!(!issues.iter().any(|issue| issue.starts_with("NO_PATH_TO_END")), "{edge}: {issues:?}");
    }
}

#[test]
fn an_unreachable_node_is_a_warning_until_publishing() {
    let tree = with("/nodes/lost", json!({"kind": "resolution", "title": "Lost", "outcome": "resolved"}));
    assert_eq!(codes_at(&tree, Stage::Draft, &Callees::new()), ["UNREACHABLE lost (W)"]);
    assert_eq!(codes(&tree), ["UNREACHABLE lost"]);
}

#[test]
fn from_every_node_an_end_is_reached() {
    let tree = with("/nodes/plug/next", json!("spin"));
    let tree = spoil(tree, "/nodes/spin", json!({"kind": "action", "title": "Turn it", "next": "plug", "loops": true}));
    assert_eq!(codes(&tree), ["NO_PATH_TO_END plug", "NO_PATH_TO_END spin"]);
}

#[test]
fn a_cycle_is_declared() {
    assert_eq!(codes(&with("/nodes/power/loops", Value::Null)), ["UNDECLARED_CYCLE power"]);
    let tree = spoil(with("/nodes/power/loops", Value::Null), "/nodes/plug/loops", json!(true));
    assert_eq!(codes(&tree), none(), "any node of the cycle can declare it");
}

#[test]
fn a_node_that_leads_to_itself_is_a_cycle() {
    let tree = spoil(with("/nodes/power/loops", Value::Null), "/nodes/plug/next", json!("done"));
    assert_eq!(codes(&tree), none());
    assert_eq!(codes(&spoil(tree, "/nodes/power/options/1/to", json!("power"))), ["UNREACHABLE plug", "UNDECLARED_CYCLE power"]);
}

#[test]
fn each_cycle_is_declared_on_its_own() {
    let tree = with("/nodes/decide/otherwise", json!("again"));
    let again = json!({"kind": "question", "title": "Again?", "ask": "yes_no", "options": [
        {"key": "yes", "label": "Yes", "to": "again"}, {"key": "no", "label": "No", "to": "done"}]});
    assert_eq!(codes(&spoil(tree, "/nodes/again", again)), ["UNDECLARED_CYCLE again"]);
}

#[test]
fn a_cycle_that_asks_nothing_is_an_error_even_when_declared() {
    let tree = with("/nodes/decide/otherwise", json!("other"));
    let other =
        json!({"kind": "decision", "title": "", "loops": true, "rules": [{"when": "pages > 1", "to": "decide"}], "otherwise": "done"});
    assert_eq!(codes(&spoil(tree, "/nodes/other", other)), ["UNDECLARED_CYCLE decide"]);
}

#[test]
fn a_resolution_has_no_edges() {
    assert_eq!(codes(&with("/nodes/done/next", json!("power"))), ["TERMINAL_HAS_EDGES done"]);
    assert_eq!(codes(&with("/nodes/done/options", json!([{"key": "a", "label": "A", "to": "power"}]))), ["TERMINAL_HAS_EDGES done"]);
}

#[test]
fn what_a_kind_needs_may_not_be_missing() {
    let cases = [
        ("/nodes/power/ask", Value::Null, "power"),
        ("/nodes/power/options/0/to", json!(""), "power"),
        ("/nodes/power/options", json!([{"key": "yes", "label": "Yes", "to": "decide"}]), "power"),
        ("/nodes/decide/otherwise", Value::Null, "decide"),
        ("/nodes/decide/rules", json!([]), "decide"),
        ("/nodes/plug/next", Value::Null, "plug"),
        ("/nodes/plug/next", json!(""), "plug"),
        ("/nodes/done/outcome", Value::Null, "done"),
        ("/nodes/plug", json!({"kind": "subtree", "title": "", "next": "power"}), "plug"),
        ("/nodes/plug", json!({"kind": "question", "title": "", "ask": "choice"}), "plug"),
        (
            "/nodes/plug",
            json!({"kind": "question", "title": "", "ask": "text", "options": [{"key": "a", "label": "A", "to": "done"}]}),
            "plug",
        ),
    ];
    for (pointer, value, node) in cases {
        let issues = codes_at(&with(pointer, value.clone()), Stage::Draft, &Callees::new());
        assert!(issues.contains(&format!("MISSING_EDGES {node}")), "{pointer} {value}: {issues:?}");
        assert!(issues.iter().all(|issue| issue.starts_with("MISSING_EDGES") || issue.ends_with("(W)")), "{pointer} {value}: {issues:?}");
    }
}

#[test]
fn with_otherwise_a_question_needs_no_options() {
    for ask in ["choice", "yes_no", "number", "text", "date"] {
        let node = json!({"kind": "question", "title": "", "ask": ask, "otherwise": "power"});
        assert_eq!(codes(&with("/nodes/plug", node)), none(), "{ask}");
    }
}

#[test]
fn two_options_cannot_share_a_key() {
    assert_eq!(codes(&with("/nodes/power/options/-", json!({"key": "no", "label": "Never", "to": "plug"}))), ["DUPLICATE_KEY power"]);
}

#[test]
fn two_variables_cannot_share_a_name() {
    assert_eq!(codes(&with("/variables/-", json!({"name": "pages", "kind": "text"}))), ["DUPLICATE_KEY"]);
}

#[test]
fn two_options_with_one_label_are_a_warning() {
    let issues = codes(&with("/nodes/power/options/1/label", json!(" yes ")));
    assert_eq!(issues, ["DUPLICATE_LABEL power (W)"]);
    assert!(!has_errors(&issues_of(&with("/nodes/power/options/1/label", json!("Yes")), Stage::Publish, &Callees::new())));
}

#[test]
fn a_kind_that_does_not_exist_is_named() {
    let issues = issues_of(&with("/nodes/plug/kind", json!("oracle")), Stage::Publish, &Callees::new());
    assert_eq!(issues.len(), 1);
    assert_eq!(
        (issues[0].code, issues[0].message.as_str()),
        (IssueCode::UnknownKind, "Node `plug` is of the kind `oracle`, which does not exist.")
    );
}

#[test]
fn a_bad_expression_names_its_place() {
    let issues = issues_of(&with("/nodes/decide/rules/0/when", json!("powered and")), Stage::Publish, &Callees::new());
    assert_eq!(issues.len(), 1);
    assert_eq!(issues[0].code, IssueCode::BadExpression);
    assert!(issues[0].message.starts_with("Rule 1 of decision `decide` cannot be read at character 12: "), "{}", issues[0].message);
    assert_eq!(codes(&with("/nodes/decide/rules/0/when", json!(""))), ["BAD_EXPRESSION decide"]);
    assert_eq!(codes(&with("/nodes/decide/rules/0/when", json!(" ".repeat(501)))), ["BAD_EXPRESSION decide"]);
}

#[test]
fn variables_are_declared() {
    let call = |args: Value| json!({"kind": "subtree", "title": "", "tree": "other", "next": "power", "args": args});
    let cases = [
        ("/nodes/power/variable", json!("speed"), "UNKNOWN_VARIABLE power"),
        ("/nodes/power/options/0/set", json!({"speed": 1}), "UNKNOWN_VARIABLE power"),
        ("/nodes/decide/rules/0/when", json!("exists speed"), "UNKNOWN_VARIABLE decide"),
        ("/nodes/plug", call(json!({"wanted": {"variable": "speed"}})), "UNKNOWN_VARIABLE plug"),
        ("/nodes/plug", call(json!({"speed": 1})), "UNKNOWN_VARIABLE plug"),
        ("/nodes/plug", spoil(call(json!({})), "/variable", json!("speed")), "UNKNOWN_VARIABLE plug"),
    ];
    for (pointer, value, expected) in cases {
        let issues = codes_at(&with(pointer, value.clone()), Stage::Publish, &callees(published(1)));
        assert!(issues.contains(&expected.to_string()), "{pointer} {value}: {issues:?}");
        assert!(issues.iter().all(|issue| issue == expected || issue.ends_with("(W)")), "{pointer} {value}: {issues:?}");
    }
}

#[test]
fn values_fit_their_variables() {
    let call = |args: Value| json!({"kind": "subtree", "title": "", "tree": "other", "next": "power", "args": args});
    let cases = [
        ("/variables/2/default", json!("none"), "TYPE_MISMATCH"),
        ("/nodes/power/variable", json!("pages"), "TYPE_MISMATCH power"),
        ("/nodes/power/options/0/set", json!({"pages": "1"}), "TYPE_MISMATCH power"),
        ("/nodes/decide/rules/0/when", json!("pages == 'red'"), "TYPE_MISMATCH decide"),
        ("/nodes/plug", call(json!({"wanted": "many"})), "TYPE_MISMATCH plug"),
        ("/nodes/plug", call(json!({"wanted": {"variable": "colour"}})), "TYPE_MISMATCH plug"),
        ("/nodes/plug", spoil(call(json!({})), "/variable", json!("pages")), "TYPE_MISMATCH plug"),
        ("/nodes/power/options/-", json!({"key": "maybe", "label": "Maybe", "to": "done"}), "TYPE_MISMATCH power"),
    ];
    for (pointer, value, expected) in cases {
        let issues = codes_at(&with(pointer, value.clone()), Stage::Publish, &callees(published(1)));
        let issues: Vec<&String> = issues.iter().filter(|issue| !issue.ends_with("(W)")).collect();
        assert_eq!(issues, [expected], "{pointer} {value}");
    }
    let good = call(json!({"wanted": {"variable": "pages"}}));
    assert_eq!(codes_at(&with("/nodes/plug", good), Stage::Publish, &callees(published(1))), none());
}

#[test]
fn a_field_of_another_kind_is_not_ignored() {
    for (pointer, value) in [
        ("/nodes/plug/outcome", json!("resolved")),
        ("/nodes/plug/otherwise", json!("done")),
        ("/nodes/power/next", json!("done")),
        ("/nodes/decide/url", json!("https://example.com")),
        ("/nodes/done/ask", json!("text")),
    ] {
        let node = pointer.split('/').nth(2).unwrap();
        assert_eq!(codes(&with(pointer, value)), [format!("TYPE_MISMATCH {node}")], "{pointer}");
    }
}

#[test]
fn reading_what_may_be_unset_is_a_warning() {
    assert_eq!(codes(&with("/nodes/power/variable", Value::Null)), ["MAYBE_UNSET decide (W)"]);
    let set = spoil(with("/nodes/power/variable", Value::Null), "/nodes/power/options/0/set", json!({"powered": true}));
    assert_eq!(codes(&set), none(), "an option sets it on the only way there");
    let other_way = spoil(set, "/nodes/power/options/1/to", json!("decide"));
    assert!(codes(&other_way).contains(&"MAYBE_UNSET decide (W)".into()), "the other way does not");
    let defaulted = spoil(with("/nodes/power/variable", Value::Null), "/variables/0/default", json!(false));
    assert_eq!(codes(&defaulted), none());
    let asked = spoil(with("/nodes/power/variable", Value::Null), "/nodes/decide/rules/0/when", json!("exists powered and powered"));
    assert_eq!(codes(&asked), none(), "its absence has been thought of");
}

#[test]
fn what_is_typed_instead_of_yes_or_no_sets_nothing() {
    assert_eq!(codes(&tree()), none());
    assert_eq!(codes(&with("/nodes/power/otherwise", json!("decide"))), ["MAYBE_UNSET decide (W)"]);
}

#[test]
fn a_loop_back_does_not_make_a_variable_set() {
    // The decision comes first, and only a later question, which leads back, sets what it reads.
    let tree = spoil(with("/root", json!("decide")), "/nodes/decide/otherwise", json!("power"));
    let tree = spoil(tree, "/nodes/power/options/0/to", json!("done"));
    let tree = spoil(tree, "/nodes/plug/next", json!("decide"));
    assert_eq!(codes(&tree), ["MAYBE_UNSET decide (W)"]);
}

#[test]
fn a_shortcut_that_is_no_number_sets_no_number() {
    let pages = json!({"kind": "question", "title": "Pages?", "ask": "number", "variable": "count", "options": [
        {"key": "12", "label": "A dozen", "to": "decide"}], "otherwise": "decide"});
    let tree = with("/variables/-", json!({"name": "count", "kind": "number"}));
    let tree = spoil(tree, "/nodes/decide/rules/0/when", json!("count > 3"));
    let tree = spoil(spoil(tree, "/nodes/pages", pages), "/nodes/power/options/0/to", json!("pages"));
    assert_eq!(codes(&tree), none());
    assert_eq!(codes(&spoil(tree, "/nodes/pages/options/0/key", json!("unknown"))), ["MAYBE_UNSET decide (W)"]);
}

/// A tree that asks something at once, and last of all.
const ASKS: Runs = Runs { before: 0, through: None, after: Some(0), longest: 0 };

fn published(depth: usize) -> Callee {
    let variables = serde_json::from_value(json!([{"name": "wanted", "kind": "number"}])).unwrap();
    Callee::Published { variables, depth, runs: ASKS, calls_this: false }
}

fn callees(other: Callee) -> Callees {
    HashMap::from([("other".to_string(), other)])
}

fn calling() -> Value {
    with("/nodes/plug", json!({"kind": "subtree", "title": "", "tree": "other", "next": "power"}))
}

#[test]
fn a_call_needs_a_published_tree() {
    let message = |callees: &Callees| {
        let issues = issues_of(&calling(), Stage::Publish, callees);
        assert_eq!(issues.iter().map(|issue| issue.code).collect::<Vec<_>>(), [IssueCode::SubtreeNotPublished]);
        issues[0].message.clone()
    };
    assert_eq!(message(&Callees::new()), "Subtree `plug` calls `other`, and there is no such tree.");
    assert_eq!(message(&callees(Callee::Missing)), "Subtree `plug` calls `other`, and there is no such tree.");
    assert_eq!(message(&callees(Callee::NotPublished)), "Subtree `plug` calls `other`, which is not published.");
    assert_eq!(codes_at(&calling(), Stage::Publish, &callees(published(1))), none());
}

#[test]
fn calls_do_not_lead_back_nor_nest_too_deep() {
    let back = Callee::Published { variables: vec![], depth: 1, runs: ASKS, calls_this: true };
    assert_eq!(codes_at(&calling(), Stage::Publish, &callees(back)), ["SUBTREE_CYCLE plug"]);
    assert_eq!(codes_at(&calling(), Stage::Publish, &callees(published(7))), none());
    assert_eq!(codes_at(&calling(), Stage::Publish, &callees(published(8))), ["SUBTREE_CYCLE plug"]);
}

#[test]
fn a_call_without_next_is_an_end() {
    let tree = spoil(calling(), "/nodes/plug/next", Value::Null);
    assert_eq!(codes_at(&tree, Stage::Publish, &callees(published(1))), none());
}

#[test]
fn urls_are_web_addresses() {
    let bad = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "mailto:a@b.c",
        "/relative",
        "",
    ];
    for url in bad {
        assert_eq!(codes(&with("/nodes/plug/url", json!(url))), ["UNSAFE_URL plug"], "{url}");
        assert_eq!(codes(&with("/nodes/plug/media", json!([{"url": url, "kind": "video"}]))), ["UNSAFE_URL plug"], "{url}");
    }
    for url in ["https://example.com/a?b#c", "http://10.0.0.1:8080"] {
        assert_eq!(codes(&with("/nodes/plug/url", json!(url))), none(), "{url}");
    }
}

#[test]
fn links_in_bodies_are_safe() {
    let bad = [
        "[x](javascript:alert(1))",
        "[x](JAVASCRIPT&colon;alert(1))",
        "[x](<java&#10;script:alert(1)>)",
        "[x]\n\n[x]: vbscript:x",
        "<ftp://example.com>",
        "![x](data:image/png;base64,AA)",
        "![x](/relative.png)",
    ];
    for body in bad {
        assert_eq!(codes(&with("/nodes/plug/body", json!(body))), ["UNSAFE_URL plug"], "{body}");
    }
    for body in [
        "[x](https://example.com)",
        "<mailto:a@example.com>",
        "[x](#part)",
        "`[x](javascript:alert(1))`",
        "![lamp](https://example.com/a.png)",
    ] {
        assert_eq!(codes(&with("/nodes/plug/body", json!(body))), none(), "{body}");
    }
}

#[test]
fn images_have_an_alternative_text() {
    let medium = |kind: &str, alt: &str| json!([{"url": "https://example.com/a.png", "kind": kind, "alt": alt}]);
    assert_eq!(codes(&with("/nodes/plug/media", medium("image", " "))), ["ALT_MISSING plug"]);
    assert_eq!(codes(&with("/nodes/plug/media", medium("image", "A lamp"))), none());
    assert_eq!(codes(&with("/nodes/plug/media", medium("file", ""))), none());
    assert_eq!(codes(&with("/nodes/plug/body", json!("![](https://example.com/a.png)"))), ["ALT_MISSING plug"]);
}

#[test]
fn bodies_hold_no_html() {
    for body in ["<b>bold</b>", "<script>alert(1)</script>", "a <!-- b --> c", "<div>\n\n*x*"] {
        assert_eq!(codes(&with("/nodes/plug/body", json!(body))), ["RAW_HTML plug"], "{body}");
    }
    assert_eq!(codes(&with("/nodes/plug/body", json!("1 < 2, `<b>` and \\<b>"))), none());
}

#[test]
fn sizes_have_limits() {
    let options =
        |count: usize| -> Value { (0..count).map(|i| json!({"key": format!("o{i}"), "label": format!("{i}"), "to": "power"})).collect() };
    let question = |options: Value| json!({"kind": "question", "title": "", "ask": "choice", "options": options});
    let rules = |count: usize| -> Value { (0..count).map(|_| json!({"when": "powered", "to": "call"})).collect() };
    let cases = [
        ("/nodes/plug", question(options(20)), question(options(21))),
        ("/nodes/decide/rules", rules(20), rules(21)),
        ("/nodes/plug/title", json!("ä".repeat(200)), json!("ä".repeat(201))),
        ("/nodes/power/options/0/label", json!("ä".repeat(200)), json!("ä".repeat(201))),
        ("/nodes/power/options/0/hint", json!("ä".repeat(200)), json!("ä".repeat(201))),
        ("/nodes/plug/body", json!("a".repeat(16 * 1024)), json!("a".repeat(16 * 1024 + 1))),
        ("/variables/1/default", json!("a".repeat(4096)), json!("a".repeat(4097))),
        ("/nodes/power/options/0/set", json!({"colour": "a".repeat(4096)}), json!({"colour": "a".repeat(4097)})),
    ];
    for (pointer, most, more) in cases {
        assert_eq!(codes(&with(pointer, most)), none(), "{pointer}");
        let issues = codes(&with(pointer, more));
        assert!(issues.len() == 1 && issues[0].starts_with("LIMIT"), "{pointer}: {issues:?}");
    }
}

#[test]
fn names_have_an_alphabet() {
    for key in ["", "Plug", "-plug", "_plug", "plug in", "plug.in", "ключ", &"a".repeat(65)] {
        let node = json!({"kind": "resolution", "title": "", "outcome": "resolved"});
        let tree = spoil(spoil(tree(), &format!("/nodes/{key}"), node), "/nodes/decide/otherwise", json!(key));
        assert!(codes(&tree).contains(&format!("LIMIT {key}")), "{key}");
        let tree = with("/nodes/power/options/-", json!({"key": key, "label": "Other", "to": "done"}));
        assert!(codes(&tree).contains(&"LIMIT power".into()), "{key}");
    }
    for name in ["", "Colour", "1st", "my-colour", "exists", "yes", &"a".repeat(65)] {
        assert_eq!(codes(&with("/variables/-", json!({"name": name, "kind": "text"}))), ["LIMIT"], "{name}");
    }
}

#[test]
fn there_are_at_most_a_hundred_variables() {
    let variables = |count: usize| -> Value { (0..count).map(|i| json!({"name": format!("v{i}"), "kind": "text"})).collect() };
    let tree = with("/nodes/power/variable", Value::Null);
    let tree = spoil(tree, "/nodes/decide/rules/0/when", json!("exists v99"));
    assert_eq!(codes(&spoil(tree.clone(), "/variables", variables(100))), none());
    assert_eq!(codes(&spoil(tree, "/variables", variables(101))), ["LIMIT"]);
}

#[test]
fn a_tree_calls_at_most_fifty_others() {
    let calls = |count: usize| {
        let mut nodes: serde_json::Map<String, Value> = (0..count)
            .map(|i| (format!("n{i}"), json!({"kind": "subtree", "title": "", "tree": format!("t{i}"), "next": format!("n{}", i + 1)})))
            .collect();
        nodes.insert(format!("n{count}"), json!({"kind": "resolution", "title": "", "outcome": "resolved"}));
        let callees: Callees = (0..count).map(|i| (format!("t{i}"), published(1))).collect();
        codes_at(&json!({"schema": 1, "root": "n0", "nodes": nodes}), Stage::Publish, &callees)
    };
    assert_eq!(calls(50), none());
    assert_eq!(calls(51), ["LIMIT"]);
}

/// `count` nodes, each leading to the next, and a resolution.
fn chain(count: usize, node: impl Fn(String) -> Value) -> Value {
    let mut nodes: serde_json::Map<String, Value> = (0..count).map(|i| (format!("n{i}"), node(format!("n{}", i + 1)))).collect();
    nodes.insert(format!("n{count}"), json!({"kind": "resolution", "title": "", "outcome": "resolved"}));
    json!({"schema": 1, "root": "n0", "variables": [{"name": "pages", "kind": "number", "default": 1}], "nodes": nodes})
}

fn action(next: String) -> Value {
    json!({"kind": "action", "title": "", "next": next})
}

#[test]
fn a_hundred_decisions_may_follow_each_other() {
    let decision =
        |next: String| json!({"kind": "decision", "title": "", "rules": [{"when": "pages > 3", "to": next.clone()}], "otherwise": next});
    assert_eq!(codes(&chain(100, decision)), none());
    assert_eq!(codes(&chain(101, decision)), ["LIMIT n0"]);

    // Those of the tree that is called come on top: before it asks, and after it has asked for the last time.
    let call = |runs: Runs| callees(Callee::Published { variables: vec![], depth: 1, runs, calls_this: false });
    let tree = spoil(chain(40, decision), "/nodes/n20", json!({"kind": "subtree", "title": "", "tree": "other", "next": "n21"}));
    for (before, after, found) in [(79, 81, none()), (80, 81, vec!["LIMIT n0".into()]), (79, 82, vec!["LIMIT n20".into()])] {
        let runs = Runs { before, through: None, after: Some(after), longest: 0 };
        assert_eq!(codes_at(&tree, Stage::Publish, &call(runs)), found, "{runs:?}");
    }
    let asks_nothing = Runs { before: 61, through: Some(61), after: None, longest: 61 };
    assert_eq!(codes_at(&tree, Stage::Publish, &call(asks_nothing)), ["LIMIT n0"]);
    let older = Runs { longest: 101, ..ASKS };
    assert_eq!(codes_at(&tree, Stage::Publish, &call(older)), ["LIMIT n20"], "published when fewer were counted");
}

#[test]
fn many_nodes_are_a_warning_and_too_many_an_error() {
    assert_eq!(codes(&chain(148, action)), none());
    assert_eq!(codes(&chain(149, action)), ["LIMIT (W)"]);
    assert_eq!(codes(&chain(999, action)), ["LIMIT (W)"]);
    assert_eq!(codes(&chain(1_000, action)), ["LIMIT"]);
}

#[test]
fn a_thousand_nodes_in_one_cycle_are_one_issue() {
    let mut tree = chain(998, action);
    tree = spoil(
        tree,
        "/nodes/n997",
        json!({"kind": "question", "title": "", "ask": "choice", "options": [
        {"key": "a", "label": "A", "to": "n0"}, {"key": "b", "label": "B", "to": "n998"}]}),
    );
    let issues = issues_of(&tree, Stage::Publish, &Callees::new());
    assert_eq!(issues.iter().map(|issue| issue.code).collect::<Vec<_>>(), [IssueCode::Limit, IssueCode::UndeclaredCycle]);
    assert_eq!(issues[1].message, "There is a cycle of `n0`, `n1`, `n2`, `n3`, `n4`, 993 more, and none of them has `loops: true`.");
}

#[test]
fn a_hostile_document_is_refused_at_once() {
    assert_eq!(codes(&chain(100_000, action)), ["LIMIT"]);
    let large = with("/nodes/plug/body", json!("a".repeat(1024 * 1024)));
    assert_eq!(codes(&large), ["LIMIT"]);
}

#[test]
fn issues_are_counted_out_but_never_all_errors() {
    let options: Value = (0..20).map(|_| json!({"key": "?", "label": "?", "to": "?"})).collect();
    let tree = chain(900, |_| json!({"kind": "question", "ask": "yes_no", "options": options}));
    let issues = issues_of(&tree, Stage::Draft, &Callees::new());
    let errors = issues.iter().filter(|issue| issue.severity == Severity::Error).count();
    assert_eq!((errors, issues.len() - errors), (MAX_ISSUES, MAX_ISSUES));
}

/// What the issues say must be true of a valid document, told another way: from every node that can be reached, every edge leads to
/// a node, and following it and then any shortest way an end comes.
fn ends_from_everywhere(document: &Document) -> bool {
    use fixpath::tree::edge::edges;
    let mut ends: Vec<bool> = document.nodes.values().map(|node| edges(node).is_empty()).collect();
    for _ in 0..document.nodes.len() {
        for (index, node) in document.nodes.values().enumerate() {
            ends[index] |= edges(node).iter().any(|edge| document.nodes.get_index_of(edge.to).is_some_and(|to| ends[to]));
        }
    }
    let all_lead_somewhere = document.nodes.values().all(|node| edges(node).iter().all(|edge| document.nodes.contains_key(edge.to)));
    all_lead_somewhere && ends.into_iter().all(|ends| ends)
}

fn callee(document: &Document) -> Callee {
    let runs = Runs::of(document, &|_| None);
    Callee::Published { variables: document.variables.clone(), depth: 1, runs, calls_this: false }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn validating_never_panics_and_says_what_it_means(document in any_document()) {
        let issues = validate(&document, Stage::Publish, &Callees::new());
        for issue in &issues {
            prop_assert!(issue.message.ends_with('.') && !issue.message.contains('\n'), "{}", issue.message);
            prop_assert!(issue.node_key.as_ref().is_none_or(|key| document.nodes.contains_key(key)));
        }
        if !has_errors(&issues) {
            prop_assert!(ends_from_everywhere(&document));
        }
    }

    #[test]
    fn generated_valid_documents_are_valid(document in valid_document()) {
        let errors: Vec<Issue> =
            validate(&document, Stage::Publish, &Callees::new()).into_iter().filter(|issue| issue.severity == Severity::Error).collect();
        prop_assert_eq!(errors, []);
        prop_assert!(ends_from_everywhere(&document));
    }

    #[test]
    fn generated_calls_are_valid((document, called) in valid_call()) {
        let callees = called.iter().map(|(name, document)| (name.clone(), callee(document))).collect();
        let errors: Vec<Issue> =
            validate(&document, Stage::Publish, &callees).into_iter().filter(|issue| issue.severity == Severity::Error).collect();
        prop_assert_eq!(errors, []);
    }
}
