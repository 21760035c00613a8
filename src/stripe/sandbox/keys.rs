//! Idempotency keys: the answer to a write is kept for a day and given again to whoever repeats the request under its key.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calendar::DAY;
use super::error::ApiError;

#[derive(Default, Serialize, Deserialize)]
pub struct Keys(HashMap<String, Kept>);

#[derive(Serialize, Deserialize)]
struct Kept {
    request: String,
    since: i64,
    /// None while the first request still runs.
    answer: Option<(u16, Value)>,
}

pub enum Begun {
    Fresh,
    Again(u16, Value),
}

impl Keys {
    /// `request` is everything that must be the same.
    pub fn begin(&mut self, key: &str, request: &str, now: i64) -> Result<Begun, ApiError> {
        self.0.retain(|_, kept| kept.since + DAY > now);
        match self.0.get(key) {
            Some(kept) if kept.request != request => Err(ApiError::other_parameters(key)),
            Some(Kept { answer: None, .. }) => Err(ApiError::key_in_use(key)),
            Some(Kept { answer: Some((status, body)), .. }) => Ok(Begun::Again(*status, body.clone())),
            None => {
                self.0.insert(key.to_owned(), Kept { request: request.to_owned(), since: now, answer: None });
                Ok(Begun::Fresh)
            }
        }
    }

    /// A refusal is an answer like others.
    pub fn end(&mut self, key: &str, status: u16, body: &Value) {
        if let Some(kept) = self.0.get_mut(key) {
            kept.answer = Some((status, body.clone()));
        }
    }

    /// A request that was wrong in itself does not use the key up.
    pub fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }
}
