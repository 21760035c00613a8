//! From a token to who asks. The token only names a sign-in: whether it has ended, whether the person is active and which role they
//! have *now* is read from the database, or from a cache that never says anything the database has stopped saying.
//!
//! The rules that keep the cache true, across processes:
//! - A transaction that changes what a person may do announces it with its commit (`announce_in_txn`), and every process that hears
//!   it forgets the person. The process that wrote forgets them before it answers (`forget`).
//! - A read that was under way while anybody was forgotten is not kept: it may be older than the change.
//! - What was kept counts only while the connection that announcements arrive on is the one it was read under. When that connection
//!   ends, all that is kept is void.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::actor::{Actor, Role, Standing};
use super::token::Bearer;
use crate::app::App;
use crate::db::Conn;
use crate::db::notices::{self, Epoch, Notice, Notices};
use crate::db::schema::{memberships, sign_ins, users};
use crate::error::Error;
use crate::id::UserId;

/// People in the cache, and devices of each.
const PEOPLE: u64 = 20_000;
const DEVICES: usize = 8;

/// The person whom a token speaks for; None when it is no token, too old, or what it names has ended. `fresh` asks the database.
pub async fn resolve(app: &App, token: &str, fresh: bool) -> Result<Option<Actor>, Error> {
    let Some(bearer) = app.tokens.read(token, app.clock.now()) else { return Ok(None) };
    if !fresh && let Some(actor) = app.requesters.known(&bearer, app.notices.epoch()) {
        return Ok(Some(actor));
    }
    let reading = app.requesters.begin(app.notices.epoch());
    let actor = read(app, &bearer).await?;
    if let Some(actor) = actor {
        app.requesters.keep(&reading, app.notices.epoch(), actor);
    }
    Ok(actor)
}

/// One statement, by primary keys.
async fn read(app: &App, bearer: &Bearer) -> Result<Option<Actor>, Error> {
    let member = memberships::user_id.eq(sign_ins::user_id).and(memberships::account_id.eq(bearer.account));
    let found: Option<(String, bool, String, Option<DateTime<Utc>>)> = sign_ins::table
        .inner_join(users::table)
        .inner_join(memberships::table.on(member))
        .filter(sign_ins::id.eq(bearer.sign_in))
        .filter(sign_ins::user_id.eq(bearer.user))
        .filter(sign_ins::ended_at.is_null())
        .filter(users::deactivated_at.is_null())
        .select((memberships::role, users::staff, users::email, users::email_verified_at))
        .first(&mut *app.db.conn().await?)
        .await
        .optional()?;
    let Bearer { user, account, sign_in, .. } = *bearer;
    Ok(found.map(|(role, granted, email, verified_at)| {
        let Standing { verified, staff } = Standing::of(&app.config, &email, verified_at, granted);
        Actor { user, account, role: Role::from(role), sign_in, verified, staff }
    }))
}

/// Tells all processes that what a person may do has changed, if and when the transaction commits.
pub async fn announce_in_txn(conn: &mut Conn, user: UserId) -> Result<(), Error> {
    notices::announce_in_txn(conn, Notice::Requester(user)).await
}

#[derive(Clone)]
pub struct Requesters(Arc<Cache>);

struct Cache {
    people: moka::sync::Cache<UserId, Kept>,
    /// How often somebody was forgotten. Held while something is kept, so that the two take turns.
    forgotten: Mutex<u64>,
}

#[derive(Clone)]
struct Kept {
    epoch: Epoch,
    actors: Arc<[Actor]>,
}

/// A read that has begun: what was true then.
struct Reading {
    epoch: Option<Epoch>,
    forgotten: u64,
}

impl Requesters {
    /// Listens until `stop` is cancelled.
    pub fn start(notices: &Notices, stop: CancellationToken) -> Self {
        let requesters = Self(Arc::new(Cache { people: moka::sync::Cache::new(PEOPLE), forgotten: Mutex::new(0) }));
        tokio::spawn(listen(requesters.clone(), notices.subscribe(), stop));
        requesters
    }

    /// To be called after the commit, before the answer.
    pub fn forget(&self, user: UserId) {
        let mut forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        self.0.people.invalidate(&user);
    }

    fn forget_all(&self) {
        let mut forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        self.0.people.invalidate_all();
    }

    fn known(&self, bearer: &Bearer, epoch: Option<Epoch>) -> Option<Actor> {
        let kept = self.0.people.get(&bearer.user).filter(|kept| Some(kept.epoch) == epoch)?;
        kept.actors.iter().find(|actor| actor.sign_in == bearer.sign_in && actor.account == bearer.account).copied()
    }

    fn begin(&self, epoch: Option<Epoch>) -> Reading {
        Reading { epoch, forgotten: *self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    fn keep(&self, reading: &Reading, epoch: Option<Epoch>, actor: Actor) {
        let forgotten = self.0.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(epoch) = epoch.filter(|_| epoch == reading.epoch && *forgotten == reading.forgotten) else { return };
        let before = self.0.people.get(&actor.user).filter(|kept| kept.epoch == epoch);
        let others = before.iter().flat_map(|kept| kept.actors.iter());
        let others = others.filter(|other| (other.sign_in, other.account) != (actor.sign_in, actor.account)).take(DEVICES - 1);
        let actors = std::iter::once(&actor).chain(others).copied().collect();
        self.0.people.insert(actor.user, Kept { epoch, actors });
    }
}

async fn listen(requesters: Requesters, mut notices: broadcast::Receiver<Notice>, stop: CancellationToken) {
    loop {
        let notice = tokio::select! {
            () = stop.cancelled() => return,
            notice = notices.recv() => notice,
        };
        match notice {
            Ok(Notice::Requester(user)) => requesters.forget(user),
            Ok(Notice::Session(..) | Notice::Billing(_)) => {}
            Ok(Notice::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => requesters.forget_all(),
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
