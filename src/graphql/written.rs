//! Values as JSON, and values that are JSON already: `Value::Binary` holds what `json` has written, and is written as it is. No input
//! becomes one, since JSON has no bytes.

use async_graphql::Value;

/// The same value, written once and for all.
pub fn json(value: &Value) -> Value {
    let mut json = Vec::new();
    write(value, &mut json);
    Value::Binary(json.into())
}

pub fn write(value: &Value, json: &mut Vec<u8>) {
    match value {
        Value::Binary(written) => json.extend_from_slice(written),
        Value::Object(fields) => {
            json.push(b'{');
            for (place, (name, value)) in fields.iter().enumerate() {
                if place > 0 {
                    json.push(b',');
                }
                plain(name.as_str(), json);
                json.push(b':');
                write(value, json);
            }
            json.push(b'}');
        }
        Value::List(items) => {
            json.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    json.push(b',');
                }
                write(item, json);
            }
            json.push(b']');
        }
        _ => plain(value, json),
    }
}

/// What holds nothing that was written before. Neither text, numbers and names as JSON nor writing to memory can fail.
pub fn plain(value: impl serde::Serialize, json: &mut Vec<u8>) {
    let _written = serde_json::to_writer(json, &value);
}
