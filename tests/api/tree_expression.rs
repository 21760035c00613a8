use fixpath::tree::document::{AskKind, Variable};
use fixpath::tree::expression::{Expression, Fault, parse};
use fixpath::tree::value::{Values, accepts, of_option};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::documents::VARIABLES;

fn variables() -> Vec<Variable> {
    VARIABLES.map(|(name, kind)| Variable { name: name.into(), kind, pii: false, default: None }).to_vec()
}

/// `attempts` is unset.
fn values() -> Values {
    let values = json!({"colour": "red", "powered": true, "pages": 20, "serial": "A-1", "bought": "2026-01-31"});
    values.as_object().unwrap().clone().into_iter().collect()
}

fn holds(text: &str) -> bool {
    let expression = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(expression.check(&variables()), [], "{text}");
    expression.holds(&values())
}

#[test]
fn expressions_hold_or_do_not() {
    let cases = [
        ("colour == 'red'", true),
        ("colour == \"red\"", true),
        ("'red' == colour", true),
        ("colour != 'red'", false),
        ("colour == 'Red'", false),
        ("serial == \"it's\"", false),
        ("powered", true),
        ("not powered", false),
        ("powered == yes", true),
        ("powered == false", false),
        ("powered != no", true),
        ("pages == 20", true),
        ("pages == 20.0", true),
        ("pages > 19.5", true),
        ("pages>=20 and(pages<=20)", true),
        ("pages < -1", false),
        ("3 < pages", true),
        ("bought < '2026-02-01'", true),
        ("bought >= '2026-01-31'", true),
        ("bought > \"2025-12-31\"", true),
        ("colour in ['green', 'red']", true),
        ("colour in ['green']", false),
        ("pages in [1, 20.0]", true),
        ("not colour in ['green']", true),
        ("exists colour", true),
        ("exists attempts", false),
        ("not exists attempts and powered", true),
        ("colour == serial", false),
        ("powered or pages > 100 and pages < 0", true),
        ("(powered or pages > 100) and pages < 0", false),
        ("not (powered and pages > 100)", true),
        ("not powered or powered", true),
        ("\n\tpowered\n", true),
        ("colour == 'grün'", false),
    ];
    for (text, expected) in cases {
        assert_eq!(holds(text), expected, "{text}");
    }
}

#[test]
fn a_comparison_with_an_unset_variable_is_false() {
    for text in
        ["attempts == 1", "attempts != 1", "attempts < 1", "attempts >= 1", "attempts in [1]", "attempts == pages", "pages != attempts"]
    {
        assert!(!holds(text), "{text}");
    }
    assert!(holds("not attempts == 1"));
}

#[test]
fn null_is_unset() {
    let values = Values::from_iter([("pages".to_string(), Value::Null)]);
    assert!(!parse("exists pages").unwrap().holds(&values));
    assert!(!parse("pages != 1").unwrap().holds(&values));
}

#[test]
fn a_value_of_another_type_compares_as_false() {
    let values = Values::from_iter([("pages".to_string(), json!("many")), ("colour".to_string(), json!({"a": 1}))]);
    for text in ["pages == 1", "pages != 1", "pages < 1", "pages == 'x'", "colour != 'red'", "colour in ['red']", "pages == colour"] {
        assert!(!parse(text).unwrap().holds(&values), "{text}");
    }
}

#[test]
fn large_integers_are_compared_exactly() {
    let values = Values::from_iter([("pages".to_string(), json!(9_007_199_254_740_993_u64))]);
    assert!(parse("pages == 9007199254740993").unwrap().holds(&values));
    assert!(!parse("pages == 9007199254740992").unwrap().holds(&values));
}

#[test]
fn what_is_no_expression_is_refused_at_its_place() {
    let cases = [
        ("", 0),
        ("   ", 3),
        ("colour =", 7),
        ("colour = 'red'", 7),
        ("colour == ", 10),
        ("colour == 'red", 10),
        ("colour == red and", 17),
        ("== 'red'", 0),
        ("(powered", 8),
        ("powered)", 7),
        ("()", 1),
        ("powered powered", 8),
        ("1 == 1", 0),
        ("true", 0),
        ("'red'", 0),
        ("1 in [1]", 0),
        ("colour in 'red'", 10),
        ("colour in []", 11),
        ("colour in ['a' 'b']", 15),
        ("colour in ['a',]", 15),
        ("colour in [serial]", 11),
        ("colour in ['a'", 14),
        ("exists", 6),
        ("exists 'red'", 7),
        ("exists (colour)", 7),
        ("pages < 1 < 2", 10),
        ("pages == 1.", 9),
        ("pages == .5", 9),
        ("pages == 1e5", 9),
        ("pages == --1", 9),
        ("pages == 1x", 9),
        ("len(colour) == 3", 3),
        ("pages + 1 == 2", 6),
        ("powered && powered", 8),
        ("powered AND powered", 8),
        ("colour == 'a' || powered", 14),
        ("not", 3),
        ("ключ == 1", 0),
        ("colour == 'ключ' ;", 17),
        ("and == 1", 0),
    ];
    for (text, at) in cases {
        match parse(text) {
            Ok(expression) => panic!("{text} is read as {expression:?}"),
            Err(error) => {
                assert_eq!(error.at, at, "{text}: {}", error.message);
                assert!(!error.message.is_empty() && !error.message.ends_with('.'), "{text}: {}", error.message);
            }
        }
    }
}

#[test]
fn an_expression_is_as_long_and_deep_as_allowed_and_no_more() {
    let longest = format!("serial == '{}'", "ä".repeat(488));
    assert_eq!(longest.chars().count(), 500);
    assert!(parse(&longest).is_ok());
    assert!(parse(&format!("{longest} ")).unwrap_err().message.contains("501"));

    let nested = |deep: usize| format!("{}powered{}", "(".repeat(deep), ")".repeat(deep));
    assert!(parse(&nested(16)).is_ok());
    assert_eq!(parse(&nested(17)).unwrap_err().at, 16);
    assert!(parse(&format!("{}powered", "not ".repeat(16))).is_ok());
    assert!(parse(&format!("{}powered", "not ".repeat(17))).is_err());
    assert!(parse(&"(".repeat(500)).is_err());
    assert!(parse(&["powered"; 41].join(" and ")).is_ok(), "a long row is not deep");
}

#[test]
fn a_number_too_large_to_hold_is_refused() {
    assert!(parse(&format!("pages == {}", "9".repeat(400))).is_err());
}

#[test]
fn types_are_checked() {
    let unknown = |name: &str| vec![Fault::UnknownVariable(name.into())];
    assert_eq!(parse("speed > 3").unwrap().check(&variables()), unknown("speed"));
    assert_eq!(parse("exists speed").unwrap().check(&variables()), unknown("speed"));
    assert_eq!(parse("speed in [1]").unwrap().check(&variables()), unknown("speed"));
    assert_eq!(parse("pages > speed").unwrap().check(&variables()), unknown("speed"));
    let mismatches = [
        "pages == '20'",
        "pages",
        "colour == yes",
        "powered == 'yes'",
        "powered > no",
        "colour < 'red'",
        "serial >= colour",
        "bought == '2026-02-30'",
        "bought == '2026-1-1'",
        "bought > 2026",
        "bought == serial",
        "pages == powered",
        "pages in [1, 'two']",
        "exists pages and pages == 'x'",
    ];
    for text in mismatches {
        let faults = parse(text).unwrap().check(&variables());
        assert!(matches!(faults.as_slice(), [Fault::TypeMismatch(_)]), "{text}: {faults:?}");
    }
}

#[test]
fn an_expression_names_its_variables() {
    let expression = parse("exists pages and (colour == 'red' or colour == serial) and not powered").unwrap();
    assert_eq!(expression.variables(), ["pages", "colour", "serial", "powered"]);
    assert_eq!(expression.asks(), ["pages"]);
}

#[test]
fn values_fit_their_kinds() {
    let cases = [
        (AskKind::Choice, json!("red"), true),
        (AskKind::Choice, json!(1), false),
        (AskKind::YesNo, json!(true), true),
        (AskKind::YesNo, json!("yes"), false),
        (AskKind::Number, json!(-1.5), true),
        (AskKind::Number, json!("1"), false),
        (AskKind::Text, json!(""), true),
        (AskKind::Text, json!(null), false),
        (AskKind::Date, json!("2024-02-29"), true),
        (AskKind::Date, json!("2023-02-29"), false),
        (AskKind::Date, json!("2024-2-9"), false),
        (AskKind::Date, json!("2024-02-29T00:00"), false),
        (AskKind::Date, json!("+024-02-29"), false),
        (AskKind::Date, json!(20240229), false),
    ];
    for (kind, value, expected) in cases {
        assert_eq!(accepts(kind, &value), expected, "{kind:?} {value}");
    }
}

#[test]
fn options_give_values_of_their_questions_kind() {
    assert_eq!(of_option(AskKind::Choice, "red"), Some(json!("red")));
    assert_eq!(of_option(AskKind::YesNo, "yes"), Some(json!(true)));
    assert_eq!(of_option(AskKind::YesNo, "no"), Some(json!(false)));
    assert_eq!(of_option(AskKind::YesNo, "maybe"), None);
    assert_eq!(of_option(AskKind::Number, "20"), Some(json!(20)));
    assert_eq!(of_option(AskKind::Number, "unknown"), None);
    assert_eq!(of_option(AskKind::Date, "2026-01-31"), Some(json!("2026-01-31")));
    assert_eq!(of_option(AskKind::Date, "today"), None);
}

/// Words of the language in any order, so that many texts are expressions.
fn word_salad() -> impl Strategy<Value = String> {
    let words = vec![
        "and",
        "or",
        "not",
        "in",
        "exists",
        "(",
        ")",
        "[",
        "]",
        ",",
        "==",
        "!=",
        "<",
        ">=",
        "colour",
        "pages",
        "powered",
        "bought",
        "speed",
        "'red'",
        "'2026-01-31'",
        "20",
        "-1.5",
        "yes",
        "no",
    ];
    prop::collection::vec(prop::sample::select(words), 0..10).prop_map(|words| words.join(" "))
}

fn any_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![json!(null), json!("red"), json!(20), json!(1e300), json!(true), json!("2026-01-31"), json!([1]), json!({})])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn reading_never_panics(text in any::<String>()) {
        if let Err(error) = parse(&text) {
            prop_assert!(error.at <= text.chars().count());
        }
    }

    #[test]
    fn whatever_can_be_read_has_an_answer(text in word_salad(), values in prop::collection::vec(any_value(), 4)) {
        if let Ok(expression) = parse(&text) {
            let names = ["colour", "pages", "powered", "bought"];
            let values: Values = names.map(String::from).into_iter().zip(values).collect();
            let holds = expression.holds(&values);
            prop_assert_eq!(Expression::Not(Box::new(expression.clone())).holds(&values), !holds);
            prop_assert_eq!(Expression::All(vec![expression.clone(), expression]).holds(&values), holds);
        }
    }
}
