//! Parameters as Stripe takes them: forms whose names nest by brackets, checked against what an operation knows.
//! A checked tree has numbers, booleans and lists; a parameter sent empty is null, which means "unset".

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::error::ApiError;

pub enum Kind {
    Text,
    Int,
    Decimal,
    Bool,
    /// Seconds, or one of these words.
    Time(&'static [&'static str]),
    OneOf(&'static [&'static str]),
    /// Names and texts of the caller's own.
    Metadata,
    Hash(&'static [Param]),
    List(&'static Kind),
    /// Taken as it is: parts that the sandbox stores and does not act on.
    Any,
}

pub struct Param {
    pub name: &'static str,
    pub kind: Kind,
    required: bool,
}

pub const fn param(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, required: false }
}

pub const fn required(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, required: true }
}

pub const TEXTS: Kind = Kind::List(&Kind::Text);

/// `a[b][0]=c` becomes `{"a": {"b": {"0": "c"}}}`: only the check knows which of these are lists.
pub fn parse(form: &str) -> Result<Value, ApiError> {
    let mut root = Map::new();
    for (name, value) in form_urlencoded::parse(form.as_bytes()) {
        let (first, rest) = name.split_once('[').map_or((&*name, ""), |(first, rest)| (first, rest));
        let mut path = vec![first];
        if !rest.is_empty() {
            let inner = rest.strip_suffix(']').ok_or_else(|| ApiError::invalid(format!("Invalid parameter name: {name}")))?;
            path.extend(inner.split("]["));
        }
        if path.len() > 10 {
            return Err(ApiError::invalid("Parameters nest too deeply."));
        }
        insert(&mut root, &path, &value).map_err(|()| ApiError::param(&*name, None, format!("Invalid parameter: {name}")))?;
    }
    Ok(Value::Object(root))
}

fn insert(place: &mut Map<String, Value>, path: &[&str], value: &str) -> Result<(), ()> {
    let [key, rest @ ..] = path else { return Err(()) };
    // `a[]` appends.
    let key = if key.is_empty() { place.len().to_string() } else { (*key).to_owned() };
    if rest.is_empty() {
        place.insert(key, Value::String(value.to_owned()));
        return Ok(());
    }
    match place.entry(key).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => insert(inner, rest, value),
        _ => Err(()),
    }
}

/// The typed tree, or the first thing that is wrong with it.
pub fn check(given: &Value, known: &[Param]) -> Result<Value, ApiError> {
    hash(given, known, "").map_err(ApiError::early)
}

fn hash(given: &Value, known: &[Param], path: &str) -> Result<Value, ApiError> {
    let Value::Object(fields) = given else {
        return Err(ApiError::param(path, Some("parameter_invalid_empty"), format!("Invalid object: {path}")));
    };
    if let Some(unknown) = fields.keys().find(|name| !known.iter().any(|param| param.name == **name)) {
        let name = nested(path, unknown);
        return Err(ApiError::param(&*name, Some("parameter_unknown"), format!("Received unknown parameter: {name}")));
    }
    let mut checked = Map::new();
    for param in known {
        let name = nested(path, param.name);
        match fields.get(param.name) {
            Some(Value::String(text)) if text.is_empty() && param.required => {
                let message = format!(
                    "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a field; \
                     however '{name}' cannot be unset."
                );
                return Err(ApiError::param(name, Some("parameter_invalid_empty"), message));
            }
            Some(value) => {
                checked.insert(param.name.to_owned(), one(value, &param.kind, &name)?);
            }
            None if param.required => {
                let message = format!("Missing required param: {name}.");
                return Err(ApiError::param(name, Some("parameter_missing"), message));
            }
            None => {}
        }
    }
    Ok(Value::Object(checked))
}

fn one(given: &Value, kind: &Kind, name: &str) -> Result<Value, ApiError> {
    let text = given.as_str();
    if text == Some("") {
        return Ok(Value::Null);
    }
    let wrong = |what: &str, code| {
        let shown = text.map_or_else(|| given.to_string(), str::to_owned);
        Err(ApiError::param(name, code, format!("Invalid {what}: {shown}")))
    };
    match kind {
        Kind::Any => Ok(given.clone()),
        Kind::Text => text.map_or_else(|| wrong("string", None), |text| Ok(text.into())),
        Kind::Int => match text.and_then(|text| text.parse::<i64>().ok()) {
            Some(number) => Ok(number.into()),
            None => wrong("integer", Some("parameter_invalid_integer")),
        },
        Kind::Decimal => match text.and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite()) {
            Some(number) => Ok(number.into()),
            None => wrong("decimal", None),
        },
        Kind::Bool => match text {
            Some("true") => Ok(true.into()),
            Some("false") => Ok(false.into()),
            _ => wrong("boolean", None),
        },
        Kind::Time(words) => match text {
            Some(word) if words.contains(&word) => Ok(word.into()),
            _ => match text.and_then(|text| text.parse::<i64>().ok()).filter(|time| (0..=32_503_680_000).contains(time)) {
                Some(time) => Ok(time.into()),
                None => wrong("timestamp", Some("parameter_invalid_integer")),
            },
        },
        Kind::OneOf(words) => match text {
            Some(word) if words.contains(&word) => Ok(word.into()),
            _ => {
                let message = format!("Invalid {name}: must be one of {}", words.join(", "));
                Err(ApiError::param(name, None, message))
            }
        },
        Kind::Metadata => metadata(given, name),
        Kind::Hash(known) => hash(given, known, name),
        Kind::List(inner) => list(given, inner, name),
    }
}

fn metadata(given: &Value, name: &str) -> Result<Value, ApiError> {
    let Value::Object(fields) = given else {
        return Err(ApiError::param(name, None, format!("Invalid object: {name}")));
    };
    if fields.len() > 50 {
        return Err(ApiError::param(name, None, "Metadata can have up to 50 keys."));
    }
    for (key, value) in fields {
        let fits = value.as_str().is_some_and(|text| text.chars().count() <= 500) && key.chars().count() <= 40;
        if !fits {
            let message = "Metadata keys can have up to 40 characters, values up to 500.";
            return Err(ApiError::param(nested(name, key), None, message));
        }
    }
    Ok(given.clone())
}

fn list(given: &Value, kind: &Kind, name: &str) -> Result<Value, ApiError> {
    let Value::Object(fields) = given else {
        return Err(ApiError::param(name, None, format!("Invalid array: {name}")));
    };
    let mut numbered = Vec::new();
    for (key, value) in fields {
        let Ok(index) = key.parse::<usize>() else {
            return Err(ApiError::param(name, None, format!("Invalid array: {name}")));
        };
        numbered.push((index, one(value, kind, &nested(name, key))?));
    }
    numbered.sort_by_key(|(index, _)| *index);
    Ok(numbered.into_iter().map(|(_, value)| value).collect())
}

fn nested(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}[{name}]") }
}
