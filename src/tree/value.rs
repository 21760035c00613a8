//! Values of variables: what fits which kind.
//!
//! | kind   | JSON                                         |
//! |--------|----------------------------------------------|
//! | choice | string: the option's key, or what was typed  |
//! | yes_no | true or false                                |
//! | number | number                                       |
//! | text   | string                                       |
//! | date   | string `YYYY-MM-DD`, a day that exists       |

use chrono::NaiveDate;
use indexmap::IndexMap;
use serde_json::Value;

use super::document::AskKind;

/// A session's variables by name. A name that is absent, or null, is unset.
pub type Values = IndexMap<String, Value>;

/// The longest text that a variable holds, in bytes.
pub const VALUE_BYTES: usize = 4096;

/// Whether a value fits a kind. Null fits none. How long a text may be (`VALUE_BYTES`) is asked apart from this.
pub fn accepts(kind: AskKind, value: &Value) -> bool {
    match kind {
        AskKind::Choice | AskKind::Text => value.is_string(),
        AskKind::YesNo => value.is_boolean(),
        AskKind::Number => value.is_number(),
        AskKind::Date => value.as_str().is_some_and(is_date),
    }
}

/// The value that choosing an option gives to the question's variable. Beside numbers, texts and dates options are
/// shortcuts: `5` is the number 5, while `unknown` is no number and leaves the variable as it was.
pub fn of_option(kind: AskKind, key: &str) -> Option<Value> {
    match kind {
        AskKind::Choice | AskKind::Text => Some(key.into()),
        AskKind::YesNo => match key {
            "yes" => Some(true.into()),
            "no" => Some(false.into()),
            _ => None,
        },
        AskKind::Number => key.parse::<i64>().ok().map(Value::from),
        AskKind::Date => is_date(key).then(|| key.into()),
    }
}

/// Ten characters, so that the order of the texts is the order of the days.
fn is_date(text: &str) -> bool {
    let digits_and_dashes = text.bytes().enumerate().all(|(i, byte)| if i == 4 || i == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    text.len() == 10 && digits_and_dashes && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// The kind as documents write it.
pub fn kind_name(kind: AskKind) -> &'static str {
    match kind {
        AskKind::Choice => "choice",
        AskKind::YesNo => "yes_no",
        AskKind::Number => "number",
        AskKind::Text => "text",
        AskKind::Date => "date",
    }
}

/// Whether a value of one kind may stand where the other is wanted: choices and texts are both strings.
pub fn same_type(a: AskKind, b: AskKind) -> bool {
    let is_string = |kind| matches!(kind, AskKind::Choice | AskKind::Text);
    a == b || (is_string(a) && is_string(b))
}
