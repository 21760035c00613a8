//! `previewPlanChange`: what `changePlan` would cost. Changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails, CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior as Proration,
};

use super::alter::{self, Present};
use super::change_plan::{Target, When, refuse_now, target};
use crate::app::App;
use crate::error::Error;
use crate::id::Id;
use crate::identity::actor::{Actor, Role};
use crate::stripe::client::Answer;
use crate::stripe::object::field::{number, time};

#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    pub due_now: i64,
    pub next_invoice: i64,
    pub next_invoice_at: Option<DateTime<Utc>>,
    pub currency: String,
}

pub async fn preview_plan_change(app: &App, actor: &Actor, plan_key: &str, interval: &str, seats: Option<i32>) -> Result<Preview, Error> {
    actor.require(Role::Owner)?;
    let row = alter::subscribed(app, actor.account).await?;
    let present = alter::present(app, &row).await?;
    let target = target(app, actor, &present, plan_key, interval, seats).await?;
    refuse_now(&present)?;
    let currency = target.offer.currency.clone();
    let trialing = present.status == "trialing";
    let other_interval = row.interval.as_deref() != Some(target.offer.interval.as_str());
    let whole = target.offer.unit_amount.saturating_mul(target.seats.into());
    if other_interval && !trialing && target.when == When::Now {
        // A new period begins at once, and is paid at once.
        let now = ask(app, actor, &present, &target, Proration::AlwaysInvoice).await?;
        let days = if target.offer.interval == "year" { 365 } else { 30 };
        let next = time(&now.body, "lines.data.0.period.end").unwrap_or(app.clock.now() + TimeDelta::days(days));
        let last = crate::stripe::object::field::items(&now.body, "lines").iter().filter_map(|line| time(line, "period.end")).max();
        return Ok(Preview { due_now: due(&now), next_invoice: whole, next_invoice_at: Some(last.unwrap_or(next)), currency });
    }
    let due_now = match target.when {
        When::Now if !trialing && !target.is_had(&present) => due(&ask(app, actor, &present, &target, Proration::AlwaysInvoice).await?),
        When::Now | When::AtPeriodEnd => 0,
    };
    // While a trial runs, the next period begins when it ends, whatever it is by then.
    let next_invoice = if other_interval && !trialing { whole } else { due(&ask(app, actor, &present, &target, Proration::None).await?) };
    Ok(Preview { due_now, next_invoice, next_invoice_at: row.current_period_end, currency })
}

/// Stripe computes a preview on POST and writes nothing: it is a read, whatever the method. So its key need not come from a row of ours as
/// that of a write; it is a new one each time, since Stripe would answer a known one with what it has computed before.
async fn ask(app: &App, actor: &Actor, present: &Present, target: &Target, proration: Proration) -> Result<Answer, Error> {
    let mut item = CreatePreviewInvoiceSubscriptionDetailsItems::new();
    item.id = Some(present.item.clone());
    item.price = target.offer.provider_price.clone().filter(|price| *price != present.price);
    item.quantity = u64::try_from(target.seats).ok();
    let mut details = CreatePreviewInvoiceSubscriptionDetails::new();
    details.items = Some(vec![item]);
    details.proration_behavior = Some(proration);
    let request = CreatePreviewInvoice::new().subscription(present.id.as_str()).subscription_details(details);
    let key = format!("preview:{}:{:032x}", actor.account.encode(), rand::random::<u128>());
    match app.stripe.write("preview_invoice", &request, &key).await {
        Ok(answer) => Ok(answer),
        Err(error) => Err(alter::unsold(app, &target.offer, error).await),
    }
}

/// What is left to pay after credit from before; a credit of it is nothing to pay.
fn due(answer: &Answer) -> i64 {
    number(&answer.body, "amount_due").unwrap_or_default().max(0)
}
