use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::text::shortened;

/// A field with its value on both sides; where it is missing, there is none.
pub(super) struct FieldChange {
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Walks both values side by side and returns the deepest fields that differ. Their paths begin with this one.
pub(super) fn changed<T: Serialize>(path: &str, before: &T, after: &T) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let value = |part: &T| serde_json::to_value(part).unwrap_or_default();
    compare(Path { name: path, within: None }, Some(&value(before)), Some(&value(after)), &mut changes);
    changes
}

/// Where a field is. It becomes a text only for what differs: the names of a draft may be as long as the draft.
#[derive(Clone, Copy)]
struct Path<'a> {
    name: &'a str,
    within: Option<&'a Path<'a>>,
}

impl Path<'_> {
    /// Longer than any path in a document that is valid.
    const LONGEST: usize = 400;

    fn text(&self) -> String {
        let names = std::iter::successors(Some(self), |path| path.within).map(|path| path.name).filter(|name| !name.is_empty());
        let mut names: Vec<_> = names.map(shortened).collect();
        names.reverse();
        names.join(".").chars().take(Self::LONGEST).collect()
    }
}

fn compare(path: Path, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    let count = changes.len();
    let differs = match by_name(before, after).or_else(|| by_position(before, after)) {
        Some((before, after)) => {
            let added = after.keys().filter(|name| !before.contains_key(*name));
            for name in before.keys().chain(added) {
                compare(Path { name, within: Some(&path) }, before.get(name).copied(), after.get(name).copied(), changes);
            }
            // Nothing in it differs, but perhaps the order does.
            changes.len() == count && !before.keys().eq(after.keys())
        }
        None => before.map(Value::to_string) != after.map(Value::to_string),
    };
    if differs {
        changes.push(FieldChange { path: path.text(), before: before.cloned(), after: after.cloned() });
    }
}

type Members<'a> = IndexMap<String, &'a Value>;

/// Objects, and lists whose items have a key or a name each: options and variables.
fn by_name<'a>(before: Option<&'a Value>, after: Option<&'a Value>) -> Option<(Members<'a>, Members<'a>)> {
    Some((named(before?)?, named(after?)?))
}

fn named(value: &Value) -> Option<Members<'_>> {
    match value {
        Value::Object(members) => Some(members.iter().map(|(name, member)| (name.clone(), member)).collect()),
        Value::Array(items) => {
            let name = |item: &Value| Some(item.get("key").or_else(|| item.get("name"))?.as_str()?.to_string());
            let named = items.iter().map(|item| Some((name(item)?, item)));
            named.collect::<Option<Members>>().filter(|named| named.len() == items.len())
        }
        _ => None,
    }
}

fn by_position<'a>(before: Option<&'a Value>, after: Option<&'a Value>) -> Option<(Members<'a>, Members<'a>)> {
    let numbered = |value: &'a Value| {
        let items = value.as_array()?.iter().enumerate();
        Some(items.map(|(position, item)| (position.to_string(), item)).collect())
    };
    Some((numbered(before?)?, numbered(after?)?))
}
