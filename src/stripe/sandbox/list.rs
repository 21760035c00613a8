//! Lists, newest first, a page at a time; and the check of their parameters.

use serde_json::{Value, json};

use super::error::ApiError;
use super::json::Json;
use super::params::{self, Kind, Param, param};

const PAGE: &[Param] =
    &[param("limit", Kind::Int), param("starting_after", Kind::Text), param("ending_before", Kind::Text), param("created", Kind::Any)];

/// The parameters of a page, and those that this list filters by.
pub fn check(given: &Value, filters: &[Param]) -> Result<Value, ApiError> {
    let (mut page, mut rest) = (json!({}), json!({}));
    for (name, value) in given.as_object().into_iter().flatten() {
        let place = if PAGE.iter().any(|param| param.name == name) { &mut page } else { &mut rest };
        place.also(json!({ name: value }));
    }
    let mut checked = params::check(&page, PAGE)?;
    checked.also(params::check(&rest, filters)?);
    match checked.maybe_int("limit") {
        Some(limit) if limit > 100 => {
            Err(ApiError::param("limit", None, format!("This value must be less than or equal to 100 (it currently is '{limit}').")))
        }
        Some(limit) if limit < 1 => Err(ApiError::param("limit", None, "This value must be greater than or equal to 1.")),
        _ => Ok(checked),
    }
}

/// Whether every plain filter names what the object has.
pub fn matches(object: &Value, params: &Value, filters: &[&str]) -> bool {
    let same = filters.iter().all(|name| params.get(*name).is_none_or(|wanted| object.at(name) == wanted));
    same && created_fits(object.int("created"), params.at("created"))
}

fn created_fits(created: i64, wanted: &Value) -> bool {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
    let bound = |name: &str| wanted.get(name).and_then(number);
    number(wanted).is_none_or(|time| time == created)
        && bound("gt").is_none_or(|time| created > time)
        && bound("gte").is_none_or(|time| created >= time)
        && bound("lt").is_none_or(|time| created < time)
        && bound("lte").is_none_or(|time| created <= time)
}

/// `all` has the newest first.
pub fn page(all: Vec<Value>, params: &Value, url: &str) -> Result<Value, ApiError> {
    let limit = usize::try_from(params.maybe_int("limit").unwrap_or(10)).unwrap_or(10);
    let place = |name: &str| match params.maybe_text(name) {
        None => Ok(None),
        Some(id) => match all.iter().position(|object| object.text("id") == id) {
            Some(place) => Ok(Some(place)),
            None => Err(ApiError::no_such(name, "object", id)),
        },
    };
    let (from, to, more) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => {
            return Err(ApiError::param("ending_before", None, "You may only specify one of starting_after and ending_before."));
        }
        (None, Some(end)) => (end.saturating_sub(limit), end, end > limit),
        (after, None) => {
            let from = after.map_or(0, |place| place + 1);
            let to = (from + limit).min(all.len());
            (from, to, to < all.len())
        }
    };
    let data: Vec<Value> = all.into_iter().skip(from).take(to - from).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": more, "url": url }))
}
