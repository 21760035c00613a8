//! The `subscription_changes` table: what somebody has asked Stripe to change. The row comes first, with its line in the audit log, and
//! the keys of all calls that the change needs are made from it: whoever repeats the client's key repeats the same calls, which count
//! once. Stripe keeps a refusal under its key, too, for a day: the tries that were refused are counted, and a try after one is another.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use stripe_client_core::StripeRequest;

use super::alter;
use super::locked::Refused;
use super::queue::Turn;
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::subscription_changes;
use crate::error::{Code, Error, Refusal};
use crate::id::{AccountId, ChangeId, Id};
use crate::identity::account::Account;
use crate::identity::actor::{Actor, Requester};
use crate::identity::audit;
use crate::stripe::client::{Answer, StripeError};
use crate::text;

pub const MAX_KEY: usize = 200;
/// What goes on paying: never for an account that is about to be deleted.
pub const RESUME: &str = "resumeSubscription";
/// Longer than any request lasts.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(1);

/// How something is done: what the subscription has become since may ask for another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// What was to come is not wanted any more.
    TakenBack,
    Now,
    AtPeriodEnd,
}

impl Course {
    const ALL: [Self; 3] = [Self::TakenBack, Self::Now, Self::AtPeriodEnd];

    fn as_str(self) -> &'static str {
        match self {
            Self::TakenBack => "taken_back",
            Self::Now => "now",
            Self::AtPeriodEnd => "at_period_end",
        }
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|course| course.as_str() == word)
    }
}

#[derive(Clone)]
pub struct SubscriptionChange {
    pub id: ChangeId,
    /// What a try before this one has set out to change, at the provider, and how. None: it came no further than here.
    pub subscription: Option<String>,
    pub course: Option<Course>,
    /// None: nobody knows yet whether it was done.
    pub finished_at: Option<DateTime<Utc>>,
    /// The tries before this one that Stripe has refused something of.
    refusals: i32,
    /// The client's key was there before: it may have been done, and the answer lost.
    pub repeated: bool,
    /// What is read of the subscription is still so when it is changed: others of the account, in this process, come after it.
    _turn: Arc<Turn>,
}

impl SubscriptionChange {
    /// The row of this request: a new one, or the one that the client's key has made before. `terms` is all that it asks for.
    pub async fn begin(app: &App, actor: &Actor, from: &Requester, operation: &str, terms: &str, key: Option<&str>) -> Result<Self, Error> {
        let key = text::optional("idempotencyKey", key, MAX_KEY)?;
        let turn = Arc::new(app.queues.enter(&format!("change:{}", actor.account.encode())).await.ok_or(Refused::Busy)?);
        let now = app.clock.now();
        app.db
            .transaction(async |conn| {
                // Two requests with one key: the second one waits here, and then finds the row.
                let account = Account::lock(conn, actor.account).await?.ok_or(Error::Unauthenticated)?;
                if operation == RESUME {
                    account.require_staying()?;
                }
                if let Some(key) = &key {
                    let known = subscription_changes::table
                        .filter(subscription_changes::account_id.eq(actor.account))
                        .filter(subscription_changes::idempotency_key.eq(key));
                    let known = known.select((
                        subscription_changes::id,
                        subscription_changes::operation,
                        subscription_changes::terms,
                        subscription_changes::finished_at,
                        subscription_changes::refusals,
                        subscription_changes::provider_subscription_id,
                        subscription_changes::course,
                    ));
                    let known = known.first::<(_, String, String, _, _, _, Option<String>)>(conn).await.optional()?;
                    if let Some((id, of, asked, finished_at, refusals, subscription, course)) = known {
                        let course = course.as_deref().and_then(Course::read);
                        let known = Self { id, subscription, course, finished_at, refusals, repeated: true, _turn: turn.clone() };
                        if (of.as_str(), asked.as_str()) != (operation, terms) {
                            return Err(Refusal::at(Code::Invalid, "idempotencyKey", "This key was used for another change.").into());
                        }
                        if known.finished_at.is_none() {
                            // Under way again.
                            let row = diesel::update(subscription_changes::table.find(known.id));
                            row.set(subscription_changes::created_at.eq(now)).execute(conn).await?;
                        }
                        return Ok(known);
                    }
                }
                let id = ChangeId::new(&app.clock);
                diesel::insert_into(subscription_changes::table)
                    .values((
                        subscription_changes::id.eq(id),
                        subscription_changes::account_id.eq(actor.account),
                        subscription_changes::user_id.eq(actor.user),
                        subscription_changes::operation.eq(operation),
                        subscription_changes::terms.eq(terms),
                        subscription_changes::idempotency_key.eq(key.as_deref()),
                        subscription_changes::created_at.eq(now),
                    ))
                    .execute(conn)
                    .await?;
                let line = audit::Entry::by(actor, operation, now).from(from);
                audit::record(conn, &if terms.is_empty() { line } else { line.about(terms) }).await?;
                Ok(Self { id, subscription: None, course: None, finished_at: None, refusals: 0, repeated: false, _turn: turn.clone() })
            })
            .await
    }

    /// Whether somebody may be asking Stripe at this moment to go on with the subscription: they began less than a minute ago, and it is not
    /// known that they have. To be called while the account is locked.
    pub async fn resumes(conn: &mut Conn, account: AccountId, now: DateTime<Utc>) -> QueryResult<bool> {
        let begun = subscription_changes::table.filter(subscription_changes::account_id.eq(account));
        let begun = begun.filter(subscription_changes::operation.eq(RESUME)).filter(subscription_changes::finished_at.is_null());
        let begun = begun.filter(subscription_changes::created_at.gt(now - UNDER_WAY));
        diesel::select(diesel::dsl::exists(begun)).get_result(conn).await
    }

    /// How a try before this one has set out to change this very subscription.
    pub fn taken(&self, subscription: &str) -> Option<Course> {
        self.course.filter(|_| self.subscription.as_deref() == Some(subscription))
    }

    /// Notes what it is about to change, and how if that is clear: before Stripe is asked for anything. What a try before this one has set out
    /// to do to another subscription, or in another way, is not done to this one.
    pub async fn takes(&self, app: &App, subscription: &str, course: Option<Course>) -> Result<(), Error> {
        let another = self.subscription.as_deref().is_some_and(|taken| taken != subscription);
        if another || course.is_some_and(|course| self.course.is_some_and(|taken| taken != course)) {
            return Err(alter::changed_meanwhile());
        }
        let noted = (
            subscription_changes::provider_subscription_id.eq(subscription),
            course.map(|course| subscription_changes::course.eq(course.as_str())),
        );
        diesel::update(subscription_changes::table.find(self.id)).set(noted).execute(&mut *app.db.conn().await?).await?;
        Ok(())
    }

    /// The idempotency key of one of its calls.
    pub fn key(&self, step: &str) -> String {
        match self.refusals {
            0 => format!("{}:{step}", self.id.encode()),
            refusals => format!("{}:{refusals}:{step}", self.id.encode()),
        }
    }

    /// One of its calls. Only what is refused is counted: who has heard nothing has to repeat the same key.
    pub async fn write(&self, app: &App, operation: &'static str, request: &impl StripeRequest, step: &str) -> Result<Answer, StripeError> {
        let answer = app.stripe.write(operation, request, &self.key(step)).await;
        if let Err(StripeError::Refused(refused)) = &answer
            && !refused.is_forbidden()
            && let Err(cause) = self.count_refusal(app).await
        {
            tracing::warn!(?cause, "a refusal could not be counted; whoever repeats the key is refused once more");
        }
        answer
    }

    /// Once for each try, however many calls were refused, and for all who tried at the same time.
    async fn count_refusal(&self, app: &App) -> Result<(), Error> {
        let row = subscription_changes::table.find(self.id).filter(subscription_changes::refusals.eq(self.refusals));
        diesel::update(row).set(subscription_changes::refusals.eq(self.refusals + 1)).execute(&mut *app.db.conn().await?).await?;
        Ok(())
    }

    /// It asks for nothing, and Stripe was not called: no other request has to wait for it, and its key stands for nothing done.
    pub async fn withdraw(&self, app: &App) -> Result<(), Error> {
        diesel::delete(subscription_changes::table.find(self.id)).execute(&mut *app.db.conn().await?).await?;
        Ok(())
    }

    pub async fn finish(&self, app: &App) -> Result<(), Error> {
        diesel::update(subscription_changes::table.find(self.id))
            .set(subscription_changes::finished_at.eq(app.clock.now()))
            .execute(&mut *app.db.conn().await?)
            .await?;
        Ok(())
    }
}
