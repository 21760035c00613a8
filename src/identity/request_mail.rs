//! What `requestPasswordReset` and `requestSignInCode` share: somebody types an address, and whoever has it is sent a mail.

use super::actor::Requester;
use super::user::Secret;
use super::{audit, rules};
use crate::app::App;
use crate::error::Error;
use crate::id::UserId;
use crate::jobs::{self, Job};

/// Enqueues the mail to whoever has the address. If nobody has it, the same is done, and the job finds that there is nobody to write to:
/// neither the answer nor the time that it takes tells whether an address is known. `action` is the operation, for the audit log.
pub async fn request_mail(app: &App, from: &Requester, email: &str, action: &str, job: fn(Option<UserId>) -> Job) -> Result<(), Error> {
    let email = rules::email(email)?;
    app.limits.check_login(from.address, &email).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let user = Secret::by_login(conn, &email).await?.map(|known| known.id);
            jobs::enqueue(conn, &job(user), None).await?;
            Ok(audit::record_attempt(conn, action, user, from, now).await?)
        })
        .await
}
