//! Nodes on the wire. Each refers into its document, so that showing a tree copies nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextSelectionSet, Interface, Object, OutputType, Positioned, ServerResult, Value};
use uuid::Uuid;

use super::node_part::{AskKind, Choice, Media, OutcomeKind, Rule};
use super::tree::TreeObject;
use crate::error::Error;
use crate::graphql::in_order::{self, InOrder, Ordered};
use crate::graphql::scalars::Url;
use crate::graphql::{actor, kept, loaders};
use crate::id::VersionId;
use crate::tree::document::{Document, Node, NodeKind};
use crate::tree::tree::TreeRef;
use crate::tree::validate::is_web;
use crate::tree::version::{Pin, Version};

/// One place in a tree.
#[derive(Clone, Interface)]
#[graphql(
    field(name = "key", ty = "&str", desc = "Author-stable within the tree; survives versions."),
    field(name = "title", ty = "&str", desc = "What it says."),
    field(name = "body", ty = "Option<&str>", desc = "CommonMark without raw HTML."),
    field(name = "media", ty = "Vec<InOrder<Media>>", desc = "Pictures, videos and files.")
)]
pub enum TreeNode {
    Question(QuestionNode),
    Action(ActionNode),
    Decision(DecisionNode),
    Subtree(SubtreeNode),
    Resolution(ResolutionNode),
}

/// A document with what its subtree nodes call: pinned for published content, by reference for drafts.
#[derive(Clone)]
pub struct Content {
    pub document: Arc<Document>,
    pub pins: Option<Arc<HashMap<String, Pin>>>,
}

impl From<&Arc<Version>> for Content {
    fn from(version: &Arc<Version>) -> Self {
        Self { document: version.document.clone(), pins: Some(version.pins.clone()) }
    }
}

#[derive(Clone)]
pub struct Place {
    content: Content,
    index: usize,
}

impl TreeNode {
    pub fn all(content: &Content) -> Vec<InOrder<Self>> {
        (0..content.document.nodes.len()).filter_map(|index| Self::at(content, index)).map(InOrder).collect()
    }

    pub fn find(content: &Content, key: &str) -> Option<InOrder<Self>> {
        Self::at(content, content.document.nodes.get_index_of(key)?).map(InOrder)
    }

    fn at(content: &Content, index: usize) -> Option<Self> {
        let (_, node) = content.document.nodes.get_index(index)?;
        let place = Place { content: content.clone(), index };
        Some(match node.kind {
            NodeKind::Question => Self::Question(QuestionNode(place)),
            NodeKind::Action => Self::Action(ActionNode(place)),
            NodeKind::Decision => Self::Decision(DecisionNode(place)),
            NodeKind::Subtree => Self::Subtree(SubtreeNode(place)),
            NodeKind::Resolution => Self::Resolution(ResolutionNode(place)),
            // Only drafts have them, and validation reports them; as a question they can at least be read.
            NodeKind::Unknown(_) => Self::Question(QuestionNode(place)),
        })
    }
}

impl Ordered for TreeNode {
    async fn in_order(&self, ctx: &ContextSelectionSet<'_>) -> ServerResult<Value> {
        match self {
            Self::Question(node) => in_order::resolve(ctx, node).await,
            Self::Action(node) => in_order::resolve(ctx, node).await,
            Self::Decision(node) => in_order::resolve(ctx, node).await,
            Self::Subtree(node) => in_order::resolve(ctx, node).await,
            Self::Resolution(node) => in_order::resolve(ctx, node).await,
        }
    }
}

/// All nodes of a content, in the author's order.
pub struct Nodes {
    pub content: Content,
    /// None for a draft, which changes.
    pub version: Option<VersionId>,
}

/// What nodes consist of. Whatever else they lead to is looked up for each who asks.
const PARTS: [&str; 3] = ["media", "options", "rules"];

impl OutputType for Nodes {
    fn type_name() -> Cow<'static, str> {
        <Vec<InOrder<TreeNode>>>::type_name()
    }

    fn qualified_type_name() -> String {
        <Vec<InOrder<TreeNode>>>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Vec<InOrder<TreeNode>>>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let content = self.version.map(Uuid::from);
        kept::answer(ctx, field, content, &PARTS, || TreeNode::all(&self.content)).await
    }
}

impl Place {
    fn key(&self) -> &str {
        self.content.document.nodes.get_index(self.index).map_or("", |(key, _)| key)
    }

    fn node(&self) -> &Node {
        static NOTHING: std::sync::LazyLock<Node> = std::sync::LazyLock::new(Node::default);
        self.content.document.nodes.get_index(self.index).map_or(&NOTHING, |(_, node)| node)
    }

    fn media(&self) -> Vec<InOrder<Media>> {
        self.node().media.iter().map(|media| InOrder(media.into())).collect()
    }
}

#[derive(Clone)]
pub struct QuestionNode(Place);

/// Asks the technician.
#[Object]
impl QuestionNode {
    /// Author-stable within the tree; survives versions.
    async fn key(&self) -> &str {
        self.0.key()
    }

    /// The question.
    async fn title(&self) -> &str {
        &self.0.node().title
    }

    /// CommonMark without raw HTML.
    async fn body(&self) -> Option<&str> {
        self.0.node().body.as_deref()
    }

    /// Pictures, videos and files.
    async fn media(&self) -> Vec<InOrder<Media>> {
        self.0.media()
    }

    /// What kind of answer it takes. (A draft that does not say takes a choice.)
    async fn ask(&self) -> AskKind {
        self.0.node().ask.map_or(AskKind::Choice, AskKind::from)
    }

    /// The variable that receives the answer.
    async fn variable(&self) -> Option<&str> {
        self.0.node().variable.as_deref()
    }

    /// Answers to choose from.
    async fn options(&self) -> Vec<InOrder<Choice>> {
        self.0.node().options.iter().map(|choice| InOrder(choice.into())).collect()
    }

    /// Where any other answer leads.
    async fn otherwise(&self) -> Option<&str> {
        self.0.node().otherwise.as_deref()
    }
}

#[derive(Clone)]
pub struct ActionNode(Place);

/// Tells the technician what to do.
#[Object]
impl ActionNode {
    /// Author-stable within the tree; survives versions.
    async fn key(&self) -> &str {
        self.0.key()
    }

    /// What to do.
    async fn title(&self) -> &str {
        &self.0.node().title
    }

    /// CommonMark without raw HTML.
    async fn body(&self) -> Option<&str> {
        self.0.node().body.as_deref()
    }

    /// Pictures, videos and files.
    async fn media(&self) -> Vec<InOrder<Media>> {
        self.0.media()
    }

    /// A page to open; null unless it is an http(s) address.
    async fn url(&self) -> Option<Url> {
        self.0.node().url.as_deref().filter(|url| is_web(url)).map(|url| Url(url.to_owned()))
    }

    /// Where it goes on; empty in a draft that does not say.
    async fn next(&self) -> &str {
        self.0.node().next.as_deref().unwrap_or_default()
    }
}

#[derive(Clone)]
pub struct DecisionNode(Place);

/// Chooses the way by what is known already.
#[Object]
impl DecisionNode {
    /// Author-stable within the tree; survives versions.
    async fn key(&self) -> &str {
        self.0.key()
    }

    /// What is decided.
    async fn title(&self) -> &str {
        &self.0.node().title
    }

    /// CommonMark without raw HTML.
    async fn body(&self) -> Option<&str> {
        self.0.node().body.as_deref()
    }

    /// Pictures, videos and files.
    async fn media(&self) -> Vec<InOrder<Media>> {
        self.0.media()
    }

    /// The first whose expression holds is taken.
    async fn rules(&self) -> Vec<InOrder<Rule>> {
        self.0.node().rules.iter().map(|rule| InOrder(rule.into())).collect()
    }

    /// Where it leads when no rule holds; empty in a draft that does not say.
    async fn otherwise(&self) -> &str {
        self.0.node().otherwise.as_deref().unwrap_or_default()
    }
}

#[derive(Clone)]
pub struct SubtreeNode(Place);

/// Calls another tree.
#[Object]
impl SubtreeNode {
    /// Author-stable within the tree; survives versions.
    async fn key(&self) -> &str {
        self.0.key()
    }

    /// What the call is for.
    async fn title(&self) -> &str {
        &self.0.node().title
    }

    /// CommonMark without raw HTML.
    async fn body(&self) -> Option<&str> {
        self.0.node().body.as_deref()
    }

    /// Pictures, videos and files.
    async fn media(&self) -> Vec<InOrder<Media>> {
        self.0.media()
    }

    /// The tree that is called; null if there is none that you may see.
    async fn tree(&self, ctx: &Context<'_>) -> Result<Option<TreeObject>, Error> {
        let Some(reference) = &self.0.node().tree else { return Ok(None) };
        let pinned = self.0.content.pins.as_ref().and_then(|pins| pins.get(self.0.key())).map(|pin| TreeRef::Id(pin.tree));
        let tree = match pinned.unwrap_or_else(|| TreeRef::parse(reference)) {
            TreeRef::Id(id) => loaders::one::<loaders::Trees>(ctx, id).await?,
            TreeRef::Slug(slug) => loaders::one::<loaders::TreesBySlug>(ctx, slug).await?,
        };
        let actor = actor(ctx)?;
        Ok(tree.filter(|tree| tree.visible_to(actor)).map(TreeObject))
    }

    /// The variable that receives how the call ended: resolved, escalated or unresolved.
    async fn variable(&self) -> Option<&str> {
        self.0.node().variable.as_deref()
    }

    /// Where it goes on after the call; null if the call's end is the session's end.
    async fn next(&self) -> Option<&str> {
        self.0.node().next.as_deref()
    }
}

#[derive(Clone)]
pub struct ResolutionNode(Place);

/// The end of a way.
#[Object]
impl ResolutionNode {
    /// Author-stable within the tree; survives versions.
    async fn key(&self) -> &str {
        self.0.key()
    }

    /// How it ended.
    async fn title(&self) -> &str {
        &self.0.node().title
    }

    /// CommonMark without raw HTML.
    async fn body(&self) -> Option<&str> {
        self.0.node().body.as_deref()
    }

    /// Pictures, videos and files.
    async fn media(&self) -> Vec<InOrder<Media>> {
        self.0.media()
    }

    /// Whether the problem is solved. (A draft that does not say counts as unresolved.)
    async fn outcome(&self) -> OutcomeKind {
        self.0.node().outcome.map_or(OutcomeKind::Unresolved, OutcomeKind::from)
    }
}
