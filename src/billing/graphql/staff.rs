//! What staff do and see of an account's billing.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::credits::{CreditEntry, Credits};
use super::delivery::WebhookDelivery;
use super::plan::PlanObject;
use super::subscription::PlanSubscription;
use crate::billing::grant_credits::{self, GrantCredits};
use crate::billing::plan::Plan;
use crate::error::Error;
use crate::graphql::payload::{Payload, UserError, answer};
use crate::graphql::scalars::Json;
use crate::graphql::{actor, app, requester};
use crate::id::{AccountId, Id};
use crate::identity::graphql::{AccountObject, UserObject};
use crate::staff::lookup::{self, Report};

#[derive(Default)]
pub struct AccountStaff;

#[Object]
impl AccountStaff {
    /// Everything billing knows about one person or account; null if nobody is meant.
    async fn lookup(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "ref", desc = "E-mail, user id, user number, account id, cus_… or sub_…")] reference: String,
    ) -> Result<Option<AccountReport>, Error> {
        let Some(report) = lookup::report(app(ctx)?, &reference).await? else { return Ok(None) };
        let account = AccountObject::load(ctx, report.found.account, actor(ctx)?).await?;
        Ok(account.map(|account| AccountReport { account: account.reported(), report }))
    }

    /// All plans, the cheapest first.
    async fn plans(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = true, desc = "Also those that are not on sale any more.")] include_retired: bool,
    ) -> Result<Vec<PlanObject>, Error> {
        let plans = Plan::all(&mut *app(ctx)?.db.conn().await?).await?;
        Ok(plans.into_iter().filter(|plan| plan.on_sale || include_retired).map(PlanObject).collect())
    }
}

pub struct AccountReport {
    account: AccountObject,
    report: Report,
}

/// Everything billing knows about one person or account.
#[Object]
impl AccountReport {
    /// The account that was meant, with its payments, purchases, sales, credits and limits; of a person with several, one that they own.
    async fn account(&self) -> &AccountObject {
        &self.account
    }

    /// The person who was meant, or the account's owner.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<UserObject>, Error> {
        match self.report.found.user {
            Some(user) => UserObject::load(ctx, user).await,
            None => Ok(None),
        }
    }

    /// What the reference was read as.
    async fn matched_by(&self) -> &str {
        self.report.matched_by
    }

    /// What it pays for, or has on trial.
    async fn subscription(&self, ctx: &Context<'_>) -> Result<Option<PlanSubscription>, Error> {
        match &self.report.subscription {
            Some(row) => Ok(Some(PlanSubscription::new(ctx, row.clone()).await?)),
            None => Ok(None),
        }
    }

    /// The same subscription as the provider told it last.
    async fn provider_subscription(&self) -> Option<Json> {
        self.report.subscription.as_ref().and_then(|row| row.raw.as_deref().cloned()).map(Json)
    }

    /// What Stripe has sent about it, the latest first; at most 20.
    async fn deliveries(&self) -> Vec<WebhookDelivery> {
        self.report.deliveries.iter().cloned().map(WebhookDelivery).collect()
    }

    /// Why the account has the access it has.
    async fn explanation(&self) -> &str {
        &self.report.explanation
    }
}

/// Credits for an account that has not bought them.
#[derive(InputObject)]
pub struct GrantCreditsInput {
    /// Who gets them.
    account_id: ID,
    /// How many.
    credits: i32,
    /// Why: the account's people read it.
    reason: String,
    /// The same key gives them once.
    idempotency_key: String,
}

/// What a change of credits answers.
#[derive(SimpleObject)]
pub struct CreditsPayload {
    /// As they stand now.
    credits: Option<Credits>,
    /// What was added.
    entry: Option<CreditEntry>,
    /// Why nothing was done, if nothing was.
    user_errors: Vec<UserError>,
}

impl Payload for CreditsPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { credits: None, entry: None, user_errors }
    }
}

#[derive(Default)]
pub struct StaffMutation;

#[Object]
impl StaffMutation {
    /// For the platform's staff: gives an account credits.
    async fn grant_credits(&self, ctx: &Context<'_>, input: GrantCreditsInput) -> Result<CreditsPayload, Error> {
        answer(grant(ctx, input).await)
    }
}

async fn grant(ctx: &Context<'_>, input: GrantCreditsInput) -> Result<CreditsPayload, Error> {
    let (actor, account) = (actor(ctx)?, AccountId::decode(&input.account_id)?);
    let GrantCreditsInput { credits, reason, idempotency_key, .. } = input;
    let input = GrantCredits { account, credits, reason, idempotency_key };
    let entry = grant_credits::grant_credits(app(ctx)?, actor, requester(ctx)?, &input).await?;
    Ok(CreditsPayload { credits: Some(Credits::of(ctx, account).await?), entry: Some(CreditEntry(entry)), user_errors: Vec::new() })
}
