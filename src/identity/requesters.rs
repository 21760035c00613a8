//! From a token to who asks. The token only names a sign-in: whether it has ended, whether the person is active and which role they
//! have *now* is read from the database, or remembered for as long as it is true (`db/remembered.rs`).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use tokio_util::sync::CancellationToken;

use super::actor::{Actor, Role, Standing};
use super::token::Bearer;
use crate::app::App;
use crate::db::Conn;
use crate::db::notices::{self, Notice, Notices};
use crate::db::remembered::{Reading, Remembered};
use crate::db::schema::{memberships, sign_ins, users};
use crate::error::Error;
use crate::id::UserId;

/// People in the cache, and devices of each.
const PEOPLE: u64 = 20_000;
const DEVICES: usize = 8;

/// The person whom a token speaks for; None when it is no token, too old, or what it names has ended. `fresh` asks the database.
pub async fn resolve(app: &App, token: &str, fresh: bool) -> Result<Option<Actor>, Error> {
    let Some(bearer) = app.tokens.read(token, app.clock.now()) else { return Ok(None) };
    if !fresh && let Some(actor) = app.requesters.known(&bearer) {
        return Ok(Some(actor));
    }
    let reading = app.requesters.0.begin();
    let actor = read(app, &bearer).await?;
    if let Some(actor) = actor {
        app.requesters.keep(&reading, actor);
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

/// For each person, the devices that asked last.
#[derive(Clone)]
pub struct Requesters(Remembered<UserId, Arc<[Actor]>>);

impl Requesters {
    /// Listens until `stop` is cancelled.
    pub fn start(notices: &Notices, stop: CancellationToken) -> Self {
        let changed = |notice| if let Notice::Requester(user) = notice { Some(user) } else { None };
        Self(Remembered::start(PEOPLE, notices, stop, changed))
    }

    /// To be called after the commit, before the answer.
    pub fn forget(&self, user: UserId) {
        self.0.forget(&user);
    }

    fn known(&self, bearer: &Bearer) -> Option<Actor> {
        let actors = self.0.get(&bearer.user)?;
        actors.iter().find(|actor| actor.sign_in == bearer.sign_in && actor.account == bearer.account).copied()
    }

    fn keep(&self, reading: &Reading, actor: Actor) {
        self.0.keep(reading, actor.user, |known| {
            let others = known.iter().flat_map(|known| known.iter());
            let others = others.filter(|other| (other.sign_in, other.account) != (actor.sign_in, actor.account)).take(DEVICES - 1);
            std::iter::once(&actor).chain(others).copied().collect()
        });
    }
}
