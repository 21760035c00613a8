//! `changePassword`.

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::{Actor, Requester};
use super::audit::{self, Entry};
use super::email_token::end_mailed;
use super::sign_in::SignIn;
use super::user::Secret;
use super::{requesters, rules};
use crate::app::App;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::jobs::{self, Job};

/// How long ago somebody without a password may have signed in, to do what others type theirs for.
const RECENT: TimeDelta = TimeDelta::minutes(10);

/// Ends every other sign-in: whoever knew the old password is out.
pub async fn change_password(app: &App, actor: &Actor, from: &Requester, current: &SecretString, new: &SecretString) -> Result<(), Error> {
    let secret = Secret::find(&mut *app.db.conn().await?, actor.user).await?.ok_or(Error::Unauthenticated)?;
    rules::new_password("newPassword", new, &secret.email, &secret.username)?;
    app.limits.check_login(from.address, &secret.email).await?;
    if !app.hasher.verify(current, secret.password_hash.as_deref()).await? {
        return Err(wrong_password("currentPassword"));
    }
    let hash = app.hasher.hash(new).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let locked = Secret::find_and_lock(conn, actor.user).await?;
            // Another change of the password was faster: the one that was verified is not the current one any more.
            if locked.is_none_or(|locked| locked.password_hash != secret.password_hash) {
                return Err(wrong_password("currentPassword"));
            }
            diesel::update(users::table.find(actor.user))
                .set((users::password_hash.eq(&hash), users::updated_at.eq(now)))
                .execute(conn)
                .await?;
            SignIn::end_all(conn, actor.user, Some(actor.sign_in), now).await?;
            end_mailed(conn, actor.user).await?;
            jobs::enqueue(conn, &Job::MailPasswordChanged { user: actor.user }, None).await?;
            audit::record(conn, &Entry::by(actor, "changePassword", now).from(from)).await?;
            requesters::announce_in_txn(conn, actor.user).await
        })
        .await?;
    app.requesters.forget(actor.user);
    Ok(())
}

/// Before something that must not be done by whoever finds a device unlocked, or a token: users who have a password type it again, others
/// have just signed in. The caller has counted the attempt.
pub async fn confirm_password(app: &App, actor: &Actor, secret: &Secret, password: Option<&SecretString>) -> Result<(), Error> {
    let Some(stored) = &secret.password_hash else {
        let sign_in = SignIn::find(&mut *app.db.conn().await?, actor.sign_in).await?;
        if sign_in.is_some_and(|sign_in| app.clock.now() - sign_in.created_at <= RECENT) {
            return Ok(());
        }
        let message =
            format!("You have no password to confirm this with: sign in again, and repeat it within {} minutes.", RECENT.num_minutes());
        return Err(Refusal::new(Code::Forbidden, message).into());
    };
    let Some(password) = password else {
        return Err(Refusal::at(Code::Required, "password", "`password` is required for users who have one.").into());
    };
    if app.hasher.verify(password, Some(stored)).await? { Ok(()) } else { Err(wrong_password("password")) }
}

pub fn wrong_password(field: &str) -> Error {
    Refusal::at(Code::WrongCredentials, field, "This is not your password.").into()
}
