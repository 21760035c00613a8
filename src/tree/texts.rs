//! The `tree_texts` table: the words of trees, kept in step with them for searching.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::document::Document;
use super::tree::Tree;
use super::validate::{MAX_BODY_BYTES, MAX_KEY_CHARACTERS, MAX_NODES};
use crate::db::Conn;
use crate::db::schema::tree_texts;
use crate::id::{AccountId, TreeId};

/// Which content a text belongs to: authors search drafts, technicians what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    Draft,
    Published,
}

impl Edition {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
        }
    }
}

/// A body and its options, within their limits. A draft may break them (validation reports it), but an index holds words only up to a
/// size, so what is beyond is not found until it is mended.
const MAX_TEXT: usize = 2 * MAX_BODY_BYTES;

#[derive(Insertable)]
#[diesel(table_name = tree_texts)]
struct Row<'a> {
    account_id: AccountId,
    tree_id: TreeId,
    edition: &'static str,
    /// Empty for the row of the tree itself.
    node_key: &'a str,
    heading: String,
    /// Those of the body's words that are tags.
    tags: String,
    body: String,
}

/// Replaces what is indexed of one edition. A node's options count as its body: people search for what they would click.
pub async fn write(conn: &mut Conn, tree: &Tree, edition: Edition, document: &Document) -> QueryResult<()> {
    let row = |node_key, heading: &str, body: String| Row {
        account_id: tree.account_id,
        tree_id: tree.id,
        edition: edition.as_str(),
        node_key,
        heading: clipped(heading).to_owned(),
        tags: String::new(),
        body: clipped(&body).to_owned(),
    };
    let mut about = tree.tags.clone();
    about.extend(tree.summary.clone());
    let mut rows = vec![Row { tags: tree.tags.join("\n"), ..row("", &tree.title, about.join("\n")) }];
    for (key, node) in document.nodes.iter().take(MAX_NODES) {
        let mut words: Vec<&str> = node.body.iter().map(String::as_str).collect();
        words.extend(node.options.iter().flat_map(|option| [Some(option.label.as_str()), option.hint.as_deref()]).flatten());
        // An empty key would collide with the tree's own row. Both are faults that validation reports.
        if !key.is_empty() && key.len() <= MAX_KEY_CHARACTERS {
            rows.push(row(key, &node.title, words.join("\n")));
        }
    }
    let old = tree_texts::table
        .filter(tree_texts::account_id.eq(tree.account_id))
        .filter(tree_texts::tree_id.eq(tree.id))
        .filter(tree_texts::edition.eq(edition.as_str()));
    diesel::delete(old).execute(conn).await?;
    // PostgreSQL takes 65,535 parameters in a statement.
    for chunk in rows.chunks(1000) {
        diesel::insert_into(tree_texts::table).values(chunk).execute(conn).await?;
    }
    Ok(())
}

fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}
