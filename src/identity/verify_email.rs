//! `verifyEmail`. Whoever shows the token reads the mailbox: they need not be signed in, since mails are often opened in another browser.
//! It counts at once, on every device.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::Requester;
use super::email_change::EmailChange;
use super::email_token::{EmailToken, Purpose, end_mailed};
use super::pending_email::PendingEmail;
use super::user::{Secret, User, taken};
use super::{audit, requesters};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::jobs::{self, Job};

/// Proves the address that a person has, or the one that they asked for, which becomes theirs with it.
pub async fn verify_email(app: &App, from: &Requester, token: &SecretString) -> Result<User, Error> {
    let expired = || Purpose::VerifyEmail.expired();
    let now = app.clock.now();
    let user = app
        .db
        .transaction(async |conn| {
            let (user, change) = if let Some(found) = EmailToken::find(conn, token, Purpose::VerifyEmail, now).await? {
                let person = found.take(conn, token).await?.ok_or_else(expired)?;
                (set_email(conn, &person, &person.email, now).await?, None)
            } else {
                let wanted = PendingEmail::find_by_token(conn, token, now).await?.ok_or_else(expired)?;
                let person = wanted.take(conn, token).await?.ok_or_else(expired)?;
                let user = set_email(conn, &person, &wanted.email, now).await?;
                leave(conn, &person, now).await?;
                (user, Some(format!("{} to {}", person.email, wanted.email)))
            };
            audit::record_own(conn, "verifyEmail", user.id, change, from, now).await?;
            requesters::announce_in_txn(conn, user.id).await?;
            Ok(user)
        })
        .await?;
    app.requesters.forget(user.id);
    Ok(user)
}

async fn set_email(conn: &mut Conn, person: &Secret, email: &str, now: DateTime<Utc>) -> Result<User, Error> {
    diesel::update(users::table.find(person.id))
        .set((users::email.eq(email), users::email_verified_at.eq(now), users::updated_at.eq(now)))
        .returning(User::as_returning())
        .get_result(conn)
        .await
        .map_err(|error| match taken(error) {
            // Whoever shows the token reads the mailbox, and may know.
            Error::Refused(_) => Refusal::at(Code::Taken, "token", "Somebody else has this e-mail address by now.").into(),
            error => error,
        })
}

/// What was mailed to the address that the person had counts no more, and it is told. One that was never proved may be a stranger's: it
/// is told nothing.
async fn leave(conn: &mut Conn, person: &Secret, now: DateTime<Utc>) -> Result<(), Error> {
    end_mailed(conn, person.id).await?;
    if person.email_verified_at.is_some() {
        let change = EmailChange::create(conn, person.id, &person.email, now).await?;
        jobs::enqueue(conn, &Job::MailEmailChanged { change }, None).await?;
    }
    Ok(())
}
