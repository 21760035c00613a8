//! A session on the wire.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::step::SessionStep;
use crate::error::Error;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::in_order::InOrder;
use crate::graphql::page::{Page, PageArgs};
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::{actor, app, loaders};
use crate::id::{Id, SessionId, VersionId};
use crate::identity::graphql::UserObject;
use crate::session::library::Library;
use crate::session::session::Session;
use crate::session::state;
use crate::session::step::Part;
use crate::tree::graphql::{OutcomeKind, TreeNode, TreeObject, TreeVersion};
use crate::tree::version::{Closure, Version};

#[derive(Clone)]
pub struct SessionObject(pub Session);

impl SessionObject {
    /// The version that it walks, or one that this calls.
    async fn version_of(&self, ctx: &Context<'_>, id: VersionId) -> Result<Arc<Version>, Error> {
        if let Some(version) = app(ctx)?.versions.cached(self.0.tree_account_id, id) {
            return Ok(version);
        }
        let closure = self.closure(ctx).await?;
        closure.get(id).cloned().ok_or_else(|| Error::internal(format!("{:?} walks {id:?}, which is not there", self.0.id)))
    }

    async fn library(&self, ctx: &Context<'_>) -> Result<Arc<Library>, Error> {
        let (libraries, account, version) = (&app(ctx)?.libraries, self.0.tree_account_id, self.0.version_id);
        match libraries.cached(account, version) {
            Some(library) => Ok(library),
            None => Ok(libraries.keep(account, version, &self.closure(ctx).await?)),
        }
    }

    async fn closure(&self, ctx: &Context<'_>) -> Result<Closure, Error> {
        let root = (self.0.tree_account_id, self.0.version_id);
        Ok(loaders::one::<loaders::Closures>(ctx, root).await?.unwrap_or_default())
    }

    /// One that the viewer may see.
    pub async fn find(ctx: &Context<'_>, id: SessionId) -> Result<Option<Self>, Error> {
        let (actor, session) = (actor(ctx)?, loaders::one::<loaders::Sessions>(ctx, id).await?);
        Ok(session.filter(|session| session.visible_to(actor)).map(Self))
    }
}

/// One person's way through a published tree.
#[Object(name = "Session")]
impl SessionObject {
    /// Opaque and global.
    pub async fn id(&self) -> ID {
        self.0.id.encode().into()
    }

    /// The tree that it walks; null if you may no longer see it.
    async fn tree(&self, ctx: &Context<'_>) -> Result<Option<TreeObject>, Error> {
        TreeObject::find(ctx, self.0.tree_id).await
    }

    /// Pinned at start; later publishes never move it.
    async fn version(&self, ctx: &Context<'_>) -> Result<TreeVersion, Error> {
        Ok(TreeVersion::published(self.version_of(ctx, self.0.version_id).await?, None))
    }

    /// Where it stands.
    async fn status(&self) -> SessionStatus {
        self.0.state.status.into()
    }

    /// What it is about: a ticket number, a device, a customer.
    async fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Who works on it.
    async fn assignee(&self, ctx: &Context<'_>) -> Result<UserObject, Error> {
        UserObject::require(ctx, self.0.state.assignee.into()).await
    }

    /// The node on which it stands; null once it has ended.
    async fn current(&self, ctx: &Context<'_>) -> Result<Option<InOrder<TreeNode>>, Error> {
        if self.0.state.status.is_ended() {
            return Ok(None);
        }
        let position = &self.0.state.walk.current;
        let version = self.version_of(ctx, position.version.into()).await?;
        Ok(TreeNode::find(&(&version).into(), &position.node_key))
    }

    /// Append-only; undo appends an UNDONE step.
    async fn steps(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<Connection<SessionStep>, Error> {
        let page: Page<i32> = PageArgs::forward(first, after).page("steps")?;
        let library = self.library(ctx).await?;
        let part = Part { session: self.0.id, after: page.after.unwrap_or(0), limit: page.limit() };
        let steps = loaders::one::<loaders::Steps>(ctx, part).await?.unwrap_or_default();
        let node = |record| SessionStep::new(record, library.clone());
        Ok(page.cut(steps).connection("steps", EmptyFields, |record| record.seq, node))
    }

    /// The variables of the tree on which it stands.
    async fn variables(&self) -> Result<Json, Error> {
        Ok(Json(serde_json::to_value(&self.0.state.walk.variables)?))
    }

    /// How it ended; null until it is completed.
    async fn outcome(&self) -> Option<Outcome> {
        self.0.state.outcome.clone().map(Outcome::from)
    }

    /// Equals the number of steps; send it back with every write.
    async fn revision(&self) -> i32 {
        self.0.state.revision
    }

    /// When it began.
    async fn started_at(&self) -> DateTime {
        self.0.state.started_at.into()
    }

    /// When it was completed or abandoned.
    async fn ended_at(&self) -> Option<DateTime> {
        self.0.state.ended_at.map(DateTime::from)
    }

    /// Time spent on it, as clients measured it.
    async fn active_seconds(&self) -> i32 {
        i32::try_from(self.0.state.active_ms / 1000).unwrap_or(i32::MAX)
    }
}

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "state::Status")]
pub enum SessionStatus {
    /// Goes on.
    Active,
    /// Waits to be resumed.
    Paused,
    /// Ended with an outcome.
    Completed,
    /// Ended without one.
    Abandoned,
}

/// How a session ended.
#[derive(SimpleObject)]
pub struct Outcome {
    /// Whether the problem is solved.
    kind: OutcomeKind,
    /// The resolution that it reached, if it reached one.
    resolution_key: Option<String>,
    /// In the technician's words.
    summary: Option<String>,
    /// Whether the tree helped.
    helpful: Option<bool>,
}

impl From<state::Outcome> for Outcome {
    fn from(outcome: state::Outcome) -> Self {
        let state::Outcome { kind, resolution_key, summary, helpful } = outcome;
        Self { kind: kind.into(), resolution_key, summary, helpful }
    }
}
