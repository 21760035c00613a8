//! The end of `deleteAccount`, a week later. What the account owned is gone: trees, sessions, invitations, memberships, its audit log,
//! its credits and changes of plan, and whatever Stripe told of it word for word.
//!
//! What stays, and why:
//! - payments with their refunds and disputes, and purchases and sales: tax law wants them for years. With them, the subscriptions that
//!   were paid for and the `cus_…` that paid: an accountant finds the invoice at Stripe by them, and a refund that comes later is
//!   entered. A customer who never paid stays as a tombstone that is nobody's, so that what Stripe still tells of it is no riddle.
//! - what Stripe told and was not decided yet, and its customer: money may be in it. It goes once it is decided.
//! - for thirty days, what was offered on Stripe's pages: a payment by bank may still arrive, and by our own row its invoice and its
//!   session are known to be about one payment.
//! - the account's row without a name, because all of these refer to it.
//! - that a mailbox had its trial, and that a card was used, without whose it was: the digest of an address, and Stripe's pseudonym for
//!   a card under a number that no account has. Else erasing an account would be how to get another trial.
//! - trees that others have bought, and what these call, as they were published: others have paid for them.
//!
//! A table that gets an `account_id` is added here or, with its reason, to the test that looks for what is left.
//!
//! People are not the account's: whoever belongs to another one stays as they are. Whoever belongs to none any more is erased: their
//! name, address, password and devices, also where other accounts' logs and ended invitations have them. Address and username
//! are free again.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;

use super::account::Account;
use super::email_token::end_mailed;
use super::invitation::Invitation;
use super::{audit, identity, requesters};
use crate::app::App;
use crate::billing::checkout;
use crate::billing::subscription::Subscription;
use crate::db::Conn;
use crate::db::schema::{accounts, checkouts, email_changes, memberships, sign_ins, subscription_changes, users};
use crate::error::Error;
use crate::id::{AccountId, Id, TreeId, UserId};

const NAME: &str = "Deleted account";
/// Who bought what for an account that stays.
const NOBODY: Option<UserId> = None;

/// What goes, in an order in which nothing refers to what has gone. Steps go with their session, texts with their tree, pins with
/// their version.
const GOES: [&str; 16] = [
    "DELETE FROM sessions WHERE account_id = $1",
    "DELETE FROM session_usage WHERE account_id = $1",
    "DELETE FROM invitations WHERE account_id = $1",
    "DELETE FROM memberships WHERE account_id = $1",
    "DELETE FROM listings WHERE account_id = $1",
    "DELETE FROM credit_entries WHERE account_id = $1",
    "DELETE FROM credit_balances WHERE account_id = $1",
    // What was offered stays for a while (`OFFERED`), not to whom, nor from which page.
    "UPDATE checkouts SET user_id = NULL, url = NULL, success_url = NULL, cancel_url = NULL, idempotency_key = NULL, promotion_code = NULL, \
     promotion_word = NULL WHERE account_id = $1",
    "DELETE FROM subscription_changes WHERE account_id = $1",
    // Before the customers, by whom some of them are found.
    "DELETE FROM webhook_deliveries WHERE account_id = $1 AND processed_at IS NOT NULL",
    "DELETE FROM webhook_deliveries WHERE account_id IS NULL AND processed_at IS NOT NULL \
     AND provider_customer_id IN (SELECT provider_customer_id FROM customers WHERE account_id = $1)",
    "DELETE FROM subscriptions WHERE account_id = $1 AND NOT EXISTS \
     (SELECT FROM payments WHERE payments.provider_subscription_id = subscriptions.provider_subscription_id)",
    "UPDATE subscriptions SET raw = NULL, version_previous = NULL, needs_refetch = false WHERE account_id = $1",
    "UPDATE customers SET account_id = NULL WHERE account_id = $1 AND NOT EXISTS \
     (SELECT FROM payments WHERE payments.provider_customer_id = customers.provider_customer_id AND payments.account_id = $1) \
     AND NOT EXISTS (SELECT FROM webhook_deliveries AS told WHERE told.provider_customer_id = customers.provider_customer_id \
     AND told.processed_at IS NULL)",
    "UPDATE trial_grants SET account_id = NULL WHERE account_id = $1",
    "UPDATE card_fingerprints SET account_id = gen_random_uuid() WHERE account_id = $1",
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

/// Stripe may still tell of accounts that are gone: of a refund, mostly. Once that is entered, its words go too.
const TOLD_SINCE: &str = "DELETE FROM webhook_deliveries AS told USING accounts WHERE accounts.deleted_at IS NOT NULL \
     AND told.account_id = accounts.id AND told.processed_at IS NOT NULL";

/// What a payment that came since has bought or told.
const PAID_SINCE: [&str; 4] = [
    "DELETE FROM credit_entries USING accounts WHERE accounts.deleted_at IS NOT NULL AND credit_entries.account_id = accounts.id",
    "DELETE FROM credit_balances USING accounts WHERE accounts.deleted_at IS NOT NULL AND credit_balances.account_id = accounts.id",
    "UPDATE card_fingerprints SET account_id = gen_random_uuid() FROM accounts \
     WHERE accounts.deleted_at IS NOT NULL AND card_fingerprints.account_id = accounts.id",
    "UPDATE subscriptions SET raw = NULL, version_previous = NULL FROM accounts \
     WHERE accounts.deleted_at IS NOT NULL AND subscriptions.account_id = accounts.id AND raw IS NOT NULL",
];

/// A payment by bank may take two weeks, and Stripe tells of it for three days.
const OFFERED: &str = "DELETE FROM checkouts USING accounts WHERE accounts.deleted_at < $1 AND checkouts.account_id = accounts.id";
const PAID_WITHIN: TimeDelta = TimeDelta::days(30);

/// What was placed under no account, such as an answer about a customer who is nobody's any more, names people all the same. Staff have
/// a week to look at it.
const TOLD_OF_NOBODY: &str = "DELETE FROM webhook_deliveries AS told WHERE told.account_id IS NULL AND told.received_at < $1 \
     AND told.processed_at IS NOT NULL AND NOT EXISTS \
     (SELECT FROM customers JOIN accounts ON accounts.id = customers.account_id AND accounts.deleted_at IS NULL \
     WHERE customers.provider_customer_id = told.provider_customer_id)";
const LOOKED_AT_FOR: TimeDelta = TimeDelta::days(7);

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
            // Of a large account, one statement may delete for longer than requests may take. The job's own limit holds.
            diesel::sql_query("SET LOCAL statement_timeout = 0").execute(conn).await?;
            // First: entries of credits go only once their account is erased.
            diesel::update(accounts::table.find(id)).set((accounts::name.eq(NAME), accounts::deleted_at.eq(now))).execute(conn).await?;
            for statement in GOES {
                diesel::sql_query(statement).bind::<sql_types::Uuid, _>(id).execute(conn).await?;
            }
            erase_trees(conn, id).await?;
            erase_homeless(conn, &people, now).await?;
            audit::erase_in_txn(conn, id).await?;
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

/// What came of accounts after they were erased, and what was told of nobody.
pub async fn erase_what_came_since(conn: &mut Conn, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::sql_query(TOLD_SINCE).execute(conn).await?;
    for statement in PAID_SINCE {
        diesel::sql_query(statement).execute(conn).await?;
    }
    diesel::sql_query(OFFERED).bind::<sql_types::Timestamptz, _>(now - PAID_WITHIN).execute(conn).await?;
    diesel::sql_query(TOLD_OF_NOBODY).bind::<sql_types::Timestamptz, _>(now - LOOKED_AT_FOR).execute(conn).await?;
    Ok(())
}

/// Of these people, those who belong to no account any more. They are locked first, as by everybody who changes where a person belongs,
/// and looked at then: of two accounts that go at once, the second sees that the first has gone.
async fn erase_homeless(conn: &mut Conn, people: &[UserId], now: DateTime<Utc>) -> Result<(), Error> {
    let people = users::table.filter(users::id.eq_any(people)).select(users::id).order(users::id);
    let people: Vec<UserId> = people.for_no_key_update().load(conn).await?;
    let housed = memberships::table.filter(memberships::user_id.eq_any(&people)).select(memberships::user_id);
    let housed: Vec<UserId> = housed.load(conn).await?;
    for person in people.into_iter().filter(|person| !housed.contains(person)) {
        let name = format!("deleted-{}", person.encode().trim_start_matches("user_"));
        let addresses = audit::forget_in_txn(conn, person, &name).await?;
        Invitation::forget_ended(conn, person, &addresses).await?;
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
        end_mailed(conn, person).await?;
        identity::unlink_all(conn, person).await?;
        diesel::delete(email_changes::table.filter(email_changes::user_id.eq(person))).execute(conn).await?;
        let bought = checkouts::table.filter(checkouts::user_id.eq(person));
        // Which page they came from, too. An open one of an account that stays can still be asked for again.
        diesel::update(bought.filter(checkouts::status.ne(checkout::OPEN)))
            .set((
                checkouts::success_url.eq(None::<String>),
                checkouts::cancel_url.eq(None::<String>),
                checkouts::idempotency_key.eq(None::<String>),
            ))
            .execute(conn)
            .await?;
        diesel::update(bought).set(checkouts::user_id.eq(NOBODY)).execute(conn).await?;
        let changes = subscription_changes::table.filter(subscription_changes::user_id.eq(person));
        diesel::update(changes).set(subscription_changes::user_id.eq(NOBODY)).execute(conn).await?;
    }
    Ok(())
}
