//! JSON text. `write(read(write(d)))` is `write(d)`, byte for byte, so that trees can live in git.
//!
//! serde takes the last of several equal keys in silence; for a map of nodes that would lose a node. So the text is read here by
//! a visitor that notices repetitions, and by a reader that counts lines, since serde knows positions only when it fails.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::text::shown;
use super::{Document, ImportCode, ImportIssue, Issues, bounded};

pub fn write(document: &Document) -> String {
    // A document is strings, numbers and maps with string keys: serde_json cannot fail on it.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

pub fn read(text: &str) -> Result<Document, Vec<ImportIssue>> {
    let text = bounded(text)?;
    let mut issues = Issues::default();
    let scan = Scan::default();
    let value = match scan.value(text, &[]) {
        Ok(value) => value,
        Err(error) => {
            issues.push(error.line(), ImportCode::Syntax, format!("This is no JSON: {error}."));
            return issues.or(Document::empty());
        }
    };
    for (line, key) in scan.repeated.take() {
        issues.push(line, ImportCode::DuplicateKey, format!("The key “{}” stands twice in the same object.", shown(&key)));
    }
    match Document::from_json(&value) {
        Ok(document) => issues.or(document),
        Err(error) => {
            let line = line_of(text, &error.path);
            let place = if error.path.is_empty() { "The document".to_owned() } else { format!("`{}`", shown(&error.path.join("."))) };
            issues.push(line, ImportCode::Shape, format!("{place} is not well-formed: {}.", error.message));
            issues.or(Document::empty())
        }
    }
}

/// The line on which the value at `path` begins, or the innermost of its containers that is there.
fn line_of(text: &str, path: &[String]) -> usize {
    let scan = Scan::default();
    scan.found.set(1);
    // Read once already: it succeeds again.
    let _ = scan.value(text, path);
    scan.found.get()
}

/// What is learnt in passing.
#[derive(Default)]
struct Scan {
    newlines: Cell<usize>,
    repeated: RefCell<Vec<(usize, String)>>,
    /// The line of the deepest part of the watched path that was met.
    found: Cell<usize>,
}

impl Scan {
    fn line(&self) -> usize {
        self.newlines.get() + 1
    }

    /// Reads one value, and remembers where the parts of `watch` begin.
    fn value(&self, text: &str, watch: &[String]) -> serde_json::Result<Value> {
        let mut json = serde_json::Deserializer::from_reader(Lines { text: text.as_bytes(), newlines: &self.newlines });
        let value = Part { scan: self, watch: Some(watch) }.deserialize(&mut json)?;
        json.end()?;
        Ok(value)
    }
}

/// Counts the newlines that serde_json has read. It reads byte by byte and at most one byte ahead.
struct Lines<'a> {
    text: &'a [u8],
    newlines: &'a Cell<usize>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        let newlines = buffer.iter().take(read).filter(|byte| **byte == b'\n').count();
        self.newlines.set(self.newlines.get() + newlines);
        Ok(read)
    }
}

/// Any JSON value. `watch` is the rest of the watched path while this value lies on it.
#[derive(Clone, Copy)]
struct Part<'a> {
    scan: &'a Scan,
    watch: Option<&'a [String]>,
}

impl<'a> Part<'a> {
    fn child(self, name: &str) -> Part<'a> {
        let watch = match self.watch.and_then(<[String]>::split_first) {
            Some((first, rest)) if first == name => {
                self.scan.found.set(self.scan.line());
                Some(rest)
            }
            _ => None,
        };
        Part { watch, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        // The number is made into text only on the watched path.
        let next = |at: usize| match self.watch {
            Some(_) => self.child(&at.to_string()),
            None => self,
        };
        while let Some(item) = access.next_element_seed(next(items.len()))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                let mut repeated = self.scan.repeated.borrow_mut();
                if repeated.len() < super::MAX_ISSUES {
                    repeated.push((self.scan.line(), key.clone()));
                }
            }
            let value = access.next_value_seed(self.child(&key))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
