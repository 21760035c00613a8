//! Reading and writing JSON by paths such as `items/data/0/price`. What is absent reads as nothing; writing makes the way.

use serde_json::{Map, Value};

static NULL: Value = Value::Null;

pub trait Json {
    fn at(&self, path: &str) -> &Value;
    fn set(&mut self, path: &str, value: impl Into<Value>);
    /// Sets every path of `fields`.
    fn patch(&mut self, fields: Value);
    /// Adds fields whose names stay paths, for a later `patch`.
    fn also(&mut self, fields: Value);

    /// Empty when absent.
    fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    fn maybe_text(&self, path: &str) -> Option<&str> {
        self.at(path).as_str().filter(|text| !text.is_empty())
    }

    /// 0 when absent.
    fn int(&self, path: &str) -> i64 {
        self.at(path).as_i64().unwrap_or_default()
    }

    fn maybe_int(&self, path: &str) -> Option<i64> {
        self.at(path).as_i64()
    }

    fn flag(&self, path: &str) -> bool {
        self.at(path).as_bool().unwrap_or_default()
    }

    fn list(&self, path: &str) -> &[Value] {
        self.at(path).as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether the path was given at all, be it as null.
    fn has(&self, key: &str) -> bool;
}

impl Json for Value {
    fn at(&self, path: &str) -> &Value {
        path.split('/').fold(self, |place, key| {
            let inner = match place {
                Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => place.get(key),
            };
            inner.unwrap_or(&NULL)
        })
    }

    fn set(&mut self, path: &str, value: impl Into<Value>) {
        let mut place = self;
        for key in path.split('/') {
            if !place.is_object() && !place.is_array() {
                *place = Value::Object(Map::new());
            }
            let inner = match place {
                Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                Value::Object(fields) => Some(fields.entry(key).or_insert(Value::Null)),
                _ => None,
            };
            let Some(inner) = inner else { return };
            place = inner;
        }
        *place = value.into();
    }

    fn patch(&mut self, fields: Value) {
        if let Value::Object(fields) = fields {
            for (path, value) in fields {
                self.set(&path, value);
            }
        }
    }

    fn also(&mut self, fields: Value) {
        if let (Value::Object(all), Value::Object(more)) = (self, fields) {
            all.extend(more);
        }
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }
}

/// What `before` had and `after` does not: nested objects by their changed keys, lists whole. None: they are equal.
pub fn difference(before: &Value, after: &Value) -> Option<Value> {
    if before == after {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return Some(before.clone());
    };
    let mut changed = Map::new();
    for (key, value) in old {
        match new.get(key) {
            None => {
                changed.insert(key.clone(), value.clone());
            }
            Some(now) => {
                if let Some(inner) = difference(value, now) {
                    changed.insert(key.clone(), inner);
                }
            }
        }
    }
    for key in new.keys().filter(|key| !old.contains_key(*key)) {
        changed.insert(key.clone(), Value::Null);
    }
    Some(Value::Object(changed))
}
