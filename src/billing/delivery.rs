//! What Stripe has sent: the *ledger* (`stripe_events`), one row for each event that has been decided, written in the transaction that
//! changes the state; and the *log* (`webhook_deliveries`), which survives a failed attempt, so that people see it.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::clock::Clock;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::{stripe_events, webhook_deliveries};
use crate::graphql::page::Page;
use crate::id::{AccountId, DeliveryId, Id};
use crate::stripe::object::Event;

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "WebhookStatus")]
pub enum Status {
    /// Being applied.
    Processing,
    /// Applied.
    Completed,
    /// An attempt failed; another one follows.
    Failed,
    /// None of our business.
    Ignored,
    /// Something later was applied already.
    Stale,
    /// Waits for an account, a price or a payment that is not known yet.
    Parked,
    /// Its customer was deleted.
    Tombstone,
    /// All our attempts have failed, or what it waited for never came.
    Dead,
}

impl Status {
    const ALL: [Self; 8] =
        [Self::Processing, Self::Completed, Self::Failed, Self::Ignored, Self::Stale, Self::Parked, Self::Tombstone, Self::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
            Self::Stale => "stale",
            Self::Parked => "parked",
            Self::Tombstone => "tombstone",
            Self::Dead => "dead",
        }
    }
}

/// The column's CHECK allows no other value.
impl From<String> for Status {
    fn from(word: String) -> Self {
        Self::ALL.into_iter().find(|status| status.as_str() == word).unwrap_or(Self::Processing)
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = webhook_deliveries)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event_id: String,
    #[diesel(column_name = type_)]
    pub kind: String,
    #[diesel(deserialize_as = String)]
    pub status: Status,
    pub decision: Option<String>,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub account_id: Option<AccountId>,
    /// Whose appearance it waits for; for a dead one, has waited for in vain.
    pub parked_under: Option<String>,
    pub payload: Value,
    pub livemode: bool,
    pub api_version: Option<String>,
    pub received_at: DateTime<Utc>,
    pub processed_at: Option<DateTime<Utc>>,
}

/// Which deliveries; all conditions together.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<Vec<Status>>,
    pub kind: Option<String>,
    pub event_id: Option<String>,
    pub account: Option<AccountId>,
    pub received_after: Option<DateTime<Utc>>,
}

/// Where a delivery stands in the list.
pub type Position = (DateTime<Utc>, DeliveryId);

/// What an attempt came to, for the log.
#[derive(Clone, Debug)]
pub struct Attempted<'a> {
    pub status: Status,
    pub decision: Option<&'a str>,
    pub error: Option<&'a str>,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub account: Option<AccountId>,
    pub customer: Option<&'a str>,
    pub parked_under: Option<&'a str>,
}

/// A delivery `d` is parked, or was in vain, and what it waits for is there.
const FOUND: &str = "status IN ('parked', 'dead') AND parked_under IS NOT NULL AND ( \
     EXISTS (SELECT FROM customers WHERE provider_customer_id = d.parked_under) \
     OR EXISTS (SELECT FROM subscriptions WHERE provider_subscription_id = d.parked_under) \
     OR EXISTS (SELECT FROM plan_prices WHERE provider_price_id = d.parked_under) \
     OR EXISTS (SELECT FROM payments WHERE payment_intent_id = d.parked_under) \
     OR EXISTS (SELECT FROM payment_links l JOIN payments p ON p.provider_invoice_id = l.provider_invoice_id \
                WHERE l.payment_intent_id = d.parked_under OR l.charge_id = d.parked_under))";

impl Delivery {
    pub async fn find(conn: &mut Conn, event: &str) -> QueryResult<Option<Self>> {
        let query = webhook_deliveries::table.filter(webhook_deliveries::event_id.eq(event));
        query.select(Self::as_select()).first(conn).await.optional()
    }

    pub async fn find_many(conn: &mut Conn, ids: &[DeliveryId]) -> QueryResult<Vec<Self>> {
        webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids)).select(Self::as_select()).load(conn).await
    }

    /// By event, the oldest first.
    pub async fn of_events(conn: &mut Conn, events: &[String]) -> QueryResult<Vec<Self>> {
        let query = webhook_deliveries::table.filter(webhook_deliveries::event_id.eq_any(events));
        query.order((webhook_deliveries::received_at, webhook_deliveries::id)).select(Self::as_select()).load(conn).await
    }

    /// The latest first.
    pub async fn page(conn: &mut Conn, filter: &Filter, page: &Page<Position>) -> QueryResult<Vec<Self>> {
        let mut query = webhook_deliveries::table.select(Self::as_select()).into_boxed();
        if let Some(status) = &filter.status {
            query = query.filter(webhook_deliveries::status.eq_any(status.iter().map(|status| status.as_str()).collect::<Vec<_>>()));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(webhook_deliveries::type_.eq(kind.clone()));
        }
        if let Some(event) = &filter.event_id {
            query = query.filter(webhook_deliveries::event_id.eq(event.clone()));
        }
        if let Some(account) = filter.account {
            // Of what has failed, as of what is told of a deleted customer, only the customer is known. An index serves each of the two.
            let customers = " OR webhook_deliveries.account_id IS NULL AND webhook_deliveries.provider_customer_id = ANY (ARRAY \
                 (SELECT known.provider_customer_id FROM customers known WHERE known.account_id = ";
            let about = sql::<Bool>("(webhook_deliveries.account_id = ").bind::<Uuid, _>(account);
            query = query.filter(about.sql(customers).bind::<Uuid, _>(account).sql(")))"));
        }
        if let Some(time) = filter.received_after {
            query = query.filter(webhook_deliveries::received_at.gt(time));
        }
        if let Some((received, id)) = page.after {
            let earlier = webhook_deliveries::received_at.lt(received);
            query = query.filter(earlier.or(webhook_deliveries::received_at.eq(received).and(webhook_deliveries::id.lt(id))));
        }
        query.order((webhook_deliveries::received_at.desc(), webhook_deliveries::id.desc())).limit(page.limit()).load(conn).await
    }

    /// Those that have failed or died, the least tried first: whoever asks again comes to the rest. What has waited in vain is no failure:
    /// another try would find the same.
    pub async fn unwell(conn: &mut Conn, limit: usize) -> QueryResult<Vec<Self>> {
        webhook_deliveries::table
            .filter(webhook_deliveries::parked_under.is_null())
            .filter(webhook_deliveries::status.eq_any([Status::Failed.as_str(), Status::Dead.as_str()]))
            .order((webhook_deliveries::attempts, webhook_deliveries::received_at, webhook_deliveries::id))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX))
            .select(Self::as_select())
            .load(conn)
            .await
    }

    /// How many are parked that were received until then.
    pub async fn parked(conn: &mut Conn, until: DateTime<Utc>) -> QueryResult<i64> {
        let parked = webhook_deliveries::table.filter(webhook_deliveries::status.eq(Status::Parked.as_str()));
        parked.filter(webhook_deliveries::received_at.le(until)).count().get_result(conn).await
    }

    /// How many have failed for good.
    pub async fn dead(conn: &mut Conn) -> QueryResult<i64> {
        let dead = webhook_deliveries::table.filter(webhook_deliveries::status.eq(Status::Dead.as_str()));
        dead.filter(webhook_deliveries::parked_under.is_null()).count().get_result(conn).await
    }

    /// Gives up what was received before then and is parked still. Returns how many there were.
    pub async fn give_up(conn: &mut Conn, received_before: DateTime<Utc>) -> QueryResult<usize> {
        let query = format!(
            "UPDATE webhook_deliveries d SET status = 'dead', last_error = 'it has waited in vain: ' || parked_under || ' never appeared' \
             WHERE status = 'parked' AND received_at < $1 AND NOT ({FOUND})"
        );
        diesel::sql_query(query).bind::<Timestamptz, _>(received_before).execute(conn).await
    }

    pub fn is_unwell(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Dead)
    }

    /// By ourselves, when its time has come, or what it waits for. What has failed for good is left to staff, and to Stripe.
    pub fn is_retried(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Parked) || self.status == Status::Dead && self.parked_under.is_some()
    }

    /// Another attempt may change something.
    pub fn is_undecided(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Dead | Status::Parked)
    }

    /// Writes down an attempt. What has come to an end stays as it is, whatever fails afterwards. Returns how often it was tried.
    pub async fn log(
        conn: &mut Conn,
        clock: &Clock,
        event: &Event,
        payload: &str,
        livemode: bool,
        attempted: &Attempted<'_>,
    ) -> QueryResult<i32> {
        let ended = !matches!(attempted.status, Status::Failed | Status::Dead | Status::Parked | Status::Processing);
        let query = diesel::sql_query(
            "INSERT INTO webhook_deliveries AS known (id, event_id, type, status, decision, attempts, last_error, next_attempt_at, account_id, \
                 provider_customer_id, parked_under, payload, livemode, api_version, received_at, processed_at) \
             VALUES ($1, $2, $3, $4, $5, CASE $4 WHEN 'parked' THEN 0 ELSE 1 END, $6, $7, $8, $9, $10, $11::json, $12, $13, $14, $15) \
             ON CONFLICT (event_id) DO UPDATE SET status = excluded.status, decision = excluded.decision, \
                 attempts = known.attempts + CASE excluded.status WHEN 'parked' THEN 0 ELSE 1 END, \
                 last_error = excluded.last_error, next_attempt_at = excluded.next_attempt_at, \
                 account_id = coalesce(excluded.account_id, known.account_id), \
                 provider_customer_id = coalesce(known.provider_customer_id, excluded.provider_customer_id), \
                 parked_under = excluded.parked_under, \
                 processed_at = excluded.processed_at \
             WHERE known.status NOT IN ('completed', 'ignored', 'stale', 'tombstone') \
             RETURNING attempts",
        )
        .bind::<Uuid, _>(DeliveryId::new(clock))
        .bind::<Text, _>(&event.id)
        .bind::<Text, _>(&event.kind)
        .bind::<Text, _>(attempted.status.as_str())
        .bind::<Nullable<Text>, _>(attempted.decision)
        .bind::<Nullable<Text>, _>(attempted.error)
        .bind::<Nullable<Timestamptz>, _>(attempted.next_attempt_at)
        .bind::<Nullable<Uuid>, _>(attempted.account)
        .bind::<Nullable<Text>, _>(attempted.customer)
        .bind::<Nullable<Text>, _>(attempted.parked_under)
        .bind::<Text, _>(payload)
        .bind::<Bool, _>(livemode)
        .bind::<Nullable<Text>, _>(event.api_version.as_deref())
        .bind::<Timestamptz, _>(clock.now())
        .bind::<Nullable<Timestamptz>, _>(ended.then(|| clock.now()));
        let row: Option<Attempts> = Cached(query).get_result(conn).await.optional()?;
        Ok(row.map_or(0, |row| row.attempts))
    }

    /// After a failure: when it is tried again; None: never by ourselves.
    pub async fn plan(conn: &mut Conn, event: &str, next: Option<DateTime<Utc>>) -> QueryResult<()> {
        let status = if next.is_some() { Status::Failed } else { Status::Dead };
        diesel::update(webhook_deliveries::table.filter(webhook_deliveries::event_id.eq(event)))
            .set((webhook_deliveries::status.eq(status.as_str()), webhook_deliveries::next_attempt_at.eq(next)))
            .execute(conn)
            .await
            .map(|_| ())
    }

    /// The events that wait for one of these, or have waited in vain, the oldest first.
    pub async fn parked_under(conn: &mut Conn, keys: &[String]) -> QueryResult<Vec<String>> {
        webhook_deliveries::table
            .filter(webhook_deliveries::status.eq_any([Status::Parked.as_str(), Status::Dead.as_str()]))
            .filter(webhook_deliveries::parked_under.is_not_null().and(webhook_deliveries::parked_under.eq_any(keys)))
            .order((webhook_deliveries::received_at, webhook_deliveries::id))
            .select(webhook_deliveries::event_id)
            .limit(1000)
            .load(conn)
            .await
    }

    /// Failed ones whose time has come.
    pub async fn overdue(conn: &mut Conn, now: DateTime<Utc>) -> QueryResult<Vec<String>> {
        webhook_deliveries::table
            .filter(webhook_deliveries::status.eq(Status::Failed.as_str()))
            .filter(webhook_deliveries::next_attempt_at.le(now))
            .order(webhook_deliveries::next_attempt_at)
            .select(webhook_deliveries::event_id)
            .limit(1000)
            .load(conn)
            .await
    }

    /// All whose customer, subscription, payment or price is known by now.
    pub async fn found(conn: &mut Conn) -> QueryResult<Vec<String>> {
        let query = format!("SELECT event_id FROM webhook_deliveries d WHERE {FOUND} ORDER BY received_at, id LIMIT 1000");
        let rows: Vec<EventId> = diesel::sql_query(query).load(conn).await?;
        Ok(rows.into_iter().map(|row| row.event_id).collect())
    }

    /// Whether that of this one is known by now.
    pub async fn is_found(conn: &mut Conn, event: &str) -> QueryResult<bool> {
        let query = format!("SELECT event_id FROM webhook_deliveries d WHERE event_id = $1 AND {FOUND}");
        let row: Option<EventId> = diesel::sql_query(query).bind::<Text, _>(event).get_result(conn).await.optional()?;
        Ok(row.is_some())
    }
}

#[derive(QueryableByName)]
struct Attempts {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    attempts: i32,
}

#[derive(QueryableByName)]
struct EventId {
    #[diesel(sql_type = Text)]
    event_id: String,
}

/// Enters an event into the ledger. False: it is there already.
pub async fn enter(conn: &Conn, event: &Event, now: DateTime<Utc>) -> QueryResult<bool> {
    let entry = diesel::insert_into(stripe_events::table).values((
        stripe_events::event_id.eq(&event.id),
        stripe_events::type_.eq(&event.kind),
        stripe_events::decision.eq(Status::Completed.as_str()),
        stripe_events::decided_at.eq(now),
    ));
    Ok(Cached(entry.on_conflict_do_nothing()).execute(&mut &*conn).await? > 0)
}

/// Changes what the ledger says of an event in this transaction. What is parked is not decided, and has no entry.
pub async fn decide(conn: &mut Conn, event: &str, status: Status) -> QueryResult<()> {
    match status {
        Status::Completed => Ok(()),
        Status::Parked => diesel::delete(stripe_events::table.find(event)).execute(conn).await.map(|_| ()),
        _ => Cached(diesel::update(stripe_events::table.find(event)).set(stripe_events::decision.eq(status.as_str())))
            .execute(conn)
            .await
            .map(|_| ()),
    }
}
