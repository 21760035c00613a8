//! `product.*` and `price.*`: what we sell is decided here. What somebody changes at Stripe is noticed, and left for people to judge.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Outcome, Status, Told};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{plan_prices, plans};
use crate::error::Error;
use crate::staff::alerts::{self, Kind};
use crate::stripe::object::{Price, Product};

pub async fn apply_product(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let product = Product::read(told.object);
    let told_of = plans::table.filter(plans::provider_product_id.eq(product.id.as_deref()));
    let query = told_of.select((plans::key, plans::name, plans::on_sale, plans::provider_told_at));
    let plan: Option<(String, String, bool, Option<DateTime<Utc>>)> = query.first(conn).await.optional()?;
    let Some((plan, name, on_sale, told_at)) = plan else { return Ok(Outcome::ignored("the product is none of our plans")) };
    if told_at > Some(told.from) {
        return Ok(Outcome::new(Status::Stale, LATE));
    }
    diesel::update(told_of).set(plans::provider_told_at.eq(told.from)).execute(conn).await?;
    let note = if told.kind == "product.deleted" && on_sale {
        Some(format!("its product was deleted; {TOLD_AGAIN}"))
    } else if product.active == Some(false) && on_sale {
        Some(format!("its product was archived; {NOT_SOLD}"))
    } else {
        product.name.filter(|told| *told != name).map(|told| format!("its product is called `{told}` there; {HERE}"))
    };
    notice(conn, app, &plan, &product.id.unwrap_or_default(), note).await
}

pub async fn apply_price(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let price = Price::read(told.object);
    let told_of = plan_prices::table.filter(plan_prices::provider_price_id.eq(price.id.as_deref()));
    let offered = plan_prices::retired_at.is_null().and(plans::on_sale);
    let query = told_of.inner_join(plans::table).select((plans::key, plan_prices::unit_amount, offered, plan_prices::provider_told_at));
    let ours: Option<(String, i64, bool, Option<DateTime<Utc>>)> = query.first(conn).await.optional()?;
    let Some((plan, amount, offered, told_at)) = ours else { return Ok(Outcome::ignored("the price is none of our plans'")) };
    if told_at > Some(told.from) {
        return Ok(Outcome::new(Status::Stale, LATE));
    }
    diesel::update(told_of).set(plan_prices::provider_told_at.eq(told.from)).execute(conn).await?;
    let id = price.id.unwrap_or_default();
    let note = if told.kind == "price.deleted" && offered {
        Some(format!("the price {id} was deleted; {TOLD_AGAIN}"))
    } else if price.active == Some(false) && offered {
        Some(format!("the price {id} was archived; {NOT_SOLD}"))
    } else {
        price.unit_amount.filter(|told| *told != amount).map(|told| format!("the price {id} is {told} there and {amount} here; {HERE}"))
    };
    notice(conn, app, &plan, &id, note).await
}

/// What has failed is sent again, after what followed it.
const LATE: &str = "a later change is known already";

/// What comes of it, and what to do.
const NOT_SOLD: &str = "nobody can buy it until that is undone there, or done here with updatePlan or retirePlan.";
const TOLD_AGAIN: &str = "it is made anew as soon as somebody wants to buy it.";
const HERE: &str = "undo that there, or change the plan with updatePlan.";

/// `id`: of the product or the price.
async fn notice(conn: &mut Conn, app: &App, plan: &str, id: &str, note: Option<String>) -> Result<Outcome, Error> {
    let now = app.clock.now();
    Ok(match note {
        Some(note) => {
            alerts::open(conn, Kind::PlanDiffers, id, &format!("The plan `{plan}` was changed at Stripe: {note}"), now).await?;
            Outcome::new(Status::Completed, format!("the plan differs: {note}"))
        }
        None => {
            alerts::close(conn, Kind::PlanDiffers, id, now).await?;
            Outcome::new(Status::Completed, "the plan is as it is here")
        }
    })
}
