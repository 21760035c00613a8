//! What the queue does for people and their sign-ins.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;
use secrecy::ExposeSecret;

use super::account::Account;
use super::actor::Role;
use super::email_change::EmailChange;
use super::email_token::{EmailToken, Purpose};
use super::erase_account::erase_what_came_since;
use super::invitation::{self, Invitation};
use super::membership::Membership;
use super::pending_email::PendingEmail;
use super::refresh_token::LIFETIME;
use super::user::{Secret, User};
use super::{mail_count, sign_in_code};
use crate::app::App;
use crate::db::Conn;
use crate::error::Error;
use crate::id::{AccountId, EmailChangeId, Id, InvitationId, PendingEmailId, UserId};
use crate::jobs::{self, Job};
use crate::mail::{self, Mail, accounts, identity};

/// With a mail server. Less than a job has.
const PATIENCE: Duration = Duration::from_secs(45);
/// Rows of one statement: it locks no more than this, and not for long.
const BATCH: usize = 1000;
/// An address that somebody left is kept for a mail that could not be sent at once.
const CHANGE_KEPT: TimeDelta = TimeDelta::days(30);
/// Whoever repeats the key of an invitation is told of the same one, not invited again.
const INVITATION_KEPT: TimeDelta = TimeDelta::days(30);
/// Longer than the day in which mails are counted.
const COUNT_KEPT: TimeDelta = TimeDelta::days(2);

/// Deletes tokens, codes and invitations that have expired, and sign-ins that nobody could continue for as long again as a token lives: until then
/// a list of devices or a look at what happened may still want them.
pub async fn forget_sign_ins(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let old = [
        ("refresh_tokens", "hash", "expires_at", now),
        ("sign_ins", "id", "last_used_at", now - LIFETIME * 2),
        ("email_tokens", "hash", "expires_at", now),
        ("pending_emails", "user_id", "expires_at", now),
        ("sign_in_codes", "user_id", "expires_at", now),
        ("mail_counts", "whose", "since", now - COUNT_KEPT),
        ("email_changes", "id", "changed_at", now - CHANGE_KEPT),
        ("invitations", "id", "expires_at", now - INVITATION_KEPT),
    ];
    for (table, key, time, before) in old {
        let delete = format!(
            "DELETE FROM {table} WHERE {key} = ANY (ARRAY (SELECT {key} FROM {table} WHERE {time} < $1 ORDER BY {time} LIMIT $2 \
             FOR UPDATE SKIP LOCKED))"
        );
        while BATCH
            == diesel::sql_query(&delete)
                .bind::<Timestamptz, _>(before)
                .bind::<BigInt, _>(BATCH as i64)
                .execute(&mut *app.db.conn().await?)
                .await?
        {}
    }
    Ok(())
}

/// Has the accounts erased whose day has come, each by a job of its own: one that fails, or takes long, keeps no other one waiting, and
/// what cannot be erased is seen as a dead job. None was enqueued when the day was set: none can be lost, or come by another clock.
pub async fn erase_due_accounts(app: &App) -> Result<(), Error> {
    let due = Account::due_for_erasure(&mut *app.db.conn().await?, app.clock.now()).await?;
    for account in due {
        let key = format!("erase_account:{}", account.encode());
        jobs::enqueue_once(&mut *app.db.conn().await?, &Job::EraseAccount { account }, &key).await?;
    }
    Ok(erase_what_came_since(&mut *app.db.conn().await?, app.clock.now()).await?)
}

/// Sends an invitation, unless it has ended since. Run twice, it sends two mails, and only the latter's link counts.
pub async fn mail_invitation(app: &App, id: InvitationId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let Some(open) = Invitation::find(&mut conn, id).await?.filter(|found| found.is_open(app.clock.now())) else { return Ok(()) };
    let account = Account::find_many(&mut conn, &[open.account_id]).await?.into_iter().next();
    let inviter = User::find_many(&mut conn, &[open.invited_by], None).await?.into_iter().next();
    let (Some(account), Some((inviter, _))) = (account, inviter) else { return Ok(()) };
    if !allowed::<accounts::Invitation>(app, &mut conn, &open.email).await? {
        return Ok(());
    }
    let token = Invitation::issue_token(&mut conn, id).await?;
    drop(conn);
    let role = match open.role {
        Role::Technician => "a technician",
        Role::Engineer => "an engineer",
        Role::Admin | Role::Owner => "an admin",
    };
    let mail = accounts::Invitation {
        account: account.name,
        username: inviter.username,
        role: role.to_owned(),
        link: mail::link(app, "accept-invitation", Some(&token))?,
        valid_days: invitation::LIFETIME.num_days(),
    };
    // If there is no such mailbox, the invitation stays in the list until somebody revokes it or it expires.
    deliver_counted(app, &mail, &open.email).await
}

/// Asks for proof of a person's address, unless there is one. Run twice, it sends two mails, and only the latter's link counts.
pub async fn mail_verification(app: &App, user: UserId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let Some(person) = reader(&mut conn, user).await?.filter(|person| person.email_verified_at.is_none()) else { return Ok(()) };
    if !allowed::<identity::VerifyEmail>(app, &mut conn, &person.email).await? {
        return Ok(());
    }
    let token = EmailToken::issue(&mut conn, &person, Purpose::VerifyEmail, app.clock.now()).await?;
    drop(conn);
    let link = mail::link(app, "verify-email", Some(&token))?;
    let valid_hours = Purpose::VerifyEmail.lifetime().num_hours();
    deliver_counted(app, &identity::VerifyEmail { username: person.username, link, valid_hours }, &person.email).await
}

/// Lets a person choose a new password. Of nobody it was asked for an address that nobody has.
pub async fn mail_password_reset(app: &App, user: Option<UserId>) -> Result<(), Error> {
    let Some(user) = user else { return Ok(()) };
    let mut conn = app.db.conn().await?;
    let Some(person) = reader(&mut conn, user).await? else { return Ok(()) };
    if !allowed::<identity::ResetPassword>(app, &mut conn, &person.email).await? {
        return Ok(());
    }
    let token = EmailToken::issue(&mut conn, &person, Purpose::ResetPassword, app.clock.now()).await?;
    drop(conn);
    let link = mail::link(app, "reset-password", Some(&token))?;
    let valid_minutes = Purpose::ResetPassword.lifetime().num_minutes();
    deliver_counted(app, &identity::ResetPassword { username: person.username, link, valid_minutes }, &person.email).await
}

/// Sends a code to sign in with, to an address that is proved: whoever chose the password of another may not be who reads its mail.
pub async fn mail_sign_in_code(app: &App, user: Option<UserId>) -> Result<(), Error> {
    // Hashed for nobody, too: whoever signs in at this moment waits in line behind it, and must not learn from how long.
    let code = sign_in_code::new();
    let hash = app.hasher.hash(&code).await?;
    let Some(user) = user else { return Ok(()) };
    let mut conn = app.db.conn().await?;
    let Some(person) = reader(&mut conn, user).await?.filter(|person| person.email_verified_at.is_some()) else { return Ok(()) };
    if !allowed::<identity::SignInCode>(app, &mut conn, &person.email).await? {
        return Ok(());
    }
    sign_in_code::store(&mut conn, &person, &hash, app.clock.now()).await?;
    drop(conn);
    let (code, valid_minutes) = (code.expose_secret().to_owned(), sign_in_code::LIFETIME.num_minutes());
    deliver_counted(app, &identity::SignInCode { username: person.username, code, valid_minutes }, &person.email).await
}

/// Tells that the password was changed, however it was done. An address that was never proved may be a stranger's: it is told nothing.
pub async fn mail_password_changed(app: &App, user: UserId) -> Result<(), Error> {
    let person = reader(&mut *app.db.conn().await?, user).await?.filter(|person| person.email_verified_at.is_some());
    let Some(person) = person else { return Ok(()) };
    let forgot_link = mail::link(app, "forgot-password", None)?;
    mail::deliver(app, &identity::PasswordChanged { username: person.username, forgot_link }, &person.email).await
}

/// Asks for proof of an address that somebody wants to have. If it is another's, there is nothing to prove, and its owner is told that
/// they are here already: in both cases one mail goes to the address, and whoever asked learns nothing.
pub async fn mail_pending_email(app: &App, pending: PendingEmailId) -> Result<(), Error> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let Some(wanted) = PendingEmail::renew(&mut conn, pending, now).await? else { return Ok(()) };
    if let Some(owner) = Secret::by_login(&mut conn, &wanted.email).await? {
        drop(conn);
        return mail_email_in_use(app, owner).await;
    }
    let Some(person) = reader(&mut conn, wanted.user_id).await? else { return Ok(()) };
    if !allowed::<identity::ConfirmEmail>(app, &mut conn, &wanted.email).await? {
        return Ok(());
    }
    let Some(token) = wanted.issue_token(&mut conn).await? else { return Ok(()) };
    drop(conn);
    let link = mail::link(app, "verify-email", Some(&token))?;
    let valid_hours = Purpose::VerifyEmail.lifetime().num_hours();
    deliver_counted(app, &identity::ConfirmEmail { username: person.username, link, valid_hours }, &wanted.email).await
}

/// Tells somebody that their address cannot become another's: most likely they have forgotten that they have a user here.
async fn mail_email_in_use(app: &App, owner: Secret) -> Result<(), Error> {
    if owner.deactivated_at.is_some() || !allowed::<identity::EmailInUse>(app, &mut *app.db.conn().await?, &owner.email).await? {
        return Ok(());
    }
    let forgot_link = mail::link(app, "forgot-password", None)?;
    deliver_counted(app, &identity::EmailInUse { username: owner.username, forgot_link }, &owner.email).await
}

/// Tells at the old address that there is another one now.
pub async fn mail_email_changed(app: &App, change: EmailChangeId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let Some(change) = EmailChange::find(&mut conn, change).await? else { return Ok(()) };
    let Some(person) = reader(&mut conn, change.user_id).await? else { return Ok(()) };
    drop(conn);
    mail::deliver(app, &identity::EmailChanged { username: person.username }, &change.old_email).await
}

/// Tells an owner when their account will be deleted, and how to keep it, unless it was restored since.
pub async fn mail_account_deletion(app: &App, account: AccountId, user: UserId) -> Result<(), Error> {
    let Some((account, owner)) = owner(app, account, user).await? else { return Ok(()) };
    let Some(day) = account.deletes_at else { return Ok(()) };
    let mail = accounts::AccountDeletion {
        account: account.name,
        username: owner.username,
        day: day.format("%-d %B %Y, %H:%M UTC").to_string(),
        restore_link: mail::link(app, "restore-account", None)?,
    };
    mail::deliver(app, &mail, &owner.email).await
}

/// Tells an owner that their account stays, unless its deletion was asked for anew.
pub async fn mail_account_restored(app: &App, account: AccountId, user: UserId) -> Result<(), Error> {
    let Some((account, owner)) = owner(app, account, user).await? else { return Ok(()) };
    if account.deletes_at.is_some() {
        return Ok(());
    }
    mail::deliver(app, &accounts::AccountRestored { account: account.name, username: owner.username }, &owner.email).await
}

/// The account with somebody who owns it still, and can be told of it: an address that was never proved may be a stranger's.
async fn owner(app: &App, account: AccountId, user: UserId) -> Result<Option<(Account, Secret)>, Error> {
    let mut conn = app.db.conn().await?;
    if !Membership::owners(&mut conn, account).await?.contains(&user) {
        return Ok(None);
    }
    let person = reader(&mut conn, user).await?.filter(|person| person.email_verified_at.is_some());
    Ok(Account::find_many(&mut conn, &[account]).await?.into_iter().next().zip(person))
}

/// Whether an address may be sent one more mail of a kind that strangers can have sent. Asked before a token is made: one that is not
/// mailed would end the one that was.
async fn allowed<M: Mail>(app: &App, conn: &mut Conn, to: &str) -> Result<bool, Error> {
    let allowed = mail_count::take(conn, M::NAME, to, app.clock.now()).await?;
    if !allowed {
        tracing::warn!(mail = M::NAME, "an address has had enough mails of this kind for a day");
    }
    Ok(allowed)
}

/// Sends what `allowed` has counted. What could not be sent is not counted after all: while the mail server is away, tries would use up
/// the day's mails.
async fn deliver_counted<M: Mail>(app: &App, mail: &M, to: &str) -> Result<(), Error> {
    // A job that runs out of time is dropped where it stands, and could give nothing back.
    let sent = tokio::time::timeout(PATIENCE, mail::deliver(app, mail, to)).await;
    let sent = sent.unwrap_or_else(|_| Err(Error::internal("the mail server took too long")));
    if sent.is_err() {
        mail_count::give_back(&mut *app.db.conn().await?, M::NAME, to).await?;
    }
    sent
}

/// Who can be written to: not those who have gone.
async fn reader(conn: &mut Conn, user: UserId) -> Result<Option<Secret>, Error> {
    Ok(Secret::find(conn, user).await?.filter(|person| person.deactivated_at.is_none()))
}
