//! The `listings` table: trees on sale. Each time that a tree is put on sale makes a row; at most one row of a tree is on sale, and a new
//! price changes that one.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

use super::price::Price;
use crate::billing::entitlement;
use crate::billing::plan::Feature;
use crate::clock::Clock;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::listings;
use crate::graphql::page::Page;
use crate::id::{AccountId, Id, ListingId, TreeId};
use crate::tree::search;

/// What is on sale, with what strangers see of the tree.
#[derive(Clone, Debug, QueryableByName)]
pub struct Listing {
    #[diesel(sql_type = Uuid)]
    pub id: ListingId,
    #[diesel(sql_type = Uuid)]
    pub seller_id: AccountId,
    #[diesel(sql_type = Text)]
    pub seller: String,
    #[diesel(sql_type = Uuid)]
    pub tree_id: TreeId,
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
    #[diesel(sql_type = Text)]
    pub currency: String,
    #[diesel(sql_type = Text)]
    pub title: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub summary: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub category: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub node_count: i64,
}

/// Nothing is sold by an account that is about to be deleted. A published tree has a row of words for each node.
const ON_SALE: &str = "SELECT listings.id, listings.account_id AS seller_id, accounts.name AS seller, listings.tree_id, listings.amount, \
            listings.currency, trees.title, trees.summary, trees.category, \
            (SELECT count(*) FROM tree_texts nodes WHERE nodes.account_id = trees.account_id AND nodes.tree_id = trees.id \
                AND nodes.edition = 'published' AND nodes.node_key <> '') AS node_count \
     FROM listings \
     JOIN accounts ON accounts.id = listings.account_id AND accounts.deletes_at IS NULL \
     JOIN trees ON trees.account_id = listings.account_id AND trees.id = listings.tree_id AND trees.status = 'published'";
/// What a tree itself is called, never the words of its nodes: a search must not tell what these say.
const WORDS: &str = "JOIN tree_texts about ON about.account_id = trees.account_id AND about.tree_id = trees.id \
            AND about.edition = 'published' AND about.node_key = '' \
            AND (about.search @@ to_tsquery('simple', $5) OR about.heading %> $6)";

impl Listing {
    /// In no particular order; trees that are not on sale are left out.
    pub async fn find_many(conn: &mut Conn, trees: &[(AccountId, TreeId)]) -> QueryResult<Vec<Self>> {
        let (sellers, ids): (Vec<_>, Vec<_>) = trees.iter().copied().unzip();
        let condition = "WHERE listings.unlisted_at IS NULL AND (listings.account_id, listings.tree_id) IN \
                         (SELECT * FROM unnest($1::uuid[], $2::uuid[]))";
        let query = diesel::sql_query(format!("{ON_SALE} {condition}"));
        Cached(query.bind::<Array<Uuid>, _>(sellers).bind::<Array<Uuid>, _>(ids)).load(conn).await
    }

    /// By what buyers know of it.
    pub async fn of_tree(conn: &mut Conn, tree: TreeId) -> QueryResult<Option<Self>> {
        let query = diesel::sql_query(format!("{ON_SALE} WHERE listings.unlisted_at IS NULL AND listings.tree_id = $1"));
        Cached(query.bind::<Uuid, _>(tree)).get_result(conn).await.optional()
    }

    /// What others than the viewer sell, the newest first: what can be bought now. `query`: words of titles, summaries and tags; the last
    /// one may go on.
    pub async fn page(
        conn: &mut Conn,
        viewer: AccountId,
        query: Option<&str>,
        now: DateTime<Utc>,
        page: &Page<ListingId>,
    ) -> QueryResult<Vec<Self>> {
        let words = query.map(search::words);
        if words.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let filter = if words.is_some() { WORDS } else { "" };
        let selling = entitlement::condition("listings.account_id", Feature::MarketplaceSelling, "$4");
        let condition = format!(
            "WHERE listings.unlisted_at IS NULL AND listings.account_id <> $1 AND ($2 IS NULL OR listings.id < $2) AND {selling} \
             ORDER BY listings.id DESC LIMIT $3"
        );
        let statement = diesel::sql_query(format!("{ON_SALE} {filter} {condition}"))
            .into_boxed()
            .bind::<Uuid, _>(viewer)
            .bind::<Nullable<Uuid>, _>(page.after)
            .bind::<BigInt, _>(page.limit())
            .bind::<Timestamptz, _>(now);
        let statement = match words {
            Some(words) => statement.bind::<Text, _>(search::prefix_query(&words)).bind::<Text, _>(words.join(" ")),
            None => statement,
        };
        statement.load(conn).await
    }
}

/// The row of a tree that is on sale, held until the transaction ends.
pub async fn lock(conn: &mut Conn, seller: AccountId, tree: TreeId) -> QueryResult<Option<(ListingId, Price)>> {
    let on_sale = listings::table.filter(listings::account_id.eq(seller)).filter(listings::tree_id.eq(tree));
    let columns = (listings::id, listings::amount, listings::currency);
    let found: Option<(ListingId, i64, String)> =
        on_sale.filter(listings::unlisted_at.is_null()).select(columns).for_no_key_update().first(conn).await.optional()?;
    Ok(found.map(|(id, amount, currency)| (id, Price { amount, currency })))
}

/// For buyers, who may be many at a time: what it costs now. It stays on sale at this price until the transaction ends.
pub async fn share(conn: &mut Conn, seller: AccountId, tree: TreeId) -> QueryResult<Option<Price>> {
    let on_sale = listings::table.filter(listings::account_id.eq(seller)).filter(listings::tree_id.eq(tree));
    let columns = (listings::amount, listings::currency);
    let found: Option<(i64, String)> =
        on_sale.filter(listings::unlisted_at.is_null()).select(columns).for_share().first(conn).await.optional()?;
    Ok(found.map(|(amount, currency)| Price { amount, currency }))
}

pub async fn insert(conn: &mut Conn, clock: &Clock, seller: AccountId, tree: TreeId, price: &Price) -> QueryResult<()> {
    diesel::insert_into(listings::table)
        .values((
            listings::id.eq(ListingId::new(clock)),
            listings::account_id.eq(seller),
            listings::tree_id.eq(tree),
            listings::amount.eq(price.amount),
            listings::currency.eq(&price.currency),
            listings::created_at.eq(clock.now()),
            listings::updated_at.eq(clock.now()),
        ))
        .execute(conn)
        .await
        .map(|_| ())
}

pub async fn set_price(conn: &mut Conn, id: ListingId, price: &Price, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(listings::table.find(id))
        .set((listings::amount.eq(price.amount), listings::currency.eq(&price.currency), listings::updated_at.eq(now)))
        .execute(conn)
        .await
        .map(|_| ())
}

/// False: the tree is not on sale. To be called in a transaction that holds the tree.
pub async fn withdraw_in_txn(conn: &mut Conn, seller: AccountId, tree: TreeId, now: DateTime<Utc>) -> QueryResult<bool> {
    let on_sale = listings::table.filter(listings::account_id.eq(seller)).filter(listings::tree_id.eq(tree));
    let withdrawn = diesel::update(on_sale.filter(listings::unlisted_at.is_null()))
        .set((listings::unlisted_at.eq(now), listings::updated_at.eq(now)))
        .execute(conn)
        .await?;
    Ok(withdrawn > 0)
}
