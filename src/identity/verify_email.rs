//! `verifyEmail`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::actor::Requester;
use super::email_token::{EmailToken, Purpose};
use super::user::User;
use super::{audit, requesters};
use crate::app::App;
use crate::db::schema::users;
use crate::error::Error;

/// Whoever shows the token reads the mailbox: they need not be signed in, since mails are often opened in another browser. It counts
/// at once, on every device.
pub async fn verify_email(app: &App, from: &Requester, token: &SecretString) -> Result<User, Error> {
    let expired = || Purpose::VerifyEmail.expired();
    let now = app.clock.now();
    let user = app
        .db
        .transaction(async |conn| {
            let found = EmailToken::find(conn, token, Purpose::VerifyEmail, now).await?.ok_or_else(expired)?;
            let person = found.take(conn, token).await?.ok_or_else(expired)?;
            let user: User = diesel::update(users::table.find(person.id))
                .set((users::email_verified_at.eq(now), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await?;
            audit::record_own(conn, "verifyEmail", person.id, from, now).await?;
            requesters::announce_in_txn(conn, person.id).await?;
            Ok(user)
        })
        .await?;
    app.requesters.forget(user.id);
    Ok(user)
}
