//! Everything that is done to a session that began: read it, let a pure command decide, store what it did, tell who watches.
//!
//! Reading and writing are two statements without a transaction around them: the write names the revision that was read, and the
//! database refuses it if somebody was quicker.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::commands::{self, Answer, Change, Stamp};
use super::library::Library;
use super::record::StepRecord;
use super::session::{Session, not_found};
use super::step;
use crate::app::App;
use crate::db::notices::Notice;
use crate::db::schema::{memberships, users};
use crate::error::{Code, Error, Refusal};
use crate::id::{SessionId, UserId};
use crate::identity::actor::Actor;
use crate::tree::document::OutcomeKind;

/// Which session, and the revision that the caller has read.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub session: SessionId,
    pub revision: i32,
}

/// The session after the command, and the step that the caller made. (Automatic steps may have followed it.)
pub type Acted = (Session, StepRecord);

pub async fn answer(
    app: &App,
    actor: &Actor,
    target: Target,
    node_key: &str,
    answer: &Answer,
    note: Option<&str>,
    active_seconds: Option<i32>,
) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let active_ms = i64::from(active_seconds.unwrap_or(0)) * 1000;
    let stamp = Stamp { active_ms, ..read.stamp };
    let change = commands::answer(&read.library, &read.session.state, node_key, answer, note, stamp)?;
    read.store(app, change).await
}

pub async fn undo(app: &App, actor: &Actor, target: Target, to_seq: Option<i32>) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let steps = step::all(&mut *app.db.conn().await?, read.session.account_id, read.session.id).await?;
    // Somebody may have added steps since the session was read: those are not part of what the caller saw.
    let seen = steps.get(..usize::try_from(target.revision).unwrap_or_default()).unwrap_or(&steps);
    let change = commands::undo(&read.library, &read.session.state, seen, to_seq, read.stamp)?;
    read.store(app, change).await
}

pub async fn note(app: &App, actor: &Actor, target: Target, text: &str) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let change = commands::note(&read.session.state, text, read.stamp)?;
    read.store(app, change).await
}

pub async fn pause(app: &App, actor: &Actor, target: Target, reason: Option<&str>) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let change = commands::pause(&read.session.state, reason, read.stamp)?;
    read.store(app, change).await
}

pub async fn resume(app: &App, actor: &Actor, target: Target) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let change = commands::resume(&read.session.state, read.stamp)?;
    read.store(app, change).await
}

pub async fn hand_over(app: &App, actor: &Actor, target: Target, to: UserId, note: Option<&str>) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let member = memberships::table
        .find((actor.account, to))
        .inner_join(users::table)
        .filter(users::deactivated_at.is_null())
        .select(memberships::user_id)
        .first::<UserId>(&mut *app.db.conn().await?)
        .await
        .optional()?;
    if member.is_none() {
        return Err(Refusal::at(Code::NotFound, "toUserId", "This person is not an active member of the account.").into());
    }
    let change = commands::hand_over(&read.session.state, to.into(), note, read.stamp)?;
    read.store(app, change).await
}

pub async fn complete(
    app: &App,
    actor: &Actor,
    target: Target,
    outcome: Option<OutcomeKind>,
    summary: Option<&str>,
    helpful: Option<bool>,
) -> Result<Acted, Error> {
    let read = Read::session(app, actor, target).await?;
    let change = commands::complete(&read.library, &read.session.state, outcome, summary, helpful, read.stamp)?;
    read.store(app, change).await
}

struct Read {
    session: Session,
    library: std::sync::Arc<Library>,
    stamp: Stamp,
    now: DateTime<Utc>,
}

impl Read {
    /// A session that the actor may see is one that they may work on.
    async fn session(app: &App, actor: &Actor, target: Target) -> Result<Self, Error> {
        let mut conn = app.db.conn().await?;
        let session = Session::find(&mut conn, actor.account, target.session).await?;
        let session = session.filter(|session| session.visible_to(actor)).ok_or_else(not_found)?;
        if session.state.revision != target.revision {
            return Err(Refusal::revision_conflict(session.state.revision).into());
        }
        let library = app.libraries.get(&mut conn, &app.versions, session.tree_account_id, session.version_id).await?;
        let now = app.clock.now();
        Ok(Self { session, library, stamp: Stamp { by: actor.user.into(), at: now, active_ms: 0 }, now })
    }

    async fn store(self, app: &App, change: Change) -> Result<Acted, Error> {
        let Self { mut session, now, .. } = self;
        Session::append(&mut *app.db.conn().await?, session.account_id, session.id, &change, now).await?;
        app.notices.publish(Notice::Session(session.account_id, session.id));
        session.state = change.state;
        let made = change.steps.into_iter().next().ok_or_else(|| Error::internal("a command made no step"))?;
        Ok((session, made))
    }
}
