//! `inviteMember`.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::actor::{Actor, Requester, Role};
use super::audit::{self, Entry};
use super::invitation::{Invitation, MAX_OPEN};
use super::user::lower;
use super::{mail_count, rules};
use crate::app::App;
use crate::billing::plan::LimitKey;
use crate::billing::usage;
use crate::db::Conn;
use crate::db::schema::{memberships, users};
use crate::error::{Code, Error, Refusal};
use crate::id::AccountId;
use crate::jobs::{self, Job};
use crate::text;

const MAX_KEY: usize = 200;

#[derive(Clone, Debug)]
pub struct InviteMember {
    pub email: String,
    pub role: Role,
    pub idempotency_key: Option<String>,
}

/// Sends an invitation. One that the address has already is replaced: its link counts no more. The same idempotency key gives the
/// same invitation, and no second mail.
pub async fn invite_member(app: &App, actor: &Actor, from: &Requester, input: InviteMember) -> Result<Invitation, Error> {
    actor.require(Role::Admin)?;
    actor.require_verified()?;
    if input.role == Role::Owner {
        return Err(
            Refusal::at(Code::Invalid, "role", "Nobody becomes an owner by mail: invite them as ADMIN, then change their role.").into()
        );
    }
    let email = rules::email(&input.email)?;
    let key = text::optional("idempotencyKey", input.idempotency_key.as_deref(), MAX_KEY)?;
    app.limits.check_login(from.address, &email).await?;
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let (account, actor) = Account::lock_for(conn, actor, Role::Admin).await?;
            if let Some(key) = &key
                && let Some(found) = Invitation::find_by_key(conn, &actor, key).await?
            {
                return same(found, &email, input.role);
            }
            account.require_staying()?;
            refuse_member(conn, account.id, &email).await?;
            Invitation::end_earlier(conn, account.id, &email, now).await?;
            if Invitation::count_open(conn, account.id, now).await? >= i64::try_from(MAX_OPEN)? {
                let message = format!("At most {MAX_OPEN} invitations may be open at once; revoke some that are not needed.");
                return Err(Refusal::new(Code::TooMany, message).into());
            }
            if !mail_count::take_invitation(conn, account.id, now).await? {
                let message = format!("At most {} invitations a day are sent for an account; try again tomorrow.", mail_count::INVITATIONS);
                return Err(Refusal::new(Code::TooMany, message).into());
            }
            usage::lock_and_check(conn, account.id, LimitKey::Seats, now).await?;
            let invitation = Invitation::create(conn, &actor, &email, input.role, key.as_deref(), now).await?;
            let entry = Entry::by(&actor, "inviteMember", now).about(format!("{email} as {}", input.role.as_str()));
            audit::record(conn, &entry.from(from)).await?;
            jobs::enqueue(conn, &Job::MailInvitation { invitation: invitation.id }, None).await?;
            Ok(invitation)
        })
        .await
}

fn same(found: Invitation, email: &str, role: Role) -> Result<Invitation, Error> {
    if found.email.to_lowercase() == email.to_lowercase() && found.role == role {
        return Ok(found);
    }
    Err(Refusal::at(Code::Invalid, "idempotencyKey", "This key was used for an invitation of somebody else, or in another role.").into())
}

async fn refuse_member(conn: &mut Conn, account: AccountId, email: &str) -> Result<(), Error> {
    let member = users::table
        .inner_join(memberships::table)
        .filter(memberships::account_id.eq(account))
        .filter(lower(users::email).eq(lower(email)));
    if select(exists(member)).get_result(conn).await? {
        return Err(Refusal::at(Code::Taken, "email", "Somebody with this address is a member already.").into());
    }
    Ok(())
}
