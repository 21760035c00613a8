//! A step on the wire.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};

use crate::error::Error;
use crate::graphql::scalars::{DateTime, Json};
use crate::identity::graphql::UserObject;
use crate::session::label;
use crate::session::library::Library;
use crate::session::record::{self, StepRecord};

#[derive(Clone)]
pub struct SessionStep {
    record: StepRecord,
    library: Arc<Library>,
}

impl SessionStep {
    pub fn new(record: StepRecord, library: Arc<Library>) -> Self {
        Self { record, library }
    }
}

/// One thing that happened in a session. Steps never change.
#[Object]
impl SessionStep {
    /// 1, 2, 3…
    async fn seq(&self) -> i32 {
        self.record.seq
    }

    /// What happened.
    async fn kind(&self) -> StepKind {
        self.record.kind.into()
    }

    /// The node concerned.
    async fn node_key(&self) -> &str {
        &self.record.node_key
    }

    /// What that node says.
    async fn node_title(&self) -> &str {
        label::node_title(&self.library, &self.record)
    }

    /// The option that was chosen.
    async fn option_key(&self) -> Option<&str> {
        self.record.option_key.as_deref()
    }

    /// What the technician answered, in the tree's words.
    async fn label(&self) -> Option<String> {
        label::label(&self.library, &self.record)
    }

    /// What was answered, as variables hold it.
    async fn value(&self) -> Option<Json> {
        self.record.value.clone().map(Json)
    }

    /// What the technician noted.
    async fn note(&self) -> Option<&str> {
        self.record.note.as_deref()
    }

    /// Who did it.
    async fn by(&self, ctx: &Context<'_>) -> Result<UserObject, Error> {
        UserObject::require(ctx, self.record.by.into()).await
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.record.at.into()
    }

    /// Time spent on it, as the client measured it.
    async fn seconds(&self) -> i32 {
        i32::try_from(self.record.active_ms / 1000).unwrap_or(i32::MAX)
    }
}

/// What a step is.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "record::StepKind")]
pub enum StepKind {
    /// The session began.
    Started,
    /// A question was answered.
    Answered,
    /// An action was done.
    Continued,
    /// A decision took a branch by itself.
    Decided,
    /// A call of another tree began.
    EnteredSubtree,
    /// The call returned.
    LeftSubtree,
    /// The walk went back.
    Undone,
    /// A note was added.
    Noted,
    /// The session waits.
    Paused,
    /// The session goes on.
    Resumed,
    /// Somebody else took over.
    HandedOver,
    /// Ended with an outcome.
    Completed,
    /// Ended without one.
    Abandoned,
}
