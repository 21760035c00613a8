//! The environment's variables, one by one: what is missing, and what cannot be read.

use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{ConfigError, Result};

pub struct Variables<'a> {
    pub source: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    pub fn get(&self, name: &str) -> Option<String> {
        (self.source)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        let value = self.get(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    pub fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.parse().map(Some).map_err(|_| ConfigError(format!("{name} must be {what}, not `{value}`"))),
        }
    }

    pub fn number<T: FromStr + PartialOrd + std::fmt::Display>(&self, name: &str, default: T, min: T, max: T) -> Result<T> {
        let what = format!("a number from {min} to {max}");
        match self.parsed::<T>(name, &what)? {
            None => Ok(default),
            Some(value) if (min..=max).contains(&value) => Ok(value),
            Some(value) => fail(format!("{name} must be {what}, not {value}")),
        }
    }

    pub fn one_of<T: Copy>(&self, name: &str, default: T, choices: &[(&str, T)]) -> Result<T> {
        let Some(value) = self.get(name) else { return Ok(default) };
        match choices.iter().find(|(word, _)| *word == value) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                fail(format!("{name} must be one of {}, not `{value}`", words.join(", ")))
            }
        }
    }

    pub fn seconds(&self, name: &str, default: u64) -> Result<Duration> {
        Ok(Duration::from_secs(self.number(name, default, 1, 600)?))
    }

    pub fn url(&self, name: &str) -> Result<Option<Url>> {
        match self.parsed::<Url>(name, "an absolute http(s) URL")? {
            Some(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => {
                fail(format!("{name} must be an absolute http(s) URL, not `{url}`"))
            }
            url => Ok(url),
        }
    }

    /// The same, of one whose value is never repeated in the message: it may hold a password.
    pub fn secret_url(&self, name: &str) -> Result<Option<SecretString>> {
        match self.url(name) {
            Ok(url) => Ok(url.map(|url| SecretString::from(String::from(url)))),
            Err(_) => fail(format!("{name} must be an absolute http(s) URL")),
        }
    }

    /// Its value is never repeated in the message: it holds a password.
    pub fn database_url(&self, name: &str) -> Result<Option<SecretString>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match crate::db::tls::Target::parse(&value) {
            Ok(_) => Ok(Some(SecretString::from(value))),
            Err(reason) => fail(format!("{name} must be a PostgreSQL URL: {reason}")),
        }
    }

    /// Its value is never repeated in the message: it may hold a password.
    pub fn redis_url(&self, name: &str) -> Result<Option<SecretString>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match redis::Client::open(value.as_str()) {
            Ok(_) => Ok(Some(SecretString::from(value))),
            Err(_) => fail(format!("{name} must be a Redis URL such as redis://host:6379 or unix:///path/to/socket")),
        }
    }
}

pub fn fail<T>(sentence: impl Into<String>) -> Result<T> {
    Err(ConfigError(sentence.into()))
}
