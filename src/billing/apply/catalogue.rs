//! `product.*` and `price.*`: what we sell is decided here. What somebody changes at Stripe is noticed, and left for people to judge.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Outcome, Status, Told};
use crate::app::App;
use crate::db::Conn;
use crate::db::schema::{plan_prices, plans};
use crate::error::Error;
use crate::id::PlanId;
use crate::staff::alerts::{self, Kind};
use crate::stripe::object::{Price, Product};

pub async fn apply_product(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let product = Product::read(told.object);
    let query = plans::table.filter(plans::provider_product_id.eq(product.id.as_deref())).select((plans::id, plans::name, plans::on_sale));
    let plan: Option<(PlanId, String, bool)> = query.first(conn).await.optional()?;
    let Some((plan, name, on_sale)) = plan else { return Ok(Outcome::ignored("the product is none of our plans")) };
    let note = if told.kind == "product.deleted" {
        Some("its product was deleted at Stripe".to_owned())
    } else if product.active == Some(false) && on_sale {
        Some("its product was archived at Stripe".to_owned())
    } else {
        product.name.filter(|told| *told != name).map(|told| format!("its product is called `{told}` at Stripe"))
    };
    notice(conn, app, plan, &product.id.unwrap_or_default(), note).await
}

pub async fn apply_price(conn: &mut Conn, app: &App, told: &Told<'_>) -> Result<Outcome, Error> {
    let price = Price::read(told.object);
    let query = plan_prices::table.filter(plan_prices::provider_price_id.eq(price.id.as_deref())).select((
        plan_prices::plan_id,
        plan_prices::unit_amount,
        plan_prices::retired_at.is_null(),
    ));
    let ours: Option<(PlanId, i64, bool)> = query.first(conn).await.optional()?;
    let Some((plan, amount, current)) = ours else { return Ok(Outcome::ignored("the price is none of our plans'")) };
    let id = price.id.unwrap_or_default();
    let note = if told.kind == "price.deleted" {
        Some(format!("the price {id} was deleted at Stripe"))
    } else if price.active == Some(false) && current {
        Some(format!("the price {id} was archived at Stripe"))
    } else {
        price.unit_amount.filter(|told| *told != amount).map(|told| format!("the price {id} is {told} at Stripe and {amount} here"))
    };
    notice(conn, app, plan, &id, note).await
}

/// `id`: of the product or the price.
async fn notice(conn: &mut Conn, app: &App, plan: PlanId, id: &str, note: Option<String>) -> Result<Outcome, Error> {
    let now = app.clock.now();
    let noted = diesel::update(plans::table.find(plan))
        .set((plans::provider_note.eq(note.as_deref()), plans::updated_at.eq(now)))
        .returning(plans::key);
    let key: String = noted.get_result(conn).await?;
    Ok(match note {
        Some(note) => {
            let message = format!("The plan `{key}` was changed at Stripe: {note}. Change it with updatePlan, and back at Stripe.");
            alerts::open(conn, Kind::PlanDiffers, id, &message, now).await?;
            Outcome::new(Status::Completed, format!("the plan differs: {note}"))
        }
        None => {
            alerts::close(conn, Kind::PlanDiffers, id, now).await?;
            Outcome::new(Status::Completed, "the plan is as it is here")
        }
    })
}
