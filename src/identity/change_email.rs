//! `changeEmail`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::{Actor, Requester};
use super::audit::{self, Entry};
use super::change_password::{confirm_password, wrong_password};
use super::pending_email::PendingEmail;
use super::rules;
use super::user::{Secret, User};
use crate::app::App;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::jobs::{self, Job};

/// Mails a link to the new address, which counts once `verifyEmail` is called with the link's token; until then nothing changes. Who
/// has the address is looked at by the job that makes the mail: neither the answer nor the time that it takes tells whether it is free.
/// To ask for the address that one has withdraws what one has asked for.
pub async fn change_email(app: &App, actor: &Actor, from: &Requester, email: &str, password: Option<&SecretString>) -> Result<User, Error> {
    let email = rules::email(email)?;
    let secret = Secret::find(&mut *app.db.conn().await?, actor.user).await?.ok_or(Error::Unauthenticated)?;
    let stays = email.to_lowercase() == secret.email.to_lowercase();
    // One attempt, at two people's: whom the mail goes to may not be the one who asks.
    app.limits.check_logins(from.address, &[&secret.email, &email]).await?;
    confirm_password(app, actor, &secret, password).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let person = Secret::find_and_lock(conn, actor.user).await?.ok_or(Error::Unauthenticated)?;
            if person.password_hash != secret.password_hash {
                return Err(wrong_password("password"));
            }
            if !stays {
                let pending = PendingEmail::create(conn, actor.user, &email, now).await?;
                jobs::enqueue(conn, &Job::MailPendingEmail { pending }, None).await?;
            } else if !PendingEmail::end(conn, actor.user).await? {
                return Err(Refusal::at(Code::Invalid, "email", "This is your address already.").into());
            }
            audit::record(conn, &Entry::by(actor, "changeEmail", now).about(email.as_str()).from(from)).await?;
            Ok(users::table.find(actor.user).select(User::as_select()).first(conn).await?)
        })
        .await
}
