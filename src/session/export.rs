//! `exportSession`, and the signed links under `/exports/` that give the same text for an hour to whoever holds them.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::report::{Format, Header, build};
use super::session::{Session, not_found};
use super::step;
use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::db::schema::users;
use crate::error::Error;
use crate::id::{AccountId, Id, SessionId, UserId};
use crate::identity::actor::Actor;
use crate::key_file;
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

/// Signs links.
pub struct LinkKey(SecretString);

impl LinkKey {
    /// `EXPORT_SIGNING_KEY`; in development a file that is made when it is missing.
    pub fn load(config: &Config) -> Result<Self, ConfigError> {
        let made = || hex::encode(rand::random::<[u8; 32]>());
        match &config.keys.export_signing {
            Some(key) => Ok(Self(key.clone())),
            None => key_file::read_or_make(&config.data_dir.join("export_key"), made).map(|key| Self(key.into())),
        }
    }

    fn mac(&self, payload: &str) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length, so this is always Some.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret().as_bytes()).ok()?;
        mac.update(payload.as_bytes());
        Some(mac)
    }

    fn sign(&self, link: &Link) -> Result<String, Error> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(link)?);
        let mac = self.mac(&payload).ok_or_else(|| Error::internal("no key to sign a link with"))?;
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(format!("{payload}.{signature}"))
    }

    fn open(&self, token: &str) -> Option<Link> {
        let (payload, signature) = token.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        // Compares in constant time.
        self.mac(payload)?.verify_slice(&signature).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

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
    Ok(Linked { token: app.link_key.sign(&link)?, export: render(app, &session, format, redact).await?, expires_at })
}

/// What a link gives: nothing if it was forged, has expired, or its session is gone.
pub async fn open(app: &App, token: &str) -> Result<Option<Export>, Error> {
    let Some(link) = app.link_key.open(token).filter(|link| app.clock.now().timestamp() < link.expires_at) else { return Ok(None) };
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
