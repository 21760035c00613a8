//! `updatePlan` and `retirePlan`, for the platform's staff.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::plan::{FREE, Feature, LimitKey, Plan, Tier};
use super::plan_terms::{Offer, Terms};
use crate::app::App;
use crate::db::schema::plans;
use crate::error::{Code, Error, Refusal};
use crate::id::PlanId;
use crate::identity::actor::{Actor, Requester};
use crate::identity::audit::{self, Entry};
use crate::text;

/// What is None stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    /// Some(None) takes it away.
    pub description: Option<Option<String>>,
    pub tier: Option<Tier>,
    pub prices: Option<Vec<Offer>>,
    pub limits: Option<Vec<(LimitKey, Option<i32>)>>,
    pub features: Option<Vec<Feature>>,
    pub trial_days: Option<i32>,
    pub on_sale: Option<bool>,
}

pub async fn update_plan(app: &App, actor: &Actor, from: &Requester, key: &str, revision: i32, change: &Change) -> Result<Plan, Error> {
    write(app, actor, from, "updatePlan", (key, revision), change).await
}

/// Takes it off sale; who has it keeps it.
pub async fn retire_plan(app: &App, actor: &Actor, from: &Requester, key: &str, revision: i32) -> Result<Plan, Error> {
    let change = Change { on_sale: Some(false), ..Change::default() };
    write(app, actor, from, "retirePlan", (key, revision), &change).await
}

async fn write(
    app: &App,
    actor: &Actor,
    from: &Requester,
    action: &str,
    (key, revision): (&str, i32),
    change: &Change,
) -> Result<Plan, Error> {
    actor.require_staff()?;
    if key == FREE && change.on_sale == Some(false) {
        return Err(Refusal::at(Code::WrongState, "key", "The free plan is what accounts fall back to: it cannot be retired.").into());
    }
    let now = app.clock.now();
    app.db
        .transaction(async |conn| {
            let missing = || Refusal::at(Code::NotFound, "key", format!("There is no plan `{}`.", text::shortened(key)));
            if !text::is_name(key) {
                return Err(missing().into());
            }
            let found: Option<PlanId> =
                plans::table.filter(plans::key.eq(key)).select(plans::id).for_no_key_update().first(conn).await.optional()?;
            let id = found.ok_or_else(missing)?;
            let plan = Plan::find(conn, key).await?.ok_or_else(missing)?;
            if plan.revision != revision {
                return Err(Refusal::revision_conflict(plan.revision).into());
            }
            let present = Terms::of(&plan);
            let terms = change.applied_to(present.clone()).check(&present.prices)?;
            terms.write(conn, id, now).await?;
            diesel::update(plans::table.find(id)).set(plans::revision.eq(plans::revision + 1)).execute(conn).await?;
            let line = Entry { actor: Some(actor.user), ..Entry::new(action, now) };
            audit::record(conn, &line.about(key).from(from)).await?;
            Ok(Plan::find(conn, key).await?.ok_or_else(missing)?)
        })
        .await
}

impl Change {
    fn applied_to(&self, terms: Terms) -> Terms {
        let change = self.clone();
        Terms {
            name: change.name.unwrap_or(terms.name),
            description: change.description.unwrap_or(terms.description),
            tier: change.tier.unwrap_or(terms.tier),
            prices: change.prices.unwrap_or(terms.prices),
            limits: change.limits.unwrap_or(terms.limits),
            features: change.features.unwrap_or(terms.features),
            trial_days: change.trial_days.unwrap_or(terms.trial_days),
            on_sale: change.on_sale.unwrap_or(terms.on_sale),
        }
    }
}
