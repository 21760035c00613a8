//! `acceptInvitation`. Who is signed in joins as themselves, if the invitation was sent to their address. Who is signed out and has no
//! user yet becomes one: the token has proved the address. Who is signed out and has a user signs in first: the token alone opens no
//! existing user, since whoever chose its password may not be the one who reads the mailbox.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::account::Account;
use super::actor::{Actor, Requester, Standing};
use super::audit::{self, Entry};
use super::grant::Grant;
use super::invitation::{Invitation, expired};
use super::membership::Membership;
use super::refresh_token::RefreshToken;
use super::sign_in::SignIn;
use super::user::{Secret, User, taken};
use super::{requesters, rules};
use crate::app::App;
use crate::billing::usage;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, UserId};

#[derive(Clone, Debug)]
pub struct AcceptInvitation {
    pub token: SecretString,
    /// For people who have no user yet.
    pub username: Option<String>,
    pub password: Option<SecretString>,
}

/// The device speaks for the account that was joined.
pub async fn accept_invitation(app: &App, from: &Requester, input: AcceptInvitation) -> Result<Grant, Error> {
    match &from.actor {
        Some(actor) => join(app, actor, from, &input.token).await,
        None => join_as_somebody_new(app, from, input).await,
    }
}

async fn join(app: &App, actor: &Actor, from: &Requester, token: &SecretString) -> Result<Grant, Error> {
    let now = app.clock.now();
    let grant = app
        .db
        .transaction(async |conn| {
            let (account, invitation) = take(conn, token, now).await?;
            let person = Secret::find_and_lock(conn, actor.user).await?.ok_or(Error::Unauthenticated)?;
            if person.email.to_lowercase() != invitation.email.to_lowercase() {
                let message = "This invitation was sent to another address than yours: sign in as the person who has it.";
                return Err(Refusal::at(Code::Forbidden, "token", message).into());
            }
            if Membership::find(conn, account.id, actor.user).await?.is_some() {
                return Err(Refusal::new(Code::WrongState, "You belong to this account already.").into());
            }
            let member = admit(conn, &account, &invitation, actor.user, from, now).await?;
            let unverified = users::table.find(actor.user).filter(users::email_verified_at.is_null());
            diesel::update(unverified).set((users::email_verified_at.eq(now), users::updated_at.eq(now))).execute(conn).await?;
            if SignIn::find_and_lock(conn, actor.sign_in).await?.is_none() {
                return Err(Error::Unauthenticated);
            }
            SignIn::used(conn, actor.sign_in, account.id, from, now).await?;
            let refresh_token = RefreshToken::replace(conn, actor.sign_in, now).await?;
            requesters::announce_in_txn(conn, actor.user).await?;
            // The token has proved the address, if nothing else had.
            let Standing { verified, staff } = Standing::of(&app.config, &person.email, Some(now), person.staff);
            Ok(Grant { actor: Actor { account: account.id, role: member.role, verified, staff, ..*actor }, refresh_token })
        })
        .await?;
    app.requesters.forget(actor.user);
    Ok(grant)
}

async fn join_as_somebody_new(app: &App, from: &Requester, input: AcceptInvitation) -> Result<Grant, Error> {
    let now = app.clock.now();
    let AcceptInvitation { token, username, password } = input;
    let mut conn = app.db.conn().await?;
    let invitation = Invitation::find_by_token(&mut conn, &token, now).await?.ok_or_else(expired)?;
    if User::find_by_email(&mut conn, &invitation.email).await?.is_some() {
        return Err(Refusal::new(Code::Unauthenticated, "There is a user with the invited address: sign in first, then accept.").into());
    }
    drop(conn);
    let username = rules::username(&username.ok_or_else(|| missing("username"))?)?;
    let password = password.ok_or_else(|| missing("password"))?;
    rules::new_password("password", &password, &invitation.email, &username)?;
    app.limits.check_login(from.address, &invitation.email).await?;
    let password_hash = app.hasher.hash(&password).await?;
    app.db
        .transaction(async |conn| {
            let (account, invitation) = take(conn, &token, now).await?;
            let user = UserId::at(now);
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(user),
                    users::email.eq(&invitation.email),
                    users::username.eq(&username),
                    users::password_hash.eq(&password_hash),
                    users::email_verified_at.eq(now),
                    users::created_at.eq(now),
                    users::updated_at.eq(now),
                ))
                .execute(conn)
                .await
                .map_err(taken)?;
            let member = admit(conn, &account, &invitation, user, from, now).await?;
            let standing = Standing::of(&app.config, &invitation.email, Some(now), false);
            Grant::start_in_txn(conn, app, from, &member, standing).await
        })
        .await
}

/// The account is locked before the invitation is used, as everywhere: a race for the last seat has one winner.
async fn take(conn: &mut Conn, token: &SecretString, now: DateTime<Utc>) -> Result<(Account, Invitation), Error> {
    let found = Invitation::find_by_token(conn, token, now).await?.ok_or_else(expired)?;
    let account = Account::lock(conn, found.account_id).await?.ok_or_else(expired)?;
    account.require_staying()?;
    let invitation = Invitation::take(conn, token, now).await?.ok_or_else(expired)?;
    Ok((account, invitation))
}

async fn admit(
    conn: &mut Conn,
    account: &Account,
    invitation: &Invitation,
    user: UserId,
    from: &Requester,
    now: DateTime<Utc>,
) -> Result<Membership, Error> {
    usage::lock_and_check_joining(conn, account.id, now).await?;
    let member = Membership::create(conn, account.id, user, invitation.role, now).await?;
    invitation.accepted_by(conn, user).await?;
    let entry = Entry { account: Some(account.id), actor: Some(user), ..Entry::new("acceptInvitation", now) };
    audit::record(conn, &entry.about(format!("{} as {}", user.encode(), invitation.role.as_str())).from(from)).await?;
    Ok(member)
}

fn missing(field: &str) -> Refusal {
    Refusal::at(Code::Required, field, format!("`{field}` is required for people who have no user yet."))
}
