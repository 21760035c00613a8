//! `requestSignInCode`.

use super::actor::Requester;
use super::user::Secret;
use super::{audit, rules};
use crate::app::App;
use crate::error::Error;
use crate::jobs::{self, Job};

/// Mails a code to whoever has proved that the address is theirs. For all others the same is done, and the job finds that there is
/// nobody to write to: neither the answer nor the time that it takes tells whether an address is known.
pub async fn request_sign_in_code(app: &App, from: &Requester, email: &str) -> Result<(), Error> {
    let email = rules::email(email)?;
    app.limits.check_login(from.address, &email).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let user = Secret::by_login(conn, &email).await?.map(|known| known.id);
            jobs::enqueue(conn, &Job::MailSignInCode { user }, None).await?;
            Ok(audit::record_attempt(conn, "requestSignInCode", user, from, now).await?)
        })
        .await
}
