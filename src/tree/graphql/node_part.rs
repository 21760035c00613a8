//! What nodes consist of, on the wire. Unlike a node, each of these is a copy.

use async_graphql::{ContextSelectionSet, Enum, ServerResult, SimpleObject, Value};

use crate::graphql::in_order::{self, Ordered};
use crate::graphql::scalars::Url;
use crate::tree::document;

/// What kind of answer a question takes, and what kind of value a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "document::AskKind")]
pub enum AskKind {
    /// One of the options.
    Choice,
    /// Yes or no.
    YesNo,
    /// A number.
    Number,
    /// Free text.
    Text,
    /// A calendar day, as 2026-01-31.
    Date,
}

/// How a way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "document::OutcomeKind")]
pub enum OutcomeKind {
    /// The problem is solved.
    Resolved,
    /// Somebody else has to go on.
    Escalated,
    /// Nothing helped.
    Unresolved,
}

/// One answer that a question offers.
#[derive(Clone, SimpleObject)]
#[graphql(name = "Option")]
pub struct Choice {
    /// Stable within the question.
    key: String,
    /// What the technician sees.
    label: String,
    /// Helps to choose.
    hint: Option<String>,
    /// The node that it leads to.
    to: String,
}

impl From<&document::Choice> for Choice {
    fn from(choice: &document::Choice) -> Self {
        let document::Choice { key, label, hint, to, .. } = choice.clone();
        Self { key, label, hint, to }
    }
}

impl Ordered for Choice {
    async fn in_order(&self, ctx: &ContextSelectionSet<'_>) -> ServerResult<Value> {
        in_order::resolve(ctx, self).await
    }
}

/// One branch of a decision.
#[derive(Clone, SimpleObject)]
pub struct Rule {
    /// An expression over the tree's variables, type-checked when the tree is validated.
    when: String,
    /// The node that it leads to.
    to: String,
}

impl From<&document::Rule> for Rule {
    fn from(rule: &document::Rule) -> Self {
        Self { when: rule.when.clone(), to: rule.to.clone() }
    }
}

impl Ordered for Rule {
    async fn in_order(&self, ctx: &ContextSelectionSet<'_>) -> ServerResult<Value> {
        in_order::resolve(ctx, self).await
    }
}

/// A variable of a tree.
#[derive(Clone, SimpleObject)]
pub struct Variable {
    /// As expressions write it.
    name: String,
    /// What it holds.
    kind: AskKind,
    /// Redacted in exports unless asked for.
    pii: bool,
}

impl From<&document::Variable> for Variable {
    fn from(variable: &document::Variable) -> Self {
        Self { name: variable.name.clone(), kind: variable.kind.into(), pii: variable.pii }
    }
}

/// A picture, video or file beside a node.
#[derive(Clone, SimpleObject)]
pub struct Media {
    /// Where it is.
    url: Url,
    /// What it is.
    kind: MediaKind,
    /// The same in words.
    alt: String,
}

impl From<&document::Media> for Media {
    fn from(media: &document::Media) -> Self {
        Self { url: Url(media.url.clone()), kind: media.kind.into(), alt: media.alt.clone() }
    }
}

impl Ordered for Media {
    async fn in_order(&self, ctx: &ContextSelectionSet<'_>) -> ServerResult<Value> {
        in_order::resolve(ctx, self).await
    }
}

/// What a medium is.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "document::MediaKind")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A moving picture.
    Video,
    /// Anything else.
    File,
}
