//! `changeEmail`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::{Actor, Requester};
use super::audit::{self, Entry};
use super::change_password::{confirm_password, wrong_password};
use super::email_change::EmailChange;
use super::email_token::EmailToken;
use super::user::{Secret, User, taken};
use super::{requesters, rules, sign_in_code};
use crate::app::App;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::jobs::{self, Job};

/// The new address counts at once, unproved; what was mailed to the old one counts no more. Both are told.
pub async fn change_email(app: &App, actor: &Actor, from: &Requester, email: &str, password: Option<&SecretString>) -> Result<User, Error> {
    let email = rules::email(email)?;
    let secret = Secret::find(&mut *app.db.conn().await?, actor.user).await?.ok_or(Error::Unauthenticated)?;
    if email.to_lowercase() == secret.email.to_lowercase() {
        return Err(Refusal::at(Code::Invalid, "email", "This is your address already.").into());
    }
    // One attempt, at two people's: whom the mail goes to may not be the one who asks.
    app.limits.check_logins(from.address, &[&secret.email, &email]).await?;
    confirm_password(app, actor, &secret, password).await?;
    let now = app.clock.now();
    let user = app
        .db
        .transaction(async |conn| {
            let person = Secret::find_and_lock(conn, actor.user).await?.ok_or(Error::Unauthenticated)?;
            if person.password_hash != secret.password_hash {
                return Err(wrong_password("password"));
            }
            let user: User = diesel::update(users::table.find(actor.user))
                .set((
                    users::email.eq(&email),
                    users::email_verified_at.eq(None::<chrono::DateTime<chrono::Utc>>),
                    users::updated_at.eq(now),
                ))
                .returning(User::as_returning())
                .get_result(conn)
                .await
                .map_err(taken)?;
            EmailToken::end_all(conn, actor.user).await?;
            sign_in_code::end(conn, actor.user).await?;
            // An address that was never proved may be a stranger's: it is told nothing.
            if person.email_verified_at.is_some() {
                let change = EmailChange::create(conn, actor.user, &person.email, now).await?;
                jobs::enqueue(conn, &Job::MailEmailChanged { change }, None).await?;
            }
            jobs::enqueue(conn, &Job::MailVerification { user: actor.user }, None).await?;
            let entry = Entry::by(actor, "changeEmail", now).about(format!("{} to {email}", person.email));
            audit::record(conn, &entry.from(from)).await?;
            requesters::announce_in_txn(conn, actor.user).await?;
            Ok(user)
        })
        .await?;
    app.requesters.forget(actor.user);
    Ok(user)
}
