//! What a client sends to have an operation run, in a body, a query string or a WebSocket message.

use async_graphql::{ServerError, Variables};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{BAD_USER_INPUT, error};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with `query`")]
pub struct Params {
    pub query: String,
    #[serde(default)]
    pub operation_name: Option<String>,
    #[serde(default)]
    pub variables: Variables,
    /// Accepted, as the protocol wants, and not used.
    #[serde(default, rename = "extensions")]
    _extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Params {
    pub fn from_json(body: &[u8]) -> Result<Self, ServerError> {
        match body.trim_ascii_start().first() {
            // serde would read an array as the fields in order.
            Some(b'[') => Err(error(BAD_USER_INPUT, "batches are not supported: send one operation in a request")),
            None => Err(error(BAD_USER_INPUT, "the body is empty; it must be a JSON object with `query`")),
            Some(_) => {
                serde_json::from_slice(body).map_err(|reason| error(BAD_USER_INPUT, format!("the body is not a GraphQL request: {reason}")))
            }
        }
    }

    /// From `?query=…&operationName=…&variables={…}&extensions={…}`.
    pub fn from_query_string(text: &str) -> Result<Self, ServerError> {
        let mut object = serde_json::Map::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let value = match name.as_ref() {
                "query" | "operationName" => serde_json::Value::String(value.into_owned()),
                "variables" | "extensions" if value.is_empty() => continue,
                "variables" | "extensions" => serde_json::from_str(&value)
                    .map_err(|reason| error(BAD_USER_INPUT, format!("`{name}` in the address is not JSON: {reason}")))?,
                _ => continue,
            };
            object.insert(name.into_owned(), value);
        }
        serde_json::from_value(object.into())
            .map_err(|reason| error(BAD_USER_INPUT, format!("the address is not a GraphQL request: {reason}")))
    }

    /// From a message's `payload`.
    pub fn from_raw(payload: &RawValue) -> Result<Self, ServerError> {
        Self::from_json(payload.get().as_bytes())
    }
}
