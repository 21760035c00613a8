//! `signUp`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::SecretString;

use super::account::{self, Account};
use super::actor::{Requester, Standing};
use super::audit::{self, Entry};
use super::grant::Grant;
use super::membership::Membership;
use super::rules;
use super::user::taken;
use crate::app::App;
use crate::billing::start_trial;
use crate::db::Conn;
use crate::db::schema::users;
use crate::error::Error;
use crate::id::{Id, UserId};
use crate::jobs::{self, Job};

#[derive(Clone, Debug)]
pub struct SignUp {
    pub email: String,
    pub username: String,
    pub password: SecretString,
    /// None: named after the username.
    pub account_name: Option<String>,
}

/// A new person, the account that they own, their first sign-in, and a mail that asks for proof of the address: all or nothing.
pub async fn sign_up(app: &App, from: &Requester, input: SignUp) -> Result<Grant, Error> {
    let email = rules::email(&input.email)?;
    let username = rules::username(&input.username)?;
    rules::new_password("password", &input.password, &email, &username)?;
    let account_name = match input.account_name.as_deref().filter(|name| !name.trim().is_empty()) {
        Some(name) => rules::name("accountName", name)?,
        None => account::default_name(&username),
    };
    app.limits.check_login(from.address, &email).await?;
    let password_hash = Some(app.hasher.hash(&input.password).await?);
    let person = NewPerson { email, username, password_hash, account_name };
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let member = create_person(conn, now, &person).await?;
            start_trial::start_trial_in_txn(conn, member.account_id, &person.email, now).await?;
            let entry = Entry { account: Some(member.account_id), actor: Some(member.user_id), ..Entry::new("signUp", now) };
            audit::record(conn, &entry.from(from)).await?;
            jobs::enqueue(conn, &Job::MailVerification { user: member.user_id }, None).await?;
            Grant::start_in_txn(conn, app, from, &member, Standing { verified: false, staff: false }).await
        })
        .await
}

/// Without Debug: hashes belong in no log.
#[derive(Clone)]
pub struct NewPerson {
    pub email: String,
    pub username: String,
    /// None: they sign in by other ways.
    pub password_hash: Option<String>,
    pub account_name: String,
}

/// A user, an account and the membership that makes the one the other's owner. To be called in a transaction.
pub async fn create_person(conn: &mut Conn, now: DateTime<Utc>, person: &NewPerson) -> Result<Membership, Error> {
    let user = UserId::at(now);
    diesel::insert_into(users::table)
        .values((
            users::id.eq(user),
            users::email.eq(&person.email),
            users::username.eq(&person.username),
            users::password_hash.eq(&person.password_hash),
            users::created_at.eq(now),
            users::updated_at.eq(now),
        ))
        .execute(conn)
        .await
        .map_err(taken)?;
    Ok(Account::create(conn, &person.account_name, user, now).await?)
}
