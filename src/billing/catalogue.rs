//! From what Stripe sells to our plans: by the price, else by the product.

use diesel::prelude::*;
use diesel::sql_types::{Array, Nullable, Text, Uuid};
use diesel_async::RunQueryDsl;

use super::derive::Bought;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::id::PlanId;
use crate::stripe::object::Item;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    provider_id: String,
    #[diesel(sql_type = Uuid)]
    plan_id: PlanId,
    #[diesel(sql_type = Nullable<Text>)]
    interval: Option<String>,
}

/// What each of these is for; None where it is for none of our plans. One statement for all.
pub async fn bought(conn: &Conn, items: &[&Item]) -> QueryResult<Vec<Option<Bought>>> {
    let prices: Vec<&str> = items.iter().filter_map(|item| item.price.as_deref()).collect();
    let products: Vec<&str> = items.iter().filter_map(|item| item.product.as_deref()).collect();
    let query = diesel::sql_query(
        "SELECT provider_price_id AS provider_id, plan_id, interval FROM plan_prices WHERE provider_price_id = ANY ($1) \
         UNION ALL SELECT provider_product_id, id, NULL FROM plans WHERE provider_product_id = ANY ($2)",
    )
    .bind::<Array<Text>, _>(&prices)
    .bind::<Array<Text>, _>(&products);
    let rows: Vec<Row> = Cached(query).load(&mut &*conn).await?;
    let known = |id: Option<&str>| id.and_then(|id| rows.iter().find(|row| row.provider_id == id));
    Ok(items
        .iter()
        .map(|item| {
            let row = known(item.price.as_deref()).or_else(|| known(item.product.as_deref()))?;
            let told = item.interval.clone().filter(|interval| interval == "month" || interval == "year");
            let seats = item.quantity.and_then(|seats| i32::try_from(seats).ok()).unwrap_or(1).max(1);
            Some(Bought { plan: row.plan_id, interval: told.or_else(|| row.interval.clone()), seats })
        })
        .collect())
}
