//! The `tree_versions` table: published content, which never changes. What never changes may be kept in memory: `Versions` is
//! a bounded cache, shared by all requests.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;
use moka::sync::Cache;

use super::document::{Document, Key};
use super::stored::Stored;
use super::validate::Runs;
use crate::db::Conn;
use crate::db::cached::Cached;
use crate::db::schema::{tree_versions, version_pins};
use crate::id::{AccountId, TreeId, UserId, VersionId};

#[derive(Clone, Debug)]
pub struct Version {
    pub account_id: AccountId,
    pub id: VersionId,
    pub tree_id: TreeId,
    pub number: i32,
    pub digest: String,
    pub document: Arc<Document>,
    /// For each subtree node, what it calls.
    pub pins: Arc<HashMap<Key, Pin>>,
    /// Worked out when it is first asked for; neither the version nor what it calls ever changes.
    pub nested: OnceLock<Nested>,
    pub notes: Option<String>,
    pub published_by: UserId,
    pub published_at: DateTime<Utc>,
}

/// What of a version depends on those that it calls.
#[derive(Clone, Copy, Debug)]
pub struct Nested {
    /// How many calls deep it goes; 1 for a version that calls nobody.
    pub depth: usize,
    pub runs: Runs,
}

/// One version of another tree, called by a subtree node. The tree may belong to another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pin {
    pub account: AccountId,
    pub tree: TreeId,
    pub version: VersionId,
}

/// A part of a tree's versions, the newest first, from before a number on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    pub tree: TreeId,
    pub before: i32,
    pub limit: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tree_versions)]
struct Row {
    account_id: AccountId,
    id: VersionId,
    tree_id: TreeId,
    number: i32,
    digest: String,
    document: Stored,
    notes: Option<String>,
    published_by: UserId,
    published_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = version_pins)]
struct PinRow {
    account_id: AccountId,
    version_id: VersionId,
    node_key: String,
    callee_account_id: AccountId,
    callee_tree_id: TreeId,
    callee_version_id: VersionId,
}

impl Version {
    pub async fn insert(conn: &mut Conn, version: &Self) -> QueryResult<()> {
        let row = Row {
            account_id: version.account_id,
            id: version.id,
            tree_id: version.tree_id,
            number: version.number,
            digest: version.digest.clone(),
            document: Stored(version.document.as_ref().clone()),
            notes: version.notes.clone(),
            published_by: version.published_by,
            published_at: version.published_at,
        };
        diesel::insert_into(tree_versions::table).values(&row).execute(conn).await?;
        let pins: Vec<PinRow> = version
            .pins
            .iter()
            .map(|(key, pin)| PinRow {
                account_id: version.account_id,
                version_id: version.id,
                node_key: key.clone(),
                callee_account_id: pin.account,
                callee_tree_id: pin.tree,
                callee_version_id: pin.version,
            })
            .collect();
        if !pins.is_empty() {
            diesel::insert_into(version_pins::table).values(&pins).execute(conn).await?;
        }
        Ok(())
    }

    /// The number that the next version of a tree gets. The tree's row must be locked.
    pub async fn next_number(conn: &mut Conn, account: AccountId, tree: TreeId) -> QueryResult<i32> {
        let of_tree = tree_versions::table.filter(tree_versions::account_id.eq(account)).filter(tree_versions::tree_id.eq(tree));
        let last: Option<i32> = of_tree.select(diesel::dsl::max(tree_versions::number)).first(conn).await?;
        Ok(last.unwrap_or(0) + 1)
    }

    /// Ids of the versions of trees, the newest first.
    pub async fn of_trees(conn: &mut Conn, account: AccountId, parts: &[Part]) -> QueryResult<HashMap<Part, Vec<VersionId>>> {
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = sql_types::BigInt)]
            part: i64,
            #[diesel(sql_type = sql_types::Uuid)]
            id: VersionId,
        }
        let query = diesel::sql_query(
            "SELECT wanted.part, versions.id FROM unnest($2, $3, $4) WITH ORDINALITY AS wanted (tree_id, before, most, part) \
             CROSS JOIN LATERAL (SELECT v.id, v.number FROM tree_versions v WHERE v.account_id = $1 AND v.tree_id = wanted.tree_id \
             AND v.number < wanted.before ORDER BY v.number DESC LIMIT wanted.most) AS versions ORDER BY wanted.part, versions.number DESC",
        );
        let query = query
            .bind::<sql_types::Uuid, _>(account)
            .bind::<sql_types::Array<sql_types::Uuid>, _>(parts.iter().map(|part| part.tree).collect::<Vec<_>>())
            .bind::<sql_types::Array<sql_types::Integer>, _>(parts.iter().map(|part| part.before).collect::<Vec<_>>())
            .bind::<sql_types::Array<sql_types::BigInt>, _>(parts.iter().map(|part| part.limit).collect::<Vec<_>>());
        let mut found: HashMap<Part, Vec<VersionId>> = parts.iter().map(|part| (*part, Vec::new())).collect();
        for Found { part, id } in Cached(query).load::<Found>(conn).await? {
            let part = usize::try_from(part - 1).ok().and_then(|index| parts.get(index));
            if let Some(ids) = part.and_then(|part| found.get_mut(part)) {
                ids.push(id);
            }
        }
        Ok(found)
    }

    async fn load(conn: &mut Conn, account: AccountId, ids: &[VersionId]) -> QueryResult<Vec<Self>> {
        let query = tree_versions::table.filter(tree_versions::account_id.eq(account)).filter(tree_versions::id.eq_any(ids));
        let rows: Vec<Row> = query.select(Row::as_select()).load(conn).await?;
        // Most trees call no other.
        let calling: Vec<_> = rows.iter().filter(|row| row.document.0.nodes.values().any(|n| n.tree.is_some())).map(|row| row.id).collect();
        let mut pins: HashMap<VersionId, HashMap<Key, Pin>> = HashMap::new();
        if !calling.is_empty() {
            let query = version_pins::table.filter(version_pins::account_id.eq(account)).filter(version_pins::version_id.eq_any(&calling));
            for row in query.select(PinRow::as_select()).load::<PinRow>(conn).await? {
                let pin = Pin { account: row.callee_account_id, tree: row.callee_tree_id, version: row.callee_version_id };
                pins.entry(row.version_id).or_default().insert(row.node_key, pin);
            }
        }
        Ok(rows
            .into_iter()
            .map(|row| Self {
                account_id: row.account_id,
                id: row.id,
                tree_id: row.tree_id,
                number: row.number,
                digest: row.digest,
                document: Arc::new(row.document.0),
                pins: Arc::new(pins.remove(&row.id).unwrap_or_default()),
                nested: OnceLock::new(),
                notes: row.notes,
                published_by: row.published_by,
                published_at: row.published_at,
            })
            .collect())
    }
}

/// Nodes kept in memory, over all cached versions: about 50 MB of ordinary trees.
const CACHED_NODES: u64 = 50_000;

#[derive(Clone)]
pub struct Versions {
    cache: Cache<(AccountId, VersionId), Arc<Version>>,
}

impl Default for Versions {
    fn default() -> Self {
        Self::holding(CACHED_NODES)
    }
}

impl Versions {
    /// As many as have this many nodes in all.
    pub fn holding(nodes: u64) -> Self {
        let weigh = |_: &(AccountId, VersionId), version: &Arc<Version>| {
            // A long text weighs as much as many short nodes.
            let bodies: usize = version.document.nodes.values().filter_map(|node| node.body.as_ref().map(String::len)).sum();
            u32::try_from(version.document.nodes.len() + bodies / 1024 + 1).unwrap_or(u32::MAX)
        };
        Self { cache: Cache::builder().weigher(weigh).max_capacity(nodes).build() }
    }

    /// How many nodes are in memory.
    pub fn held(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.weighted_size()
    }

    /// What of these is in memory.
    pub fn cached(&self, account: AccountId, id: VersionId) -> Option<Arc<Version>> {
        self.cache.get(&(account, id))
    }

    pub async fn get(&self, conn: &mut Conn, account: AccountId, id: VersionId) -> QueryResult<Option<Arc<Version>>> {
        Ok(self.get_many(conn, account, &[id]).await?.remove(&id))
    }

    /// One statement for all that are not in memory, none if all are.
    pub async fn get_many(&self, conn: &mut Conn, account: AccountId, ids: &[VersionId]) -> QueryResult<HashMap<VersionId, Arc<Version>>> {
        let mut found: HashMap<_, _> = ids.iter().filter_map(|id| self.cached(account, *id).map(|version| (*id, version))).collect();
        let missing: Vec<_> = ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        if !missing.is_empty() {
            for version in Version::load(conn, account, &missing).await? {
                let version = Arc::new(version);
                self.cache.insert((account, version.id), version.clone());
                found.insert(version.id, version);
            }
        }
        Ok(found)
    }

    /// These versions and all that they call, directly or through others. Ends because calls never form a cycle.
    pub async fn closure(&self, conn: &mut Conn, roots: &[(AccountId, VersionId)]) -> QueryResult<Closure> {
        let mut all: HashMap<VersionId, Arc<Version>> = HashMap::new();
        let mut asked: HashSet<VersionId> = HashSet::new();
        let mut wanted: Vec<(AccountId, VersionId)> = roots.to_vec();
        while !wanted.is_empty() {
            let mut by_account: HashMap<AccountId, Vec<VersionId>> = HashMap::new();
            for (account, id) in wanted.drain(..) {
                if asked.insert(id) {
                    by_account.entry(account).or_default().push(id);
                }
            }
            for (account, ids) in by_account {
                let found = self.get_many(conn, account, &ids).await?;
                wanted.extend(found.values().flat_map(|version| version.pins.values()).map(|pin| (pin.account, pin.version)));
                all.extend(found);
            }
            wanted.retain(|(_, id)| !asked.contains(id));
        }
        Ok(Closure(Arc::new(all)))
    }
}

/// Versions, and all that they call. Shared by all who asked for it together.
#[derive(Clone, Debug, Default)]
pub struct Closure(Arc<HashMap<VersionId, Arc<Version>>>);

impl Closure {
    pub fn get(&self, id: VersionId) -> Option<&Arc<Version>> {
        self.0.get(&id)
    }

    /// One version, and what it calls, directly or through others.
    pub fn of(&self, root: VersionId) -> Vec<&Arc<Version>> {
        let (mut found, mut seen, mut waiting) = (Vec::new(), HashSet::from([root]), vec![root]);
        while let Some(version) = waiting.pop().and_then(|id| self.get(id)) {
            waiting.extend(version.pins.values().map(|pin| pin.version).filter(|callee| seen.insert(*callee)));
            found.push(version);
        }
        found
    }
}
