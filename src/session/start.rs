//! `startSession`: at the root or in the middle of a published tree. The same idempotency key gives the same session.
//!
//! A tree that the account has bought is named by its id, and walked in the version that its seller has published last. The session is
//! the buyer's, and counts against the buyer's plan. Without an active purchase none begins; one that began goes on to its end.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel_async::RunQueryDsl;

use super::commands::{self, Stamp};
use super::session::Session;
use crate::app::App;
use crate::billing::usage;
use crate::db::Conn;
use crate::db::notices::Notice;
use crate::db::schema::trees;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, SessionId};
use crate::identity::actor::Actor;
use crate::marketplace::bought::bought;
use crate::text;
use crate::tree::tree::{Status, Tree, TreeRef};
use crate::tree::value::Values;

const MAX_SUBJECT: usize = 200;
const MAX_KEY: usize = 200;

#[derive(Clone, Debug)]
pub struct StartSession {
    pub tree: TreeRef,
    pub subject: Option<String>,
    pub variables: Values,
    pub at_node: Option<String>,
    pub idempotency_key: Option<String>,
}

pub async fn start(app: &App, actor: &Actor, input: StartSession) -> Result<Session, Error> {
    let subject = text::optional("subject", input.subject.as_deref(), MAX_SUBJECT)?;
    let key = text::optional("idempotencyKey", input.idempotency_key.as_deref(), MAX_KEY)?;
    match begin(app, actor, &input, subject.as_deref(), key.as_deref()).await {
        // Two requests with one key at the same time: the second finds what the first has made.
        Err(error) if taken(&error) => {
            let Some(key) = &key else { return Err(error) };
            Session::find_by_key(&mut *app.db.conn().await?, actor, key).await?.ok_or(error)
        }
        Err(error) => Err(error),
        Ok((session, cost_credit)) => {
            if cost_credit {
                app.notices.publish(Notice::Billing(actor.account));
            }
            Ok(session)
        }
    }
}

/// With whether it cost a credit.
async fn begin(app: &App, actor: &Actor, input: &StartSession, subject: Option<&str>, key: Option<&str>) -> Result<(Session, bool), Error> {
    let now = app.clock.now();
    let id = SessionId::at(now);
    app.db
        .transaction(async |conn| {
            if let Some(key) = key
                && let Some(session) = Session::find_by_key(conn, actor, key).await?
            {
                return Ok((session, false));
            }
            let tree = find(conn, actor, &input.tree).await?;
            let is_own = tree.account_id == actor.account;
            let version = match (tree.status, tree.published_version_id) {
                (Status::Published, Some(version)) => version,
                // What was sold is not taken back.
                (Status::Archived, Some(version)) if !is_own => version,
                (Status::Draft | Status::Published, _) => {
                    return Err(Refusal::at(Code::NotPublished, "tree", "This tree has no published version to walk.").into());
                }
                (Status::Archived, _) => return Err(Refusal::at(Code::NotPublished, "tree", "This tree is archived.").into()),
            };
            let library = app.libraries.get(conn, &app.versions, tree.account_id, version).await?;
            let stamp = Stamp { by: actor.user.into(), at: now, active_ms: 0 };
            let change = commands::start(&library, version.into(), input.at_node.as_deref(), input.variables.clone(), stamp)?;
            let cost_credit = usage::start_session(conn, actor.account, id, now).await?;
            // Counts, and makes sure that the tree is not deleted or archived at this moment.
            let counted = diesel::update(trees::table.find((tree.account_id, tree.id)))
                .filter(trees::status.eq(Status::Published.as_str()).or(trees::account_id.ne(actor.account)))
                .set(trees::session_count.eq(trees::session_count + 1))
                .execute(conn)
                .await?;
            if counted == 0 {
                return Err(Refusal::at(Code::NotPublished, "tree", "This tree was taken out of use just now.").into());
            }
            let session = Session {
                account_id: actor.account,
                id,
                tree_account_id: tree.account_id,
                tree_id: tree.id,
                version_id: version,
                subject: subject.map(str::to_owned),
                started_by: actor.user,
                state: change.state,
            };
            Session::insert(conn, &session, key, &change.steps).await?;
            Ok((session, cost_credit))
        })
        .await
}

/// The account's own, if the actor may see it; else one that the account has bought.
async fn find(conn: &mut Conn, actor: &Actor, by: &TreeRef) -> Result<Tree, Error> {
    if let Some(own) = Tree::find_by(conn, actor.account, by).await?.filter(|tree| tree.visible_to(actor)) {
        return Ok(own);
    }
    let bought = match by {
        TreeRef::Id(id) => bought(conn, actor.account, &[*id]).await?.pop(),
        TreeRef::Slug(_) => None,
    };
    Ok(bought.ok_or_else(|| Refusal::at(Code::NotFound, "tree", "There is no such tree in this account."))?)
}

fn taken(error: &Error) -> bool {
    match error.database() {
        Some(DbError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)) => {
            info.constraint_name() == Some("sessions_idempotency_key")
        }
        _ => false,
    }
}
