//! What the queue does for people and their sign-ins.

use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;
use secrecy::ExposeSecret;

use super::account::Account;
use super::actor::Role;
use super::invitation::{self, Invitation};
use super::refresh_token::LIFETIME;
use super::user::User;
use crate::app::App;
use crate::error::Error;
use crate::id::InvitationId;
use crate::mail::{Mail, accounts};

/// Rows of one statement: it locks no more than this, and not for long.
const BATCH: usize = 1000;

/// Deletes tokens that have expired, and sign-ins that nobody could continue for as long again as a token lives: until then a list of
/// devices or a look at what happened may still want them.
pub async fn forget_sign_ins(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let tokens = "DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY (SELECT hash FROM refresh_tokens WHERE expires_at < $1 \
                  ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let sign_ins = "DELETE FROM sign_ins WHERE id = ANY (ARRAY (SELECT id FROM sign_ins WHERE last_used_at < $1 \
                    ORDER BY last_used_at LIMIT $2 FOR UPDATE SKIP LOCKED))";
    for (delete, before) in [(tokens, now), (sign_ins, now - LIFETIME * 2)] {
        while BATCH
            == diesel::sql_query(delete)
                .bind::<Timestamptz, _>(before)
                .bind::<BigInt, _>(BATCH as i64)
                .execute(&mut *app.db.conn().await?)
                .await?
        {}
    }
    Ok(())
}

/// Sends an invitation, unless it has ended since. Run twice, it sends two mails, and only the latter's link counts.
pub async fn mail_invitation(app: &App, id: InvitationId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let Some(open) = Invitation::find(&mut conn, id).await?.filter(|found| found.is_open(app.clock.now())) else { return Ok(()) };
    let account = Account::find_many(&mut conn, &[open.account_id]).await?.into_iter().next();
    let inviter = User::find_many(&mut conn, &[open.invited_by], None).await?.into_iter().next();
    let (Some(account), Some((inviter, _))) = (account, inviter) else { return Ok(()) };
    let token = Invitation::issue_token(&mut conn, id).await?;
    drop(conn);
    let mut link = app.config.http.app_url.join("accept-invitation")?;
    link.query_pairs_mut().append_pair("token", token.expose_secret());
    let role = match open.role {
        Role::Technician => "a technician",
        Role::Engineer => "an engineer",
        Role::Admin | Role::Owner => "an admin",
    };
    let mail = accounts::Invitation {
        account: account.name,
        username: inviter.username,
        role: role.to_owned(),
        link: link.into(),
        valid_days: invitation::LIFETIME.num_days(),
    };
    match app.mailer.send(&mail.message(&open.email)?).await {
        // There is no such mailbox. The invitation stays in the list until somebody revokes it or it expires.
        Err(Error::Refused(_)) => {
            tracing::warn!(invitation = ?id, "the mail of an invitation was refused for good");
            Ok(())
        }
        sent => sent,
    }
}
