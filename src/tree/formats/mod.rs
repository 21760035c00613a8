//! Documents as text: read what authors paste, write what they take away.
//!
//! | format   | read | written | carries |
//! |----------|------|---------|---------|
//! | JSON     | yes  | yes     | everything, byte for byte |
//! | Markdown | yes  | yes     | everything |
//! | Mermaid  | yes  | yes     | everything |
//! | Twee 3   | yes  | yes     | everything |
//! | DOT      | no   | yes     | a picture |
//!
//! "Everything" means every document that `validate` accepts: `read(write(document)) == document`. What a text format has no
//! notation for travels as a small JSON object in a comment (`details`). A details object never repeats what the visible
//! text says, so an edit of the text always counts.
//!
//! A reader takes at most 1 MiB, works in linear time, and reports every issue it finds (up to 100), each with its line.

mod details;
pub mod dot;
pub mod json;
pub mod markdown;
pub mod mermaid;
mod sketch;
mod text;
pub mod twee;

use super::document::Document;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Markdown,
    Mermaid,
    Twee,
    Dot,
}

/// The longest text that a reader takes. A document may be this long as JSON.
pub const MAX_BYTES: usize = 1 << 20;
/// The smallest node has 35 bytes as JSON: a document with more nodes than this would be too long to be kept.
const MAX_NODES: usize = MAX_BYTES / 35;
/// A text that is wrong everywhere need not be described to the end.
pub const MAX_ISSUES: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportIssue {
    /// From 1.
    pub line: usize,
    pub code: ImportCode,
    /// One sentence for the author.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportCode {
    /// The text, or what it describes, is too large.
    TooLarge,
    /// The text breaks the format's rules.
    Syntax,
    /// The text is JSON, but no document.
    Shape,
    /// A key, name or definition stands there twice.
    DuplicateKey,
    /// Several ways lead on, and nothing tells them apart.
    MissingLabel,
    /// A link leads to a node that is not there.
    UnknownTarget,
}

pub fn export(document: &Document, title: &str, format: Format) -> String {
    match format {
        Format::Json => json::write(document),
        Format::Markdown => markdown::write(document, title),
        Format::Mermaid => mermaid::write(document, title),
        Format::Twee => twee::write(document, title),
        Format::Dot => dot::write(document, title),
    }
}

/// Collects issues while a reader goes on.
#[derive(Default)]
struct Issues(Vec<ImportIssue>);

impl Issues {
    fn push(&mut self, line: usize, code: ImportCode, message: impl Into<String>) {
        if self.0.len() < MAX_ISSUES {
            self.0.push(ImportIssue { line, code, message: message.into() });
        }
    }

    fn or(mut self, document: Document) -> Result<Document, Vec<ImportIssue>> {
        if self.0.is_empty() {
            return Ok(document);
        }
        self.0.sort_by_key(|issue| issue.line);
        Err(self.0)
    }
}

/// What a reader works on: the text without a byte order mark, if it is not too long.
fn bounded(text: &str) -> Result<&str, Vec<ImportIssue>> {
    if text.len() > MAX_BYTES {
        let message = format!("The text has {} bytes; at most {MAX_BYTES} are read.", text.len());
        return Err(vec![ImportIssue { line: 1, code: ImportCode::TooLarge, message }]);
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}
