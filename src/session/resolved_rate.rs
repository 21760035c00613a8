//! How often a tree helped: over the completed sessions of all accounts that walk it.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Double, Uuid};
use diesel_async::RunQueryDsl;

use crate::db::Conn;
use crate::db::cached::Cached;
use crate::id::{AccountId, TreeId};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Uuid)]
    tree_account_id: AccountId,
    #[diesel(sql_type = Uuid)]
    tree_id: TreeId,
    #[diesel(sql_type = Double)]
    rate: f64,
}

/// From 0 to 1, by account and tree. A tree without a completed session is left out.
pub async fn resolved_rates(conn: &mut Conn, trees: &[(AccountId, TreeId)]) -> QueryResult<HashMap<(AccountId, TreeId), f64>> {
    let (accounts, ids): (Vec<_>, Vec<_>) = trees.iter().copied().unzip();
    let query = diesel::sql_query(
        "SELECT tree_account_id, tree_id, avg(CASE outcome WHEN 'resolved' THEN 1 ELSE 0 END)::float8 AS rate FROM sessions \
         WHERE (tree_account_id, tree_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[])) AND status = 'COMPLETED' \
         GROUP BY tree_account_id, tree_id",
    );
    let rows: Vec<Row> = Cached(query.bind::<Array<Uuid>, _>(accounts).bind::<Array<Uuid>, _>(ids)).load(conn).await?;
    Ok(rows.into_iter().map(|row| ((row.tree_account_id, row.tree_id), row.rate)).collect())
}
