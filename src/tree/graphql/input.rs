//! What clients send about trees.

use async_graphql::{Enum, ID, InputObject, MaybeUndefined, OneofObject};

use crate::error::Error;
use crate::graphql::scalars::Json;
use crate::id::{Id, TreeId, UserId};
use crate::text;
use crate::tree::list;
use crate::tree::source::Source;
use crate::tree::tree::{self, Status};
use crate::tree::{create, formats, update};

/// One tree, by id or slug.
#[derive(OneofObject)]
pub enum TreeRef {
    /// Its id.
    Id(ID),
    /// Its slug in your account.
    Slug(String),
}

impl TryFrom<TreeRef> for tree::TreeRef {
    type Error = Error;

    fn try_from(by: TreeRef) -> Result<Self, Error> {
        Ok(match by {
            TreeRef::Id(id) => Self::Id(TreeId::decode(&id)?),
            TreeRef::Slug(slug) => Self::Slug(text::comparable("slug", slug)?),
        })
    }
}

/// Which trees to list; all conditions hold.
#[derive(InputObject, Default)]
pub struct TreeFilter {
    /// Any of these.
    pub status: Option<Vec<Status>>,
    /// A category's slug.
    pub category: Option<String>,
    /// All of these.
    pub tags: Option<Vec<String>>,
    /// Who made it.
    pub author_id: Option<ID>,
}

impl TryFrom<TreeFilter> for list::Filter {
    type Error = Error;

    fn try_from(filter: TreeFilter) -> Result<Self, Error> {
        Ok(Self {
            status: filter.status,
            category: filter.category.map(|category| text::comparable("category", category)).transpose()?,
            tags: filter.tags.unwrap_or_default().into_iter().map(|tag| text::comparable("tags", tag)).collect::<Result<_, _>>()?,
            author: filter.author_id.map(|id| UserId::decode(&id)).transpose()?,
        })
    }
}

/// How to order trees.
#[derive(InputObject)]
pub struct TreeOrder {
    /// By what.
    pub field: list::OrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Desc")]
    pub direction: OrderDirection,
}

/// Which way a list runs.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

impl From<Option<TreeOrder>> for list::Order {
    fn from(order: Option<TreeOrder>) -> Self {
        match order {
            None => Self { field: list::OrderField::UpdatedAt, descending: true },
            Some(order) => Self { field: order.field, descending: order.direction == OrderDirection::Desc },
        }
    }
}

/// How to write a tree as text.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "formats::Format")]
pub enum TreeFormat {
    /// Our own document; goes in again byte for byte.
    Json,
    /// An outline.
    Markdown,
    /// A flowchart.
    Mermaid,
    /// Twee 3, as Twine reads it.
    Twee,
    /// Graphviz; for looking at only.
    Dot,
}

/// Where a new tree's content comes from.
#[derive(OneofObject)]
pub enum TreeSource {
    /// A document, or its JSON as a string (which can also show keys that stand there twice).
    Document(Json),
    /// A template's key.
    Template(String),
    /// Another tree, whose draft is copied.
    TreeId(ID),
    /// A Markdown outline.
    Markdown(String),
    /// A Mermaid flowchart.
    Mermaid(String),
    /// Twee 3.
    Twee(String),
}

impl TryFrom<TreeSource> for Source {
    type Error = Error;

    fn try_from(source: TreeSource) -> Result<Self, Error> {
        Ok(match source {
            TreeSource::Document(Json(value)) => Self::Document(value),
            TreeSource::Template(key) => Self::Template(key),
            TreeSource::TreeId(id) => Self::Tree(TreeId::decode(&id)?),
            TreeSource::Markdown(text) => Self::Markdown(text),
            TreeSource::Mermaid(text) => Self::Mermaid(text),
            TreeSource::Twee(text) => Self::Twee(text),
        })
    }
}

/// A new tree.
#[derive(InputObject)]
pub struct CreateTreeInput {
    /// At most 200 characters.
    pub title: String,
    /// Made from the title when left out.
    pub slug: Option<String>,
    /// At most 1,000 characters.
    pub summary: Option<String>,
    /// A category's slug.
    pub category: Option<String>,
    /// At most 20.
    pub tags: Option<Vec<String>>,
    /// A language tag; `en` when left out.
    pub locale: Option<String>,
    /// An empty document when left out.
    pub source: Option<TreeSource>,
}

impl TryFrom<CreateTreeInput> for create::CreateTree {
    type Error = Error;

    fn try_from(input: CreateTreeInput) -> Result<Self, Error> {
        Ok(Self {
            title: input.title,
            slug: input.slug,
            summary: input.summary,
            category: input.category,
            tags: input.tags.unwrap_or_default(),
            locale: input.locale,
            source: input.source.map(Source::try_from).transpose()?,
        })
    }
}

/// Changes of a tree. Fields left out stay; null clears.
#[derive(InputObject)]
pub struct UpdateTreeInput {
    /// Which tree.
    pub id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// At most 200 characters; cannot be cleared.
    pub title: Option<String>,
    /// Unique in the account; cannot be cleared.
    pub slug: Option<String>,
    /// At most 1,000 characters.
    pub summary: MaybeUndefined<String>,
    /// A category's slug.
    pub category: MaybeUndefined<String>,
    /// At most 20.
    pub tags: MaybeUndefined<Vec<String>>,
    /// A language tag; cannot be cleared.
    pub locale: Option<String>,
    /// The whole content, or its JSON as a string.
    pub document: Option<Json>,
}

impl TryFrom<UpdateTreeInput> for update::UpdateTree {
    type Error = Error;

    fn try_from(input: UpdateTreeInput) -> Result<Self, Error> {
        Ok(Self {
            id: TreeId::decode(&input.id)?,
            revision: input.revision,
            title: input.title,
            slug: input.slug,
            summary: cleared(input.summary),
            category: cleared(input.category),
            tags: cleared(input.tags).map(Option::unwrap_or_default),
            locale: input.locale,
            document: input.document.map(|Json(value)| value),
        })
    }
}

/// Absent stays absent; null becomes "nothing".
fn cleared<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// Publishes the draft.
#[derive(InputObject)]
pub struct PublishTreeInput {
    /// Which tree.
    pub id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// What is new, for those who use it.
    pub notes: Option<String>,
}

/// Puts an earlier version's content back.
#[derive(InputObject)]
pub struct RevertTreeInput {
    /// Which tree.
    pub id: ID,
    /// The revision that you have read.
    pub revision: i32,
    /// Whose content becomes the draft.
    pub version_id: ID,
}

/// One tree, as you have read it.
#[derive(InputObject)]
pub struct TreeRevisionInput {
    /// Which tree.
    pub id: ID,
    /// The revision that you have read.
    pub revision: i32,
}
