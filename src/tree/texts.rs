//! The `tree_texts` table: the words of trees, kept in step with them for searching.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::document::Document;
use super::tree::Tree;
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

#[derive(Insertable)]
#[diesel(table_name = tree_texts)]
struct Row<'a> {
    account_id: AccountId,
    tree_id: TreeId,
    edition: &'static str,
    /// Empty for the row of the tree itself.
    node_key: &'a str,
    heading: String,
    body: String,
}

/// Replaces what is indexed of one edition. A node's options count as its body: people search for what they would click.
pub async fn write(conn: &mut Conn, tree: &Tree, edition: Edition, document: &Document) -> QueryResult<()> {
    let row = |node_key, heading: &str, body: String| Row {
        account_id: tree.account_id,
        tree_id: tree.id,
        edition: edition.as_str(),
        node_key,
        heading: heading.to_owned(),
        body,
    };
    let mut about = tree.tags.clone();
    about.extend(tree.summary.clone());
    let mut rows = vec![row("", &tree.title, about.join("\n"))];
    for (key, node) in &document.nodes {
        let mut words: Vec<&str> = node.body.iter().map(String::as_str).collect();
        words.extend(node.options.iter().flat_map(|option| [Some(option.label.as_str()), option.hint.as_deref()]).flatten());
        // An empty key is a fault that validation reports; here it would collide with the tree's own row.
        if !key.is_empty() {
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
