//! `exportSession`, and the signed links under `/exports/` that give the same text for an hour to whoever holds them.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::{Format, Header, build};
use super::session::{Session, not_found};
use super::step;
use crate::app::App;
use crate::db::schema::users;
use crate::error::Error;
use crate::id::{AccountId, Id, SessionId, UserId};
use crate::identity::actor::Actor;
use crate::tree::tree::Tree;

/// Long enough to be opened from a chat, short enough to be forgotten.
const LINK_LIFETIME: TimeDelta = TimeDelta::hours(1);

pub struct Export {
    pub filename: String,
    pub format: Format,
    pub content: String,
}

/// An export, and the link that gives it again.
pub struct Linked {
    pub export: Export,
    pub token: String,
    pub expires_at: DateTime<Utc>,
}

/// What links are signed for.
const PURPOSE: &str = "export";

#[derive(Serialize, Deserialize)]
struct Link {
    account: AccountId,
    session: SessionId,
    format: Format,
    redact: bool,
    expires_at: i64,
}

pub async fn export(app: &App, actor: &Actor, id: SessionId, format: Format, redact: bool) -> Result<Linked, Error> {
    let session = Session::find(&mut *app.db.conn().await?, actor.account, id).await?;
    let session = session.filter(|session| session.visible_to(actor)).ok_or_else(not_found)?;
    let expires_at = app.clock.now() + LINK_LIFETIME;
    let link = Link { account: session.account_id, session: id, format, redact, expires_at: expires_at.timestamp() };
    Ok(Linked { token: app.signing_key.sign(PURPOSE, &link)?, export: render(app, &session, format, redact).await?, expires_at })
}

/// What a link gives: nothing if it was forged, has expired, or its session is gone.
pub async fn open(app: &App, token: &str) -> Result<Option<Export>, Error> {
    let link = app.signing_key.open::<Link>(PURPOSE, token).filter(|link| app.clock.now().timestamp() < link.expires_at);
    let Some(link) = link else { return Ok(None) };
    match Session::find(&mut *app.db.conn().await?, link.account, link.session).await? {
        Some(session) => render(app, &session, link.format, link.redact).await.map(Some),
        None => Ok(None),
    }
}

async fn render(app: &App, session: &Session, format: Format, redact: bool) -> Result<Export, Error> {
    let mut conn = app.db.conn().await?;
    let library = app.libraries.get(&mut conn, &app.versions, session.tree_account_id, session.version_id).await?;
    let version = app.versions.get(&mut conn, session.tree_account_id, session.version_id).await?;
    let tree = Tree::find(&mut conn, session.tree_account_id, session.tree_id).await?;
    let steps = step::all(&mut conn, session.account_id, session.id).await?;
    let header = Header {
        tree_title: tree.map_or_else(|| "A tree that is gone".to_owned(), |tree| tree.title),
        version_number: version.map_or(0, |version| version.number),
        subject: session.subject.clone(),
        people: people(&mut conn, session, &steps).await?,
    };
    let content = build(&library, &steps, &session.state, &header, redact)?.render(format);
    let filename = format!("{}.{}", session.id.encode(), format.extension());
    Ok(Export { filename, format, content })
}

/// The names of everybody who had a part in it.
async fn people(
    conn: &mut crate::db::Conn,
    session: &Session,
    steps: &[super::record::StepRecord],
) -> Result<HashMap<Uuid, String>, Error> {
    use diesel::prelude::*;
    let mut ids: Vec<Uuid> = steps.iter().flat_map(|step| [Some(step.by), step.detail.assignee]).flatten().collect();
    ids.push(session.state.assignee);
    ids.sort_unstable();
    ids.dedup();
    let query = users::table.filter(users::id.eq_any(ids)).select((users::id, users::username, users::first_name, users::last_name));
    let rows: Vec<(UserId, String, Option<String>, Option<String>)> = diesel_async::RunQueryDsl::load(query, conn).await?;
    let named = rows.into_iter().map(|(id, username, first, last)| {
        let full: Vec<String> = [first, last].into_iter().flatten().collect();
        (id.into(), if full.is_empty() { username } else { full.join(" ") })
    });
    Ok(named.collect())
}
