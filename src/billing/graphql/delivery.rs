//! What staff see of Stripe's deliveries.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::billing::delivery::{self, Delivery, Filter};
use crate::billing::retry_webhooks;
use crate::db::is_storable;
use crate::error::Error;
use crate::graphql::connection::{Connection, EmptyFields};
use crate::graphql::page::PageArgs;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::{actor, app, requester};
use crate::id::{AccountId, Id};
use crate::identity::graphql::AccountObject;
use crate::text;

/// Which deliveries; all conditions together.
#[derive(InputObject)]
pub struct WebhookDeliveryFilter {
    /// With any of these statuses.
    status: Option<Vec<delivery::Status>>,
    /// Of this type, e.g. `invoice.paid`.
    #[graphql(name = "type")]
    kind: Option<String>,
    /// Of this event.
    event_id: Option<String>,
    /// About this account.
    account_id: Option<ID>,
    /// Received after this time.
    received_after: Option<DateTime>,
}

impl WebhookDeliveryFilter {
    fn read(self) -> Result<Filter, Error> {
        Ok(Filter {
            status: self.status,
            kind: self.kind.map(|kind| text::comparable("type", kind)).transpose()?,
            event_id: self.event_id.map(|id| text::comparable("eventId", id)).transpose()?,
            account: self.account_id.map(|id| AccountId::decode(&id)).transpose()?,
            received_after: self.received_after.map(|time| time.0),
        })
    }
}

#[derive(Default)]
pub struct BillingStaff;

#[Object]
impl BillingStaff {
    /// What Stripe has sent, the latest first.
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<WebhookDeliveryFilter>,
    ) -> Result<Connection<WebhookDelivery>, Error> {
        const ORDER: &str = "deliveries by arrival";
        let page = PageArgs::forward(first, after).page::<delivery::Position>(ORDER)?;
        if page.after.is_some_and(|(received, _)| !is_storable(received)) {
            return Err(Error::BadInput("the cursor is none of this list".into()));
        }
        let filter = filter.map(WebhookDeliveryFilter::read).transpose()?.unwrap_or_default();
        let rows = Delivery::page(&mut *app(ctx)?.db.conn().await?, &filter, &page).await?;
        Ok(page.cut(rows).connection(ORDER, EmptyFields, |row| (row.received_at, row.id), WebhookDelivery))
    }

    /// The delivery of one event; null if it never arrived.
    async fn webhook_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Stripe's id, evt_…")] event_id: String,
    ) -> Result<Option<WebhookDelivery>, Error> {
        let event_id = text::comparable("eventId", event_id)?;
        Ok(Delivery::find(&mut *app(ctx)?.db.conn().await?, &event_id).await?.map(WebhookDelivery))
    }
}

pub struct WebhookDelivery(pub Delivery);

/// The log of one Stripe event: it outlives the rollback of a failed attempt.
#[Object]
impl WebhookDelivery {
    /// Opaque and global.
    pub async fn id(&self) -> ID {
        ID(self.0.id.encode())
    }

    /// Stripe's id, evt_…
    async fn event_id(&self) -> &str {
        &self.0.event_id
    }

    /// What happened, e.g. `invoice.paid`.
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// How it stands.
    async fn status(&self) -> delivery::Status {
        self.0.status
    }

    /// What was decided and why, e.g. `the subscription is already at a later change`.
    async fn decision(&self) -> Option<&str> {
        self.0.decision.as_deref()
    }

    /// How often it was tried.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// Why the last attempt failed.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// When we try again by ourselves.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime::from)
    }

    /// Whom it is about, if that is known.
    async fn account(&self, ctx: &Context<'_>) -> Result<Option<AccountObject>, Error> {
        match self.0.account_id {
            Some(account) => AccountObject::load(ctx, account, actor(ctx)?).await,
            None => Ok(None),
        }
    }

    /// What Stripe sent.
    async fn payload(&self) -> Json {
        Json(self.0.payload.clone())
    }

    /// Whether the money is real.
    async fn livemode(&self) -> bool {
        self.0.livemode
    }

    /// In which version's shape it was told.
    async fn api_version(&self) -> Option<&str> {
        self.0.api_version.as_deref()
    }

    /// When it came first.
    async fn received_at(&self) -> DateTime {
        self.0.received_at.into()
    }

    /// When it was decided.
    async fn processed_at(&self) -> Option<DateTime> {
        self.0.processed_at.map(DateTime::from)
    }
}

/// Which events to try again.
#[derive(InputObject)]
pub struct RetryWebhooksInput {
    /// All failed and dead ones when left out; at most 100 a call.
    event_ids: Option<Vec<String>>,
}

/// What came of it.
#[derive(SimpleObject)]
pub struct RetryWebhooksPayload {
    /// How many were tried.
    retried: i32,
    /// How many of them were decided.
    succeeded: i32,
    /// How many failed again.
    failed: i32,
    /// As they stand now.
    deliveries: Vec<WebhookDelivery>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl Payload for RetryWebhooksPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { retried: 0, succeeded: 0, failed: 0, deliveries: Vec::new(), user_errors }
    }
}

#[derive(Default)]
pub struct DeliveryMutation;

#[Object]
impl DeliveryMutation {
    /// For the platform's staff: applies deliveries that failed or are parked once more.
    async fn retry_webhooks(&self, ctx: &Context<'_>, input: RetryWebhooksInput) -> Result<RetryWebhooksPayload, Error> {
        let retried = async { retry_webhooks::retry_webhooks(app(ctx)?, actor(ctx)?, requester(ctx)?, input.event_ids.as_deref()).await };
        answer(retried.await.map(|deliveries| {
            let undecided = deliveries.iter().filter(|delivery| delivery.is_undecided()).count();
            let failed = deliveries.iter().filter(|delivery| delivery.is_unwell()).count();
            let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
            RetryWebhooksPayload {
                retried: count(deliveries.len()),
                succeeded: count(deliveries.len() - undecided),
                failed: count(failed),
                deliveries: deliveries.into_iter().map(WebhookDelivery).collect(),
                user_errors: Vec::new(),
            }
        }))
    }
}
