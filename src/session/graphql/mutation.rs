//! Mutations of sessions.

use async_graphql::{Context, Object, SimpleObject};

use super::input::{
    AnswerSessionInput, CompleteSessionInput, ExportSessionInput, HandOverSessionInput, NoteSessionInput, PauseSessionInput,
    ResumeSessionInput, StartSessionInput, UndoSessionInput, target,
};
use super::session::SessionObject;
use super::step::SessionStep;
use crate::app::App;
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::scalars::{DateTime, Url};
use crate::graphql::{actor, app};
use crate::id::{Id, SessionId, UserId};
use crate::session::act::{self, Acted};
use crate::session::export::{self, Linked};
use crate::session::start;

#[derive(Default)]
pub struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Starts a session on a published tree of your account, or on one that it has bought. After a refund of the whole, or while the payment is
    /// disputed, none is started; sessions that began go on.
    async fn start_session(&self, ctx: &Context<'_>, input: StartSessionInput) -> Result<SessionPayload, Error> {
        let started = async { start::start(app(ctx)?, actor(ctx)?, input.try_into()?).await };
        let payload = |session| SessionPayload { session: Some(SessionObject(session)), ..SessionPayload::default() };
        answer(started.await.map(payload))
    }

    /// Answers the question, or passes the action, on which the session stands.
    async fn answer_session(&self, ctx: &Context<'_>, input: AnswerSessionInput) -> Result<SessionPayload, Error> {
        let answered = async {
            let (target, given) = (target(&input.session_id, input.revision)?, input.answer.try_into()?);
            let (note, seconds) = (input.note.as_deref(), input.active_seconds);
            shape(ctx, act::answer(app(ctx)?, actor(ctx)?, target, &input.node_key, &given, note, seconds).await?)
        };
        answer(answered.await)
    }

    /// Goes back to an earlier step. Nothing is deleted: the steps stay, and an UNDONE step is added.
    async fn undo_session(&self, ctx: &Context<'_>, input: UndoSessionInput) -> Result<SessionPayload, Error> {
        let undone = async {
            let target = target(&input.session_id, input.revision)?;
            shape(ctx, act::undo(app(ctx)?, actor(ctx)?, target, input.to_seq).await?)
        };
        answer(undone.await)
    }

    /// Adds a note.
    async fn note_session(&self, ctx: &Context<'_>, input: NoteSessionInput) -> Result<SessionPayload, Error> {
        let noted = async {
            let target = target(&input.session_id, input.revision)?;
            shape(ctx, act::note(app(ctx)?, actor(ctx)?, target, &input.note).await?)
        };
        answer(noted.await)
    }

    /// Lets a session wait.
    async fn pause_session(&self, ctx: &Context<'_>, input: PauseSessionInput) -> Result<SessionPayload, Error> {
        let paused = async {
            let target = target(&input.session_id, input.revision)?;
            shape(ctx, act::pause(app(ctx)?, actor(ctx)?, target, input.reason.as_deref()).await?)
        };
        answer(paused.await)
    }

    /// Goes on with a session that waits.
    async fn resume_session(&self, ctx: &Context<'_>, input: ResumeSessionInput) -> Result<SessionPayload, Error> {
        let resumed = async {
            let target = target(&input.session_id, input.revision)?;
            shape(ctx, act::resume(app(ctx)?, actor(ctx)?, target).await?)
        };
        answer(resumed.await)
    }

    /// Gives a session to somebody else.
    async fn hand_over_session(&self, ctx: &Context<'_>, input: HandOverSessionInput) -> Result<SessionPayload, Error> {
        let handed = async {
            let (target, to) = (target(&input.session_id, input.revision)?, UserId::decode(&input.to_user_id)?);
            shape(ctx, act::hand_over(app(ctx)?, actor(ctx)?, target, to, input.note.as_deref()).await?)
        };
        answer(handed.await)
    }

    /// Ends a session with an outcome.
    async fn complete_session(&self, ctx: &Context<'_>, input: CompleteSessionInput) -> Result<SessionPayload, Error> {
        let completed = async {
            let (target, outcome) = (target(&input.session_id, input.revision)?, input.outcome.map(Into::into));
            let summary = input.summary.as_deref();
            shape(ctx, act::complete(app(ctx)?, actor(ctx)?, target, outcome, summary, input.helpful).await?)
        };
        answer(completed.await)
    }

    /// Writes a session down, and gives a link that shows the same for an hour.
    async fn export_session(&self, ctx: &Context<'_>, input: ExportSessionInput) -> Result<ExportPayload, Error> {
        let exported = async {
            let (app, id) = (app(ctx)?, SessionId::decode(&input.session_id)?);
            let linked = export::export(app, actor(ctx)?, id, input.format.into(), input.redact_pii).await?;
            Ok(ExportPayload { export: Some(Export::new(app, linked)?), user_errors: Vec::new() })
        };
        answer(exported.await)
    }
}

fn shape(ctx: &Context<'_>, (session, record): Acted) -> Result<SessionPayload, Error> {
    // The operation has just used it.
    let library = app(ctx)?.libraries.cached(session.tree_account_id, session.version_id);
    let step = library.map(|library| SessionStep::new(record, library));
    Ok(SessionPayload { session: Some(SessionObject(session)), step, user_errors: Vec::new() })
}

/// What became of a session.
#[derive(SimpleObject, Default)]
pub struct SessionPayload {
    /// The session as it is now; null when refused.
    session: Option<SessionObject>,
    /// The step that was made. (Automatic steps may have followed it.)
    step: Option<SessionStep>,
    /// Why it was refused.
    user_errors: Vec<UserError>,
}

impl Payload for SessionPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }
}

/// A session written down.
#[derive(SimpleObject)]
pub struct Export {
    /// To save it under.
    filename: String,
    /// What it is.
    content_type: String,
    /// The text itself.
    content: Option<String>,
    /// Signed; expires.
    url: Url,
    /// When the link expires.
    expires_at: DateTime,
}

impl Export {
    fn new(app: &App, Linked { export, token, expires_at }: Linked) -> Result<Self, Error> {
        Ok(Self {
            filename: export.filename,
            content_type: export.format.content_type().to_owned(),
            content: Some(export.content),
            url: Url(app.config.http.public_url.join(&format!("/exports/{token}"))?.into()),
            expires_at: expires_at.into(),
        })
    }
}

/// A session written down, or why not.
#[derive(SimpleObject, Default)]
pub struct ExportPayload {
    /// Null when refused.
    export: Option<Export>,
    /// Why it was refused.
    user_errors: Vec<UserError>,
}

impl Payload for ExportPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }
}
