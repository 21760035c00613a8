//! `fixpath doctor`: what stands between this configuration and a server that works. Each *finding* is one line: how bad it is, what was
//! looked at, what was seen, and what to do. Nothing is changed, and no line shows a secret.

use std::fmt;

use self::Level::{Fail, Ok as Fine, Warn};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::identity::token;
use crate::signing::SigningKey;

mod database;
mod services;
mod stripe;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Ok,
    /// It works, but not as somebody may expect.
    Warn,
    /// The server does not start, or cannot do its work.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub subject: &'static str,
    pub seen: String,
    /// What to do. None where nothing is to be done.
    pub remedy: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Fine => "ok",
            Warn => "warn",
            Fail => "fail",
        };
        // One line each, whatever others have written into their errors.
        let seen = self.seen.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{level:<5} {:<14} {seen}", self.subject)?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

fn fine(subject: &'static str, seen: impl Into<String>) -> Finding {
    Finding { level: Fine, subject, seen: seen.into(), remedy: None }
}

fn warn(subject: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { level: Warn, subject, seen: seen.into(), remedy: Some(remedy.into()) }
}

fn fail(subject: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { level: Fail, subject, seen: seen.into(), remedy: Some(remedy.into()) }
}

/// A configuration that cannot be read: nothing else can be looked at.
pub fn unreadable(sentence: &str) -> Finding {
    fail("configuration", sentence, "set it in the environment or in .env")
}

/// A database that cannot even be looked for.
pub fn no_database(sentence: &str) -> Finding {
    fail("database", sentence, "or set DATABASE_URL to a PostgreSQL of yours")
}

/// Everything that does not need the database.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![configuration(config)];
    findings.extend(keys(config));
    findings.extend(services::all(config).await);
    findings
}

/// The database, and what can be told only with its help.
pub async fn examine_database(config: &Config, db: &Db, clock: &Clock) -> Vec<Finding> {
    database::all(config, db, clock).await
}

/// Whether a server would work.
pub fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.level != Fail)
}

fn configuration(config: &Config) -> Finding {
    if config.development() {
        return fine("configuration", "for development");
    }
    if config.database.url.is_none() {
        let remedy = "set DATABASE_URL to run several processes, and to have its backups";
        return warn("configuration", "for production, with a private database on this machine", remedy);
    }
    fine("configuration", "for production")
}

fn keys(config: &Config) -> Vec<Finding> {
    let jwt = match token::Keys::load(config) {
        Ok(keys) => match keys.jwks().keys.len() {
            1 => fine("JWT keys", "one key signs and verifies"),
            count => fine("JWT keys", format!("one key signs, {count} verify")),
        },
        Err(error) => fail("JWT keys", error.0, "make one with: openssl genpkey -algorithm ed25519"),
    };
    let signing = match SigningKey::load(config) {
        Ok(_) => fine("signing key", "signs links and sign-ins elsewhere"),
        Err(error) => fail("signing key", error.0, "make one with: openssl rand -hex 32"),
    };
    vec![jwt, signing]
}
