//! Bought trees: what an account may walk although it is another's. The purchase leads to the tree, so that each query names both accounts.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::billing::purchase::Status;
use crate::db::Conn;
use crate::db::schema::{purchases, trees};
use crate::id::{AccountId, TreeId, VersionId};
use crate::tree::tree::Tree;

/// Those of these trees that the account has bought, in no particular order. Every one has a published version, also if its seller
/// has archived it since.
pub async fn bought(conn: &mut Conn, buyer: AccountId, ids: &[TreeId]) -> QueryResult<Vec<Tree>> {
    let sold = purchases::seller_account_id.eq(trees::account_id.nullable()).and(purchases::tree_id.eq(trees::id));
    let query = trees::table.inner_join(purchases::table.on(sold)).filter(purchases::account_id.eq(buyer));
    let active = query.filter(purchases::status.eq(Status::Active.as_str())).filter(purchases::tree_id.eq_any(ids));
    active.filter(trees::published_version_id.is_not_null()).select(Tree::as_select()).load(conn).await
}

/// The bought trees whose present versions these are.
pub async fn of_versions(conn: &mut Conn, buyer: AccountId, versions: &[VersionId]) -> QueryResult<Vec<Tree>> {
    let sold = purchases::seller_account_id.eq(trees::account_id.nullable()).and(purchases::tree_id.eq(trees::id));
    let query = trees::table.inner_join(purchases::table.on(sold)).filter(purchases::account_id.eq(buyer));
    let active = query.filter(purchases::status.eq(Status::Active.as_str())).filter(trees::published_version_id.eq_any(versions));
    active.select(Tree::as_select()).load(conn).await
}
