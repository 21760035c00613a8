//! What subtree nodes call: from the reference that an author wrote to the version that is published now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;

use super::document::Document;
use super::tree::{Status, Tree, TreeRef};
use super::validate::{Callee, Callees};
use super::version::{Pin, Version, Versions};
use crate::db::Conn;
use crate::db::schema::trees;
use crate::error::Error;
use crate::id::{AccountId, TreeId, VersionId};

/// Held by whoever changes what calls what, until the transaction ends: of two trees that begin to call each other, the second sees
/// the cycle; a tree that is being called cannot be deleted.
pub async fn lock(conn: &mut Conn, account: AccountId) -> QueryResult<()> {
    let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('calls:' || $1::text, 0))");
    diesel_async::RunQueryDsl::execute(lock.bind::<diesel::sql_types::Uuid, _>(account), conn).await.map(|_| ())
}

/// The trees that a document calls, as they stand now.
pub struct Calls {
    /// By the reference as written in the document.
    called: HashMap<String, Tree>,
    versions: HashMap<VersionId, Arc<Version>>,
}

impl Calls {
    pub async fn resolve(conn: &mut Conn, versions: &Versions, account: AccountId, document: &Document) -> Result<Self, Error> {
        let references: HashSet<&str> = document.nodes.values().filter_map(|node| node.tree.as_deref()).collect();
        if references.is_empty() {
            return Ok(Self { called: HashMap::new(), versions: HashMap::new() });
        }
        let (mut ids, mut slugs) = (Vec::new(), Vec::new());
        for reference in &references {
            match TreeRef::parse(reference) {
                TreeRef::Id(id) => ids.push(id),
                TreeRef::Slug(slug) => slugs.push(slug),
            }
        }
        let named = trees::id.eq_any(ids).or(trees::slug.eq_any(slugs));
        let query = trees::table.filter(trees::account_id.eq(account)).filter(named).select(Tree::as_select());
        let found: Vec<Tree> = diesel_async::RunQueryDsl::load(query, conn).await?;
        let called: HashMap<String, Tree> = references
            .into_iter()
            .filter_map(|reference| {
                let tree = match TreeRef::parse(reference) {
                    TreeRef::Id(id) => found.iter().find(|tree| tree.id == id),
                    TreeRef::Slug(slug) => found.iter().find(|tree| tree.slug == slug),
                };
                tree.map(|tree| (reference.to_owned(), tree.clone()))
            })
            .collect();
        let roots: Vec<_> = called.values().filter_map(callable).map(|version| (account, version)).collect();
        Ok(Self { versions: versions.closure(conn, &roots).await?, called })
    }

    /// What validation has to know of them. `this` is the tree that calls; none for one that does not exist yet.
    pub fn callees(&self, this: Option<TreeId>) -> Callees {
        let describe = |tree: &Tree| {
            let Some(version) = callable(tree).and_then(|id| self.versions.get(&id)) else { return Callee::NotPublished };
            Callee::Published {
                variables: version.document.variables.clone(),
                depth: self.depth(version, &mut HashMap::new()),
                calls_this: this.is_some_and(|this| tree.id == this || self.reaches(version, this)),
            }
        };
        self.called.iter().map(|(reference, tree)| (reference.clone(), describe(tree))).collect()
    }

    /// For each subtree node, the version that it calls from now on. Those of unpublished trees are left out: validation has refused them.
    pub fn pins(&self, document: &Document) -> HashMap<String, Pin> {
        let pin = |reference: &str| {
            let tree = self.called.get(reference)?;
            Some(Pin { account: tree.account_id, tree: tree.id, version: callable(tree)? })
        };
        document.nodes.iter().filter_map(|(key, node)| Some((key.clone(), pin(node.tree.as_deref()?)?))).collect()
    }

    /// The tree behind a reference.
    pub fn tree(&self, reference: &str) -> Option<&Tree> {
        self.called.get(reference)
    }

    /// How many calls deep it goes; 1 for a version that calls nobody. Published calls are at most 8 deep, so this recursion ends.
    fn depth(&self, version: &Version, known: &mut HashMap<VersionId, usize>) -> usize {
        if let Some(depth) = known.get(&version.id) {
            return *depth;
        }
        let callees = version.pins.values().filter_map(|pin| self.versions.get(&pin.version));
        let depth = 1 + callees.map(|callee| self.depth(callee, known)).max().unwrap_or(0);
        known.insert(version.id, depth);
        depth
    }

    /// Whether a version calls any version of a tree, directly or through others.
    fn reaches(&self, from: &Version, tree: TreeId) -> bool {
        let mut seen = HashSet::from([from.id]);
        let mut waiting = vec![from];
        while let Some(version) = waiting.pop() {
            if version.tree_id == tree {
                return true;
            }
            let callees = version.pins.values().filter_map(|pin| self.versions.get(&pin.version));
            waiting.extend(callees.map(Arc::as_ref).filter(|callee| seen.insert(callee.id)));
        }
        false
    }
}

/// What a call of this tree would run: nothing unless it is published and in use.
fn callable(tree: &Tree) -> Option<VersionId> {
    match tree.status {
        Status::Published => tree.published_version_id,
        Status::Draft | Status::Archived => None,
    }
}
