//! Text that people type, checked before the database sees it (PostgreSQL cannot hold a NUL character).

use crate::error::{Code, Error, Refusal};

/// Trimmed, not empty, at most `max` characters, no control characters but line breaks and tabs.
pub fn required(field: &str, value: &str, max: usize) -> Result<String, Refusal> {
    let text = value.trim();
    if text.is_empty() {
        return Err(Refusal::at(Code::Required, field, format!("`{field}` must not be empty.")));
    }
    if text.chars().count() > max {
        return Err(Refusal::at(Code::TooLong, field, format!("`{field}` may have at most {max} characters.")));
    }
    if let Some(character) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let code = u32::from(character);
        return Err(Refusal::at(Code::Invalid, field, format!("`{field}` contains the control character U+{code:04X}.")));
    }
    Ok(text.to_owned())
}

/// Like `required`, but nothing, or only white space, is None.
pub fn optional(field: &str, value: Option<&str>, max: usize) -> Result<Option<String>, Refusal> {
    match value {
        Some(text) if !text.trim().is_empty() => required(field, text, max).map(Some),
        _ => Ok(None),
    }
}

/// For what a query compares with a column: the database would fail on a NUL.
pub fn comparable(field: &str, value: String) -> Result<String, Error> {
    if value.contains('\0') { Err(Error::BadInput(format!("`{field}` contains a NUL character"))) } else { Ok(value) }
}

/// Whether the database can be asked for something of this name. Of a name with a NUL there is nothing.
pub fn is_name(text: &str) -> bool {
    !text.contains('\0')
}

/// As much of what was typed as a message can bear.
pub fn shortened(text: &str) -> String {
    const LONGEST: usize = 64;
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
