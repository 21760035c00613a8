//! `signIn`.

use secrecy::SecretString;

use super::actor::Requester;
use super::audit;
use super::grant::Grant;
use super::rules;
use super::user::Secret;
use crate::app::App;
use crate::error::{Code, Error, Refusal};
use crate::text;

/// An unknown login and a wrong password get the same answer after the same work. A person of several accounts begins in the one
/// they joined first.
pub async fn sign_in_with_password(app: &App, from: &Requester, login: &str, password: &SecretString) -> Result<Grant, Error> {
    let login = text::required("login", login, rules::EMAIL_MAX)?;
    app.limits.check_login(from.address, &login).await?;
    let secret = Secret::by_login(&mut *app.db.conn().await?, &login).await?;
    let stored = secret.as_ref().and_then(|secret| secret.password_hash.as_deref());
    let fits = app.hasher.verify(password, stored).await?;
    let known = secret.as_ref().map(|secret| secret.id);
    let Some(secret) = secret.filter(|_| fits) else {
        audit::record_attempt(&mut *app.db.conn().await?, "signInFailed", known, from, app.clock.now()).await?;
        return Err(wrong_credentials());
    };

    app.db
        .transaction(async |conn| {
            // Whatever changed while the password was verified counts: a new password, a deactivation.
            let held = Secret::find_and_hold(conn, secret.id).await?.filter(|held| held.password_hash == secret.password_hash);
            let Some(held) = held else { return Err(wrong_credentials()) };
            Ok(Grant::admit_in_txn(conn, app, from, &held).await??)
        })
        .await
}

fn wrong_credentials() -> Error {
    Refusal::new(Code::WrongCredentials, "There is no user with this login and this password.").into()
}
