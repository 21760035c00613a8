//! What the queue does for sessions.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::commands::{self, Stamp};
use super::session::Session;
use crate::app::App;
use crate::db::notices::Notice;
use crate::db::schema::sessions;
use crate::error::{Code, Error};

/// Without a step for so long, a session is given up.
const IDLE: TimeDelta = TimeDelta::days(30);
const BATCH: i64 = 200;
/// In the words of the index `sessions_open_idx`: a parameter would hide from the planner that it fits.
const OPEN: &str = "status IN ('ACTIVE', 'PAUSED')";

/// Abandons idle sessions, in the name of whoever they are assigned to. A session that somebody takes up in the same moment goes on.
pub async fn abandon_idle(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    loop {
        let idle = sessions::table
            .filter(diesel::dsl::sql::<Bool>(OPEN))
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
