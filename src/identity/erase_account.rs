//! The end of `deleteAccount`, a week later. What the account owned is gone: trees, sessions, invitations, memberships, its audit log.
//! Only what others have bought of it stays theirs: those trees and what they call, as they were published. Its row stays without a name, because payments, which the law keeps, refer to it. A table that gets an `account_id` is
//! added here or, with the law's reason, to the test that looks for what is left.
//!
//! People are not the account's: whoever belongs to another one stays as they are. Whoever belongs to none any more is erased: their
//! name, address, password and devices. Address and username are free again.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::{audit, identity, requesters};
use crate::app::App;
use crate::billing::subscription::Subscription;
use crate::db::Conn;
use crate::db::schema::{accounts, email_changes, email_tokens, memberships, sign_in_codes, sign_ins, users};
use crate::error::Error;
use crate::id::{AccountId, Id, TreeId, UserId};

const NAME: &str = "Deleted account";

/// What goes, in an order in which nothing refers to what has gone. Steps go with their session, texts with their tree, pins with
/// their version.
const GOES: [&str; 7] = [
    "DELETE FROM sessions WHERE account_id = $1",
    "DELETE FROM session_usage WHERE account_id = $1",
    "DELETE FROM listings WHERE account_id = $1",
    "DELETE FROM invitations WHERE account_id = $1",
    "DELETE FROM memberships WHERE account_id = $1",
    // A trial of our own. What was paid through Stripe stays beside its payments.
    "DELETE FROM subscriptions WHERE account_id = $1 AND provider = 'none'",
    // The address stays, so that it cannot try again; whose it was does not.
    "UPDATE trial_grants SET account_id = NULL WHERE account_id = $1",
];

/// What others have bought or walk, and all that it calls.
const KEPT: &str = "WITH RECURSIVE kept AS (
        (SELECT tree_id FROM purchases WHERE seller_account_id = $1 AND status IN ('pending', 'active', 'disputed', 'refunded')
         UNION SELECT tree_id FROM sessions WHERE tree_account_id = $1 AND account_id <> $1)
        UNION
        SELECT pins.callee_tree_id FROM kept
        JOIN tree_versions versions ON versions.account_id = $1 AND versions.tree_id = kept.tree_id
        JOIN version_pins pins ON pins.account_id = $1 AND pins.version_id = versions.id AND pins.callee_account_id = $1
    ) SELECT tree_id FROM kept";

/// The rest of the trees goes. Of those that are kept, nobody needs the draft or the words that searches look for.
const TREES_GO: [&str; 5] = [
    "UPDATE trees SET published_version_id = NULL WHERE account_id = $1 AND id <> ALL ($2)",
    "DELETE FROM tree_versions WHERE account_id = $1 AND tree_id <> ALL ($2)",
    "DELETE FROM trees WHERE account_id = $1 AND id <> ALL ($2)",
    "DELETE FROM tree_texts WHERE account_id = $1 AND tree_id = ANY ($2)",
    "UPDATE trees SET status = 'archived', draft = published.document, draft_digest = published.digest FROM tree_versions published
     WHERE trees.account_id = $1 AND trees.id = ANY ($2) AND published.account_id = $1 AND published.id = trees.published_version_id",
];

/// Does nothing if the account was restored, or deleted anew for a later day, or if this has been done.
pub async fn erase_account(app: &App, id: AccountId) -> Result<(), Error> {
    let now = app.clock.now();
    let people = app
        .db
        .transaction(async |conn| {
            let due = Account::lock(conn, id).await?.filter(|account| account.deletes_at.is_some_and(|day| day <= now));
            if due.is_none() {
                return Ok(Vec::new());
            }
            // Bought since the deletion was asked for. With the people gone, nobody could end it: staff hear of the job instead.
            if Subscription::of_account(conn, id).await?.iter().any(Subscription::is_live) {
                return Err(Error::internal("an account that is to be erased pays for a subscription"));
            }
            let people = memberships::table.filter(memberships::account_id.eq(id)).select(memberships::user_id).order(memberships::user_id);
            let people: Vec<UserId> = people.load(conn).await?;
            for statement in GOES {
                diesel::sql_query(statement).bind::<sql_types::Uuid, _>(id).execute(conn).await?;
            }
            erase_trees(conn, id).await?;
            audit::erase_in_txn(conn, id).await?;
            erase_homeless(conn, &people, now).await?;
            diesel::update(accounts::table.find(id)).set((accounts::name.eq(NAME), accounts::deleted_at.eq(now))).execute(conn).await?;
            for person in &people {
                requesters::announce_in_txn(conn, *person).await?;
            }
            Ok(people)
        })
        .await?;
    for person in people {
        app.requesters.forget(person);
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = sql_types::Uuid)]
    tree_id: TreeId,
}

async fn erase_trees(conn: &mut Conn, id: AccountId) -> QueryResult<()> {
    let kept: Vec<Kept> = diesel::sql_query(KEPT).bind::<sql_types::Uuid, _>(id).load(conn).await?;
    let kept: Vec<TreeId> = kept.into_iter().map(|Kept { tree_id }| tree_id).collect();
    for statement in TREES_GO {
        let statement = diesel::sql_query(statement).bind::<sql_types::Uuid, _>(id);
        statement.bind::<sql_types::Array<sql_types::Uuid>, _>(&kept).execute(conn).await?;
    }
    Ok(())
}

/// Of these people, those who belong to no account any more.
async fn erase_homeless(conn: &mut Conn, people: &[UserId], now: DateTime<Utc>) -> Result<(), Error> {
    let housed = memberships::table.filter(memberships::user_id.eq_any(people)).select(memberships::user_id);
    let homeless = users::table.filter(users::id.eq_any(people)).filter(users::id.ne_all(housed)).select(users::id);
    let homeless: Vec<UserId> = homeless.order(users::id).for_no_key_update().load(conn).await?;
    for person in homeless {
        let name = format!("deleted-{}", person.encode().trim_start_matches("user_"));
        diesel::update(users::table.find(person))
            .set((
                users::email.eq(format!("{name}@invalid")),
                users::username.eq(&name),
                users::password_hash.eq(None::<String>),
                users::first_name.eq(None::<String>),
                users::last_name.eq(None::<String>),
                users::avatar_url.eq(None::<String>),
                users::email_verified_at.eq(None::<DateTime<Utc>>),
                users::staff.eq(false),
                users::deactivated_at.eq(now),
                users::erased_at.eq(now),
                users::updated_at.eq(now),
            ))
            .execute(conn)
            .await?;
        diesel::delete(sign_ins::table.filter(sign_ins::user_id.eq(person))).execute(conn).await?;
        diesel::delete(email_tokens::table.filter(email_tokens::user_id.eq(person))).execute(conn).await?;
        diesel::delete(email_changes::table.filter(email_changes::user_id.eq(person))).execute(conn).await?;
        diesel::delete(sign_in_codes::table.filter(sign_in_codes::user_id.eq(person))).execute(conn).await?;
        identity::unlink_all(conn, person).await?;
    }
    Ok(())
}
