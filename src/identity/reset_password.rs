//! `resetPassword`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::Requester;
use super::email_token::{EmailToken, Purpose, end_mailed};
use super::sign_in::SignIn;
use super::user::Secret;
use super::{audit, identity, requesters, rules};
use crate::app::App;
use crate::db::schema::users;
use crate::error::Error;
use crate::jobs::{self, Job};

/// Ends every sign-in, and whatever else was mailed to the person. Whoever resets the password has proved that the address is theirs.
/// If nobody had before, whoever made the user may have been somebody else: their ways in end, too.
pub async fn reset_password(app: &App, from: &Requester, token: &SecretString, new: &SecretString) -> Result<(), Error> {
    let expired = || Purpose::ResetPassword.expired();
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let found = EmailToken::find(&mut conn, token, Purpose::ResetPassword, now).await?.ok_or_else(expired)?;
    let person = Secret::find(&mut conn, found.user_id).await?.ok_or_else(expired)?;
    drop(conn);
    rules::new_password("newPassword", new, &person.email, &person.username)?;
    app.limits.check_login(from.address, &person.email).await?;
    let hash = app.hasher.hash(new).await?;
    app.db
        .transaction(async |conn| {
            let person = found.take(conn, token).await?.ok_or_else(expired)?;
            if person.email_verified_at.is_none() {
                identity::unlink_all(conn, person.id).await?;
            }
            let changed = (
                users::password_hash.eq(&hash),
                users::email_verified_at.eq(person.email_verified_at.unwrap_or(now)),
                users::updated_at.eq(now),
            );
            diesel::update(users::table.find(person.id)).set(changed).execute(conn).await?;
            end_mailed(conn, person.id).await?;
            SignIn::end_all(conn, person.id, None, now).await?;
            audit::record_own(conn, "resetPassword", person.id, None, from, now).await?;
            jobs::enqueue(conn, &Job::MailPasswordChanged { user: person.id }, None).await?;
            requesters::announce_in_txn(conn, person.id).await
        })
        .await?;
    app.requesters.forget(found.user_id);
    Ok(())
}
