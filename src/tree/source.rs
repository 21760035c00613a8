//! Where a new tree's content comes from.

use super::document::{Document, ShapeError};
use super::formats::{self, ImportIssue};
use super::template;
use super::tree::Tree;
use super::validate::MAX_DOCUMENT_BYTES;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::id::TreeId;
use crate::identity::actor::Actor;
use crate::text::shortened;

/// One of the things that `createTree` starts from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A JSON object, or its text: only the text can show a key that is there twice.
    Document(serde_json::Value),
    Template(String),
    /// A copy of another tree of the account: of its draft for authors.
    Tree(TreeId),
    Markdown(String),
    Mermaid(String),
    Twee(String),
}

impl Source {
    pub async fn read(self, app: &App, actor: &Actor) -> Result<Document, Error> {
        match self {
            Self::Document(value) => Ok(document(&["source", "document"], value)?),
            Self::Template(key) => match template::find(&key) {
                Some(template) => Ok(template.document.clone()),
                None => {
                    let keys: Vec<_> = template::all().iter().map(|template| template.key.as_str()).collect();
                    let message = format!("There is no template `{}`; there are {}.", shortened(&key), keys.join(", "));
                    Err(refusal(Code::NotFound, &["source", "template"], message).into())
                }
            },
            Self::Tree(id) => {
                let conn = &mut *app.db.conn().await?;
                let tree = Tree::find(conn, actor.account, id).await?.filter(|tree| tree.visible_to(actor));
                let none = || refusal(Code::NotFound, &["source", "treeId"], "There is no such tree in this account.");
                let tree = tree.ok_or_else(none)?;
                Ok(Tree::draft(conn, tree.account_id, tree.id).await?)
            }
            Self::Markdown(text) => imported("markdown", &text, formats::markdown::read),
            Self::Mermaid(text) => imported("mermaid", &text, formats::mermaid::read),
            Self::Twee(text) => imported("twee", &text, formats::twee::read),
        }
    }
}

/// A document as a client sends it. `path` leads to it in the input.
pub fn document(path: &[&str], value: serde_json::Value) -> Result<Document, Error> {
    let document = match value {
        serde_json::Value::String(text) => formats::json::read(&text).map_err(|issues| refuse_import(path, issues))?,
        value => Document::from_json(&value).map_err(|ShapeError { path: inner, message }| {
            let mut refusal = refusal(Code::Invalid, path, format!("The document is not well-formed: {message}."));
            refusal.path.extend(inner);
            Error::from(refusal)
        })?,
    };
    check_storable(path, &document)?;
    Ok(document)
}

/// What validation cannot judge later, because it could not even be stored.
fn check_storable(path: &[&str], document: &Document) -> Result<(), Refusal> {
    let text = document.to_text();
    if text.len() > MAX_DOCUMENT_BYTES {
        let message = format!("The document has {} bytes; at most {MAX_DOCUMENT_BYTES} are kept.", text.len());
        return Err(refusal(Code::TooLong, path, message));
    }
    // JSON writes a NUL character as an escape (and a backslash as two). The words are indexed as text, which can hold none.
    if text.replace("\\\\", "").contains("\\u0000") {
        return Err(refusal(Code::Invalid, path, "The document contains a NUL character."));
    }
    if serde_json::from_str::<Document>(&text).is_err() {
        return Err(refusal(Code::Invalid, path, "The document nests too deep to be read again."));
    }
    Ok(())
}

type Reader = fn(&str) -> Result<Document, Vec<ImportIssue>>;

fn imported(format: &str, text: &str, read: Reader) -> Result<Document, Error> {
    let path = ["source", format];
    if text.contains('\0') {
        // A reader might drop it; then what is stored would not be what was sent.
        return Err(refusal(Code::Invalid, &path, "The text contains a NUL character.").into());
    }
    let document = read(text).map_err(|issues| refuse_import(&path, issues))?;
    check_storable(&path, &document)?;
    Ok(document)
}

/// One refusal an issue, each naming its line.
fn refuse_import(path: &[&str], issues: Vec<ImportIssue>) -> Error {
    let refused = issues.into_iter().map(|issue| refusal(Code::Invalid, path, format!("Line {}: {}", issue.line, issue.message)));
    Error::Refused(refused.collect())
}

fn refusal(code: Code, path: &[&str], message: impl Into<String>) -> Refusal {
    Refusal { path: path.iter().map(|segment| (*segment).to_owned()).collect(), ..Refusal::new(code, message) }
}
