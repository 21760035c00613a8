//! `requestPasswordReset`.

use super::actor::Requester;
use super::user::Secret;
use super::{audit, rules};
use crate::app::App;
use crate::error::Error;
use crate::jobs::{self, Job};

/// Mails a link to whoever has the address. If nobody has it, the same is done, and the job finds that there is nobody to write to:
/// neither the answer nor the time that it takes tells whether an address is known.
pub async fn request_password_reset(app: &App, from: &Requester, email: &str) -> Result<(), Error> {
    let email = rules::email(email)?;
    app.limits.check_login(from.address, &email).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let user = Secret::by_login(conn, &email).await?.map(|known| known.id);
            jobs::enqueue(conn, &Job::MailPasswordReset { user }, None).await?;
            Ok(audit::record_attempt(conn, "requestPasswordReset", user, from, now).await?)
        })
        .await
}
