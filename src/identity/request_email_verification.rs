//! `requestEmailVerification`.

use super::actor::{Actor, Requester};
use super::user::Secret;
use crate::app::App;
use crate::error::Error;
use crate::jobs::{self, Job};

/// Sends another mail that asks for proof of the actor's address. Where it has been proved, nothing is left to do.
pub async fn request_email_verification(app: &App, actor: &Actor, from: &Requester) -> Result<(), Error> {
    let person = Secret::find(&mut *app.db.conn().await?, actor.user).await?.ok_or(Error::Unauthenticated)?;
    app.limits.check_login(from.address, &person.email).await?;
    if person.email_verified_at.is_some() {
        return Ok(());
    }
    jobs::enqueue(&mut *app.db.conn().await?, &Job::MailVerification { user: actor.user }, None).await
}
