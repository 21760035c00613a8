//! `signInWithCode`.

use diesel_async::RunQueryDsl;

use super::actor::Requester;
use super::grant::Grant;
use super::user::Secret;
use super::{audit, rules, sign_in_code};
use crate::app::App;
use crate::error::{Code, Error, Refusal};

/// A wrong code, one that counts no more and an unknown address get the same answer after the same work. A try is counted before the
/// code is looked at, so that many at once get no more tries than many in turn. That does not wait for the disk, where nobody's tries
/// are written: only a crash of the database could forget the last of them.
pub async fn sign_in_with_code(app: &App, from: &Requester, email: &str, code: &str) -> Result<Grant, Error> {
    let email = rules::email(email)?;
    let code = sign_in_code::read(code).ok_or_else(|| Refusal::at(Code::Invalid, "code", "A code has six digits."))?;
    app.limits.check_login(from.address, &email).await?;
    let now = app.clock.now();
    let counted = app.db.transaction(async |conn| {
        diesel::sql_query("SET LOCAL synchronous_commit = off").execute(conn).await?;
        let known = Secret::by_login(conn, &email).await?.map(|known| known.id);
        Ok((known, sign_in_code::count_try(conn, known, now).await?))
    });
    let (known, stored) = counted.await?;
    let fits = app.hasher.verify(&code, stored.as_deref()).await?;
    let (Some(user), Some(hash), true) = (known, stored, fits) else {
        audit::record_attempt(&mut *app.db.conn().await?, "signInFailed", known, from, now).await?;
        return Err(wrong_code());
    };

    app.db
        .transaction(async |conn| {
            let person = Secret::find_and_lock(conn, user).await?.ok_or_else(wrong_code)?;
            if !sign_in_code::take(conn, &person, &hash).await? {
                return Err(wrong_code());
            }
            Ok(Grant::admit_in_txn(conn, app, from, &person).await??)
        })
        .await
}

fn wrong_code() -> Error {
    Refusal::new(Code::WrongCredentials, "There is no user with this address and this code, or the code is used or too old.").into()
}
