//! `product.*` and `price.*`: what we sell is decided here. What somebody changes at Stripe is noticed, and left for people to judge.

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
    let query = plans::table.filter(plans::provider_product_id.eq(product.id.as_deref())).select((plans::key, plans::name, plans::on_sale));
    let plan: Option<(String, String, bool)> = query.first(conn).await.optional()?;
    let Some((plan, name, on_sale)) = plan else { return Ok(Outcome::ignored("the product is none of our plans")) };
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
    let query = plan_prices::table.inner_join(plans::table).filter(plan_prices::provider_price_id.eq(price.id.as_deref()));
    let query = query.select((plans::key, plan_prices::unit_amount, plan_prices::retired_at.is_null().and(plans::on_sale)));
    let ours: Option<(String, i64, bool)> = query.first(conn).await.optional()?;
    let Some((plan, amount, offered)) = ours else { return Ok(Outcome::ignored("the price is none of our plans'")) };
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
