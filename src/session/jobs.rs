//! What the queue does for sessions.

use chrono::TimeDelta;
use diesel::prelude::*;

use super::commands::{self, Stamp};
use super::session::Session;
use super::state::Status;
use crate::app::App;
use crate::db::notices::Notice;
use crate::db::schema::sessions;
use crate::error::{Code, Error};

/// Without a step for so long, a session is given up.
const IDLE: TimeDelta = TimeDelta::days(30);
const BATCH: i64 = 200;

/// Abandons idle sessions, in the name of whoever they are assigned to. A session that somebody takes up in the same moment goes on.
pub async fn abandon_idle(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    loop {
        let idle = sessions::table
            .filter(sessions::status.eq_any([Status::Active.as_str(), Status::Paused.as_str()]))
            .filter(sessions::started_at.lt(now - IDLE))
            .filter(sessions::updated_at.lt(now - IDLE))
            .order((sessions::started_at, sessions::id))
            .limit(BATCH);
        let idle = Session::load(&mut *app.db.conn().await?, idle.into_boxed()).await?;
        for session in &idle {
            abandon(app, session).await?;
        }
        if (idle.len() as i64) < BATCH {
            return Ok(());
        }
    }
}

async fn abandon(app: &App, session: &Session) -> Result<(), Error> {
    let now = app.clock.now();
    let change = commands::abandon(&session.state, Stamp { by: session.state.assignee, at: now, active_ms: 0 })?;
    match Session::append(&mut *app.db.conn().await?, session.account_id, session.id, &change, now).await {
        Ok(()) => {
            app.notices.publish(Notice::Session(session.account_id, session.id));
            Ok(())
        }
        Err(Error::Refused(refusals)) if refusals.iter().all(|refusal| refusal.code == Code::RevisionConflict) => Ok(()),
        Err(error) => Err(error),
    }
}
