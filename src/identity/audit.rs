//! The `audit_entries` table: who did what, one line each. Lines are added and never changed: the database refuses it.
//!
//! An operation that is worth a line records it in the transaction that changes something, so that there is no change without its
//! line and no line without its change. `action` is the operation's name as the API has it (`changeMemberRole`); what is no operation
//! has a name of its own (`signInFailed`). Owners read their account's lines, staff read all.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;

use super::actor::{Actor, Requester};
use super::membership::Membership;
use super::sign_in::user_agent;
use crate::db::Conn;
use crate::db::schema::audit_entries;
use crate::graphql::page::Page;
use crate::id::{AccountId, AuditEntryId, Id, UserId};

/// A line to be.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Whose owners may read it.
    pub account: Option<AccountId>,
    /// None: nobody known, or the platform itself.
    pub actor: Option<UserId>,
    pub action: &'a str,
    /// Whom or what it was done to: an id, an address, what changed. Never a secret.
    pub subject: Option<String>,
    pub from: Option<&'a Requester>,
    pub at: DateTime<Utc>,
}

impl<'a> Entry<'a> {
    /// The platform itself, about no account.
    pub fn new(action: &'a str, at: DateTime<Utc>) -> Self {
        Self { account: None, actor: None, action, subject: None, from: None, at }
    }

    /// What somebody does in the account that they speak for.
    pub fn by(actor: &Actor, action: &'a str, at: DateTime<Utc>) -> Self {
        Self { account: Some(actor.account), actor: Some(actor.user), ..Self::new(action, at) }
    }

    pub fn about(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    pub fn from(self, from: &'a Requester) -> Self {
        Self { from: Some(from), ..self }
    }
}

pub async fn record(conn: &mut Conn, entry: &Entry<'_>) -> QueryResult<()> {
    diesel::insert_into(audit_entries::table)
        .values((
            audit_entries::id.eq(AuditEntryId::at(entry.at)),
            audit_entries::account_id.eq(entry.account),
            audit_entries::actor_id.eq(entry.actor),
            audit_entries::action.eq(entry.action),
            audit_entries::subject.eq(entry.subject.as_ref()),
            audit_entries::ip_address.eq(entry.from.and_then(ip_address)),
            audit_entries::user_agent.eq(entry.from.and_then(user_agent)),
            audit_entries::at.eq(entry.at),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// What somebody tried who has proved nothing (a sign-in that failed, a request for a mail): a line for the account that the person
/// would have begun in. Without such a person (an unknown login) it is the same statement: how long it takes must not tell who is known.
/// The login is not kept: it may be a password, typed into the wrong field.
pub async fn record_attempt(conn: &mut Conn, action: &str, user: Option<UserId>, from: &Requester, at: DateTime<Utc>) -> QueryResult<()> {
    diesel::sql_query(
        "INSERT INTO audit_entries (id, account_id, action, subject, ip_address, user_agent, at)
         VALUES ($1, (SELECT account_id FROM memberships WHERE user_id = $2 ORDER BY created_at, account_id LIMIT 1),
             $3, $4, $5, $6, $7)",
    )
    .bind::<sql_types::Uuid, _>(AuditEntryId::at(at))
    .bind::<sql_types::Nullable<sql_types::Uuid>, _>(user)
    .bind::<sql_types::Text, _>(action)
    .bind::<sql_types::Nullable<sql_types::Text>, _>(user.map(Id::encode))
    .bind::<sql_types::Nullable<sql_types::Text>, _>(ip_address(from))
    .bind::<sql_types::Nullable<sql_types::Text>, _>(user_agent(from))
    .bind::<sql_types::Timestamptz, _>(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// What somebody does without being signed in, who has proved by a mail who they are: a line for the account that they begin in.
pub async fn record_own(
    conn: &mut Conn,
    action: &str,
    user: UserId,
    subject: Option<String>,
    from: &Requester,
    at: DateTime<Utc>,
) -> QueryResult<()> {
    let account = Membership::of_user(conn, user).await?.into_iter().next().map(|member| member.account_id);
    record(conn, &Entry { account, actor: Some(user), subject, ..Entry::new(action, at) }.from(from)).await
}

fn ip_address(from: &Requester) -> Option<String> {
    from.address.map(|address| address.to_string())
}

/// A line that was recorded.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_entries)]
pub struct AuditEntry {
    pub id: AuditEntryId,
    pub account_id: Option<AccountId>,
    pub actor_id: Option<UserId>,
    pub action: String,
    pub subject: Option<String>,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub at: DateTime<Utc>,
}

/// Where a line stands in the log.
pub type Position = (DateTime<Utc>, AuditEntryId);

impl AuditEntry {
    /// The newest first: an account's lines, or all of them.
    pub async fn page(conn: &mut Conn, account: Option<AccountId>, page: &Page<Position>) -> QueryResult<Vec<Self>> {
        let mut query = audit_entries::table.select(Self::as_select()).into_boxed();
        if let Some(account) = account {
            query = query.filter(audit_entries::account_id.eq(account));
        }
        if let Some((at, id)) = page.after {
            query = query.filter(audit_entries::at.lt(at).or(audit_entries::at.eq(at).and(audit_entries::id.lt(id))));
        }
        query.order((audit_entries::at.desc(), audit_entries::id.desc())).limit(page.limit()).load(conn).await
    }

    pub fn position(&self) -> Position {
        (self.at, self.id)
    }
}

/// Takes what a person was called, and where they were, out of the lines that stay, in the transaction that erases the person. By `name`
/// they go on being known as one who did and was done to. The addresses that were theirs, in lower case: only such as were proved, since
/// anybody can type anybody's. Those that they typed go out of the lines about their own changes alone.
pub async fn forget_in_txn(conn: &mut Conn, person: UserId, name: &str) -> QueryResult<Vec<String>> {
    diesel::sql_query("SELECT set_config('fixpath.erased_person', $1::text, true)")
        .bind::<sql_types::Uuid, _>(person)
        .execute(conn)
        .await?;
    let addresses: Vec<Address> =
        diesel::sql_query("SELECT address FROM proved_addresses($1) AS address").bind::<sql_types::Uuid, _>(person).load(conn).await?;
    let addresses: Vec<String> = addresses.into_iter().map(|Address { address }| address).collect();
    // A line without an actor tells what somebody tried as this person: most likely they themselves.
    diesel::sql_query(
        "UPDATE audit_entries AS line SET
             ip_address = CASE WHEN theirs THEN NULL ELSE ip_address END,
             user_agent = CASE WHEN theirs THEN NULL ELSE user_agent END,
             subject = (SELECT string_agg(CASE WHEN lower(word) = ANY ($2) OR (typed AND word LIKE '%@%') THEN $3 ELSE word END,
                     ' ' ORDER BY place)
                 FROM unnest(string_to_array(subject, ' ')) WITH ORDINALITY AS words (word, place))
         FROM (SELECT id, coalesce(actor_id = $1, lower(split_part(subject, ' ', 1)) = $4, false) AS theirs,
                 coalesce(actor_id = $1, false) AND action IN ('changeEmail', 'verifyEmail') AS typed
             FROM audit_entries
             WHERE actor_id = $1 OR (subject IS NOT NULL AND lower(split_part(subject, ' ', 1)) = ANY ($2 || $4))) AS found
         WHERE line.id = found.id",
    )
    .bind::<sql_types::Uuid, _>(person)
    .bind::<sql_types::Array<sql_types::Text>, _>(&addresses)
    .bind::<sql_types::Text, _>(name)
    .bind::<sql_types::Text, _>(person.encode())
    .execute(conn)
    .await?;
    Ok(addresses)
}

#[derive(QueryableByName)]
struct Address {
    #[diesel(sql_type = sql_types::Text)]
    address: String,
}

/// Takes an account's lines out, in the transaction that erases the account: the only way in which lines go.
pub async fn erase_in_txn(conn: &mut Conn, account: AccountId) -> QueryResult<()> {
    diesel::sql_query("SELECT set_config('fixpath.erased_account', $1::text, true)")
        .bind::<sql_types::Uuid, _>(account)
        .execute(conn)
        .await?;
    diesel::delete(audit_entries::table.filter(audit_entries::account_id.eq(account))).execute(conn).await?;
    Ok(())
}
