//! Why a command is not carried out.

use crate::error::{self, Code, Error};
use crate::tree::value::VALUE_BYTES;

/// A refusal is expected, and its message is one sentence for a person. The path leads into the command's input.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The session does not stand where the command needs it.
    WrongState(String),
    Invalid {
        message: String,
        path: Vec<String>,
    },
    NotFound {
        message: String,
        path: Vec<String>,
    },
    TooLong {
        message: String,
        path: Vec<String>,
    },
    TooMany(String),
    /// Not the caller's fault.
    Corrupt(Corrupt),
}

/// Stored steps and versions contradict each other. It cannot happen while a session is written by its commands over
/// published versions, so it is an error for the log and not a message for the person.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrupt(pub String);

impl From<Corrupt> for Refusal {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

/// As the API shows it.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (code, message, path) = match refusal {
            Refusal::WrongState(message) => (Code::WrongState, message, Vec::new()),
            Refusal::Invalid { message, path } => (Code::Invalid, message, path),
            Refusal::NotFound { message, path } => (Code::NotFound, message, path),
            Refusal::TooLong { message, path } => (Code::TooLong, message, path),
            Refusal::TooMany(message) => (Code::TooMany, message, Vec::new()),
            Refusal::Corrupt(corrupt) => return corrupt.into(),
        };
        error::Refusal { path, ..error::Refusal::new(code, message) }.into()
    }
}

impl From<Corrupt> for Error {
    fn from(Corrupt(message): Corrupt) -> Self {
        Self::internal(message)
    }
}

impl Refusal {
    pub fn invalid(path: &[&str], message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), path: owned(path) }
    }

    pub fn not_found(path: &[&str], message: impl Into<String>) -> Self {
        Self::NotFound { message: message.into(), path: owned(path) }
    }
}

/// Text that a person sends, before it is kept: notes, summaries and values are no longer than a value may be, and no NUL, which PostgreSQL cannot store.
pub fn check_text(path: &[&str], text: &str) -> Result<(), Refusal> {
    if text.len() > VALUE_BYTES {
        let message = format!("The text has {} bytes; at most {VALUE_BYTES} are kept.", text.len());
        return Err(Refusal::TooLong { message, path: owned(path) });
    }
    if text.contains('\0') {
        return Err(Refusal::invalid(path, "The text contains a NUL character."));
    }
    Ok(())
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|segment| (*segment).to_owned()).collect()
}
