//! One field of a JSON object, by its path (`items.data.0.price`). None is the answer to anything unexpected.

use chrono::{DateTime, Utc};
use serde_json::Value;

pub fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let value = path.split('.').try_fold(object, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })?;
    (!value.is_null()).then_some(value)
}

/// Without NUL, which a column of the database cannot hold. An empty text counts as none.
pub fn text(object: &Value, path: &str) -> Option<String> {
    let text = at(object, path)?.as_str()?;
    let text = if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() };
    (!text.is_empty()).then_some(text)
}

/// An id, or the id of the whole object that stands in its place.
pub fn id(object: &Value, path: &str) -> Option<String> {
    match at(object, path)? {
        expanded @ Value::Object(_) => text(expanded, "id"),
        _ => text(object, path),
    }
}

/// Those of a bare list.
pub fn ids(object: &Value, path: &str) -> Vec<String> {
    (0..items(object, path).len()).filter_map(|place| id(object, &format!("{path}.{place}"))).collect()
}

pub fn flag(object: &Value, path: &str) -> Option<bool> {
    at(object, path)?.as_bool()
}

/// A whole number; some fields have been numbers in one version and texts in another.
pub fn number(object: &Value, path: &str) -> Option<i64> {
    match at(object, path)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Stripe's times are seconds since 1970.
pub fn time(object: &Value, path: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(number(object, path)?, 0)
}

/// ISO 4217, upper case.
pub fn currency(object: &Value, path: &str) -> Option<String> {
    let code = text(object, path)?.to_ascii_uppercase();
    (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

/// The objects of a list, which is either bare or one page of an API list.
pub fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    match at(object, path) {
        Some(Value::Array(items)) => items,
        Some(page) => page.get("data").and_then(Value::as_array).map_or(&[], Vec::as_slice),
        None => &[],
    }
}

pub fn metadata(object: &Value, path: &str, names: &[&str]) -> Option<String> {
    let metadata = at(object, path)?;
    names.iter().find_map(|name| text(metadata, name))
}
