//! What we sell, told to Stripe: a product for each plan, a price for each of its prices that is not zero. A price there never changes: a
//! changed amount is a new row here and a new price there, and the old one is archived; who subscribed at it keeps it.
//!
//! Products have an id of ours and prices a lookup key of ours, so that what was made and not written down is found again, and nothing is
//! made twice, whatever the key of the call. What Stripe fails to take keeps nobody from buying the rest.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use stripe_product::price::{CreatePrice, CreatePriceRecurring, CreatePriceRecurringInterval, ListPrice, UpdatePrice};
use stripe_product::product::{CreateProduct, UpdateProduct};

use super::alter::NOT_NOW;
use super::offer::Offer;
use crate::app::App;
use crate::db::schema::{plan_prices, plans};
use crate::error::{Code, Error, Refusal};
use crate::id::{Id, PlanId, PriceId};
use crate::staff::alerts::{self, Kind};
use crate::stripe::client::{Answer, Refused, StripeError};
use crate::stripe::object::field::text;

#[derive(Queryable, Selectable)]
#[diesel(table_name = plans)]
struct PlanRow {
    id: PlanId,
    key: String,
    name: String,
    description: Option<String>,
    on_sale: bool,
    revision: i32,
    provider_product_id: Option<String>,
    provider_revision: Option<i32>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = plan_prices)]
struct PriceRow {
    id: PriceId,
    interval: String,
    unit_amount: i64,
    currency: String,
    provider_price_id: Option<String>,
}

/// For the queue: every plan of which Stripe does not know the latest.
pub async fn offer_plans(app: &App) -> Result<(), Error> {
    if !app.stripe.is_set_up() {
        return Ok(());
    }
    let behind: Vec<PlanId> = plans::table
        .filter(plans::provider_revision.is_distinct_from(plans::revision.nullable()))
        .order(plans::id)
        .select(plans::id)
        .load(&mut *app.db.conn().await?)
        .await?;
    let mut told = Ok(());
    for plan in behind {
        told = told.and(offer_plan(app, plan).await);
    }
    told
}

/// The offer with what Stripe calls its price; it is told now if it was not yet. Whether Stripe has taken all else of the plan is no matter.
pub async fn offered(app: &App, offer: Offer) -> Result<Offer, Error> {
    if offer.provider_price.is_some() {
        return Ok(offer);
    }
    let unavailable = || Err(Refusal::at(Code::PlanUnavailable, "planKey", NOT_NOW).into());
    let told = offer_plan(app, offer.plan).await;
    let offer = Offer::of_price(&mut *app.db.conn().await?, offer.price).await?.unwrap_or(offer);
    match told {
        _ if offer.provider_price.is_some() => Ok(offer),
        // Retired before it was told: nobody tells it any more.
        _ if offer.retired_at.is_some() => unavailable(),
        Err(cause) if cause.cause::<Refused>().is_some_and(Refused::is_of_the_request) => {
            tracing::error!(plan = offer.plan_key, ?cause, "Stripe refuses to sell a plan");
            unavailable()
        }
        told => told.map(|()| offer),
    }
}

/// One plan, with all its prices: as many as Stripe takes. An error says that it has not taken all.
async fn offer_plan(app: &App, id: PlanId) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let plan: PlanRow = plans::table.find(id).select(PlanRow::as_select()).first(&mut conn).await?;
    let priced = plan_prices::table.filter(plan_prices::plan_id.eq(id)).filter(plan_prices::unit_amount.gt(0)).order(plan_prices::id);
    let wanted = async || -> Result<Vec<PriceRow>, Error> {
        let wanted = priced.filter(plan_prices::retired_at.is_null()).filter(plan_prices::provider_price_id.is_null());
        Ok(wanted.select(PriceRow::as_select()).load(&mut *app.db.conn().await?).await?)
    };
    let retired = priced.filter(plan_prices::retired_at.is_not_null()).filter(plan_prices::provider_archived_at.is_null());
    let retired: Vec<PriceRow> = retired.select(PriceRow::as_select()).load(&mut conn).await?;
    drop(conn);
    let mut told = Ok(());
    if plan.provider_product_id.is_some() || !wanted().await?.is_empty() {
        let product;
        (product, told) = offer_product(app, &plan).await?;
        // Read now: a product that Stripe turns out to have lost has lost its prices, too.
        for price in &wanted().await? {
            told = told.and(offer_price(app, &product, price).await);
        }
    }
    for price in &retired {
        told = told.and(archive_price(app, price).await);
    }
    told?;
    diesel::update(plans::table.find(id)).set(plans::provider_revision.eq(plan.revision)).execute(&mut *app.db.conn().await?).await?;
    Ok(())
}

/// Whoever keeps Stripe's data elsewhere now, or has lost it, knows none of it: everything is told again.
pub async fn forget_plan(app: &App, id: PlanId) -> Result<(), Error> {
    tracing::warn!(plan = ?id, "Stripe does not know a plan that it was told; it is told again");
    app.db
        .transaction(async |conn| {
            // What is retired is not told again: who still pays it is known by its id.
            let offered = || plan_prices::table.filter(plan_prices::plan_id.eq(id)).filter(plan_prices::retired_at.is_null());
            let product: Option<String> = plans::table.find(id).select(plans::provider_product_id).first(conn).await?;
            let prices: Vec<Option<String>> = offered().select(plan_prices::provider_price_id).load(conn).await?;
            let nothing = None::<String>;
            diesel::update(plans::table.find(id))
                .set((plans::provider_product_id.eq(&nothing), plans::provider_revision.eq(None::<i32>)))
                .execute(conn)
                .await?;
            diesel::update(offered()).set(plan_prices::provider_price_id.eq(&nothing)).execute(conn).await?;
            for forgotten in prices.into_iter().chain([product]).flatten() {
                alerts::close(conn, Kind::PlanDiffers, &forgotten, app.clock.now()).await?;
            }
            Ok(())
        })
        .await
}

/// Its id, and whether Stripe has taken what is new of it.
async fn offer_product(app: &App, plan: &PlanRow) -> Result<(String, Result<(), Error>), Error> {
    let description = plan.description.as_deref().filter(|text| !text.is_empty());
    if let Some(product) = &plan.provider_product_id {
        if plan.provider_revision != Some(plan.revision) {
            // What is not sent stays; what is sent empty is unset.
            let request = UpdateProduct::new(product.as_str())
                .name(plan.name.as_str())
                .active(plan.on_sale)
                .description(description.unwrap_or_default());
            let key = format!("{}:product:{}", plan.id.encode(), plan.revision);
            match app.stripe.insist("update_product", &request, &key).await {
                Ok(_) => agreed(app, product).await?,
                // Deleted there, with all its prices: it is made anew.
                Err(StripeError::Refused(refused)) if refused.is_missing() => {
                    forget_plan(app, plan.id).await?;
                    return Ok((create_product(app, plan, description).await?, Ok(())));
                }
                // It is there, and can have prices, whatever it is called.
                Err(error @ StripeError::Kept(_)) => return Ok((product.clone(), Err(error.into()))),
                Err(error) => return Err(error.into()),
            }
        }
        return Ok((product.clone(), Ok(())));
    }
    Ok((create_product(app, plan, description).await?, Ok(())))
}

async fn create_product(app: &App, plan: &PlanRow, description: Option<&str>) -> Result<String, Error> {
    let product = plan.id.encode();
    let mut request = CreateProduct::new(plan.name.as_str())
        .id(product.as_str())
        .active(plan.on_sale)
        .metadata(HashMap::from([("plan".to_owned(), plan.key.clone())]));
    if let Some(description) = description {
        request = request.description(description);
    }
    match app.stripe.insist("create_product", &request, &format!("{product}:create:{}", plan.revision)).await {
        Ok(_) => {}
        Err(StripeError::Refused(refused)) if refused.exists_already() => {}
        Err(error) => return Err(error.into()),
    }
    diesel::update(plans::table.find(plan.id)).set(plans::provider_product_id.eq(&product)).execute(&mut *app.db.conn().await?).await?;
    Ok(product)
}

async fn offer_price(app: &App, product: &str, price: &PriceRow) -> Result<(), Error> {
    let id = match known_price(app, price).await? {
        Some(id) => id,
        None => create_price(app, product, price).await?,
    };
    // What was retired meanwhile stays untold: by that, its checkouts are known to have no page.
    diesel::update(plan_prices::table.find(price.id).filter(plan_prices::retired_at.is_null()))
        .set(plan_prices::provider_price_id.eq(&id))
        .execute(&mut *app.db.conn().await?)
        .await?;
    Ok(())
}

async fn known_price(app: &App, price: &PriceRow) -> Result<Option<String>, Error> {
    let known = app.stripe.list("list_prices", |after| {
        let request = ListPrice::new().lookup_keys(vec![price.id.encode()]).limit(100);
        match after {
            Some(after) => request.starting_after(after),
            None => request,
        }
    });
    Ok(known.await?.into_iter().next().and_then(|price| text(&price, "id")))
}

async fn create_price(app: &App, product: &str, price: &PriceRow) -> Result<String, Error> {
    let lookup = price.id.encode();
    let interval = if price.interval == "year" { CreatePriceRecurringInterval::Year } else { CreatePriceRecurringInterval::Month };
    let currency: stripe_types::Currency = price.currency.to_lowercase().parse()?;
    let request = CreatePrice::new(currency)
        .product(product)
        .unit_amount(price.unit_amount)
        .recurring(CreatePriceRecurring::new(interval))
        .lookup_key(lookup.as_str());
    let made = match app.stripe.insist("create_price", &request, &lookup).await {
        Ok(Answer { body, .. }) => text(&body, "id"),
        // Made a moment ago under another key of the call.
        Err(StripeError::Refused(refused)) if refused.names("lookup_key") => known_price(app, price).await?,
        Err(error) => return Err(error.into()),
    };
    made.ok_or_else(|| Error::internal("Stripe made a price without an id"))
}

async fn archive_price(app: &App, price: &PriceRow) -> Result<(), Error> {
    if let Some(id) = &price.provider_price_id {
        let request = UpdatePrice::new(id.as_str()).active(false);
        match app.stripe.insist("archive_price", &request, &format!("{}:archive", price.id.encode())).await {
            Ok(_) => {}
            Err(StripeError::Refused(refused)) if refused.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    diesel::update(plan_prices::table.find(price.id))
        .set(plan_prices::provider_archived_at.eq(app.clock.now()))
        .execute(&mut *app.db.conn().await?)
        .await?;
    match &price.provider_price_id {
        Some(id) => agreed(app, id).await,
        None => Ok(()),
    }
}

/// Stripe has taken what we say of this product or price. What was changed there before, and is just that, is told by no event.
async fn agreed(app: &App, id: &str) -> Result<(), Error> {
    Ok(alerts::close(&mut *app.db.conn().await?, Kind::PlanDiffers, id, app.clock.now()).await?)
}
